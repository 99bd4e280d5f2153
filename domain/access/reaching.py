"""Who could see a ticket: by the grants in force then, in the department it was in, as its requester, or for a reason.

Pure. What a role permits is what this version of the software says it does.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from domain.access.principal import ROLES
from domain.setup.events import EVERYWHERE, ApiKeyIssued, RoleGranted
from domain.setup.state import Setup

Way = Literal["department", "own", "break-glass"]


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody could see it: a role that they had in these departments, and whether notes as well.

    ``department``: the ticket was in one of them; ``own``: they had asked for it; ``break-glass``: if they said why.
    """

    way: Way
    role: str
    departments: tuple[str, ...]
    notes: bool


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who could see a ticket; ``keys`` are the API keys with which they could have signed in."""

    principal: str
    rights: tuple[Right, ...]
    keys: tuple[ApiKeyIssued, ...]


def who_could_see(
    setup: Setup, department: str, requester: UUID, at: datetime, persons_of: Callable[[str], Collection[UUID]]
) -> list[Reach]:
    """Who could see a ticket of ``department`` and ``requester``, all of it as of ``at``, by handle.

    ``persons_of`` says as which persons a handle may have asked for something.
    """
    keys: dict[str, list[ApiKeyIssued]] = {}
    for key in setup.keys.values():
        if key.expires_at is None or key.expires_at > at:
            keys.setdefault(key.holder, []).append(key)
    found = []
    for principal, granted in sorted(setup.grants.items()):
        rights = tuple(right for grant in granted for right in _rights(grant, department, requester, persons_of))
        if rights:
            found.append(Reach(principal=principal, rights=rights, keys=tuple(keys.get(principal, ()))))
    return found


def _rights(
    grant: RoleGranted, department: str, requester: UUID, persons_of: Callable[[str], Collection[UUID]]
) -> Iterator[Right]:
    permits = ROLES[grant.role]
    there = department in grant.departments or EVERYWHERE in grant.departments
    ways: list[tuple[Way, bool]] = []
    if "ticket.read" in permits and there:
        ways.append(("department", "ticket.read-notes" in permits))
    elif "ticket.break-glass" in permits and grant.departments:
        ways.append(("break-glass", "ticket.read-notes" in permits))
    if "ticket.read-own" in permits and grant.departments and requester in persons_of(grant.grantee):
        ways.append(("own", False))
    for way, notes in ways:
        yield Right(way=way, role=grant.role, departments=grant.departments, notes=notes)
