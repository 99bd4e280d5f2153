"""Who is asking, and what they may do where. Deny by default.

A role is a set of permissions; a grant gives a role in some departments. Permissions are named for the thing and the
act on it; ``…-own`` reaches only tickets of which the principal is the requester. Who has ``ticket.break-glass``
anywhere may read a ticket of any department, if they say why.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from domain.envelope import Actor
from domain.setup.events import EVERYWHERE, RoleGranted
from domain.setup.state import Setup

_READ = {"ticket.read", "ticket.read-notes", "queue.read", "sla.read"}
_WORK = {
    "ticket.open",
    "ticket.open-for-others",
    "ticket.reply",
    "ticket.reply-as-agent",
    "ticket.note",
    "ticket.work",
    "ticket.watch",
    "ticket.attach",
    "ticket.quarantine",
}
_OWN = {
    "ticket.open",
    "ticket.read-own",
    "ticket.reply-own",
    "ticket.finish-own",
    "ticket.rate-own",
    "ticket.watch-own",
    "ticket.attach-own",
}

ROLES: dict[str, frozenset[str]] = {
    "requester": frozenset(_OWN),
    "agent": frozenset(_READ | _WORK | {"ticket.sign", "setup.read"}),
    "supervisor": frozenset(
        _READ
        | _WORK
        | {"ticket.sign", "ticket.supervise", "ticket.break-glass", "report.read", "setup.read", "door.operate"}
    ),
    "analyst": frozenset({"report.read", "sla.read", "queue.read", "setup.read"}),
    "compliance": frozenset(
        _READ
        | {
            "ticket.sign",
            "ticket.quarantine",
            "ticket.break-glass",
            "report.read",
            "setup.read",
            "record.read",
            "record.evidence",
            "record.hold",
            "record.disclose",
            "record.cosign",
            "record.erase",
            "audit.read",
        }
    ),
    "witness": frozenset({"record.read", "record.cosign"}),
    "service": frozenset(
        _OWN
        | {
            "ticket.open-for-others",
            "ticket.reply",
            "ticket.attach",
            "ticket.quarantine",
            "ticket.read",
            "queue.read",
            "feed.read",
            "request.send",
        }
    ),
    "admin": frozenset(_READ | _WORK | _OWN)
    | {
        "ticket.supervise",
        "ticket.sign",
        "ticket.backdate",
        "ticket.break-glass",
        "report.read",
        "setup.read",
        "setup.write",
        "record.read",
        "record.evidence",
        "record.hold",
        "record.disclose",
        "record.cosign",
        "record.erase",
        "audit.read",
        "feed.read",
        "request.send",
        "door.operate",
        "webhook.manage",
        "view.operate",
    },
}

PERMISSIONS = frozenset().union(*ROLES.values())


class Principal(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An authenticated caller. ``person`` is the requester stream that is this caller; ``grants`` as of now."""

    actor: Actor
    person: UUID | None = None
    grants: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()
    key: str = ""

    def departments(self, permission: str) -> frozenset[str]:
        """The departments in which ``permission`` is granted; may hold ``EVERYWHERE``."""
        return frozenset().union(*(places for permissions, places in self.grants if permission in permissions))

    def may(self, permission: str, department: str) -> bool:
        """Whether ``permission`` is granted in ``department``."""
        return any(
            permission in permissions and (department in places or EVERYWHERE in places)
            for permissions, places in self.grants
        )

    def may_anywhere(self, permission: str) -> bool:
        """Whether ``permission`` is granted in some department."""
        return any(permission in permissions for permissions, _ in self.grants)


def grants_of(granted: Iterable[RoleGranted]) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Grants as pairs of permissions and departments."""
    return tuple((ROLES[grant.role], frozenset(grant.departments)) for grant in granted)


def principal_of(setup: Setup, actor: Actor, person: UUID | None = None, key: str = "") -> Principal:
    """The caller with the roles that the configuration grants today."""
    return Principal(actor=actor, person=person, grants=grants_of(setup.grants.get(actor.id, ())), key=key)


def system(name: str) -> Principal:
    """A process of the desk itself (import, clock …): may do everything everywhere."""
    return Principal(actor=Actor(kind="system", id=name), grants=((PERMISSIONS, frozenset({EVERYWHERE})),))
