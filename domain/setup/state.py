"""The configuration as one immutable snapshot, folded from its stream; decisions and access checks read it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from domain.envelope import Event
from domain.errors import AgentNotFound, DepartmentNotFound, GroupNotFound, RequestTypeNotFound
from domain.setup import events as e

K = TypeVar("K")
V = TypeVar("V")

ITIL_MATRIX = ((1, 2, 3), (2, 3, 4), (3, 4, 5))
"""Priority by impact and urgency, as most desks have it until they configure their own."""


MEANINGS = ("approved", "reviewed", "authored")
"""What signatures can mean until a desk lists its own."""

OLD_SECRETS = 3
"""So many former secrets of a webhook can sign beside the one in force."""

PIN_ATTEMPTS = 5
"""So many wrong PINs in a row lock a PIN until it is set anew."""


class Pin(msgspec.Struct, frozen=True):
    """A holder's signing PIN, as a digest, and how many wrong ones were given since a right one."""

    digest: str
    refused: int = 0

    @property
    def is_locked(self) -> bool:
        """Whether not even the right PIN opens."""
        return self.refused >= PIN_ATTEMPTS


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it stands; ``paused`` says why it sends nothing now, and is empty while it does.

    ``since`` is the position of its registration. What is sent is signed with the secret of ``salt``, and with those of
    the ``old`` salts, each until a time.
    """

    webhook: str
    department: str
    url: str
    tells: tuple[e.Tells, ...]
    description: str
    since: int
    salt: str
    old: tuple[tuple[str, datetime], ...] = ()
    paused: str = ""
    stuck_at: str = ""
    """The id of the message at which it paused by itself."""


class Setup(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the desk is configured to be at one version of its stream."""

    version: int = 0
    position: int = 0
    departments: Mapping[str, e.DepartmentDefined] = {}
    groups: Mapping[str, e.GroupDefined] = {}
    agents: Mapping[str, e.AgentDefined] = {}
    grants: Mapping[str, tuple[e.RoleGranted, ...]] = {}
    calendars: Mapping[tuple[str, int], e.CalendarVersioned] = {}
    policies: Mapping[tuple[str, int], e.PolicyVersioned] = {}
    policies_in_force: Mapping[str, e.PolicyVersioned] = {}
    request_types: Mapping[tuple[str, int], e.RequestTypeVersioned] = {}
    request_types_in_force: Mapping[str, e.RequestTypeVersioned] = {}
    retention: Mapping[tuple[str, str, int], e.RetentionVersioned] = {}
    retention_in_force: Mapping[tuple[str, str], e.RetentionVersioned] = {}
    matrix: tuple[tuple[int, int, int], ...] = ITIL_MATRIX
    keys: Mapping[str, e.ApiKeyIssued] = {}
    kek: str = ""
    holds: Mapping[str, e.LegalHoldPlaced] = {}
    holds_lifted: frozenset[str] = frozenset()
    meanings: tuple[str, ...] = MEANINGS
    pins: Mapping[str, Pin] = {}
    pin_codes: Mapping[str, e.PinCodeIssued] = {}
    webhooks: Mapping[str, Webhook] = {}

    @cached_property
    def keys_by_digest(self) -> Mapping[str, e.ApiKeyIssued]:
        """Unrevoked keys by the digest of their secret."""
        return {key.digest: key for key in self.keys.values()}

    @cached_property
    def latest_calendars(self) -> Mapping[str, e.CalendarVersioned]:
        """The newest version of each calendar."""
        return {name: calendar for (name, _), calendar in sorted(self.calendars.items())}

    def department(self, department: str) -> e.DepartmentDefined:
        """The department, or ``DepartmentNotFound``."""
        try:
            return self.departments[department]
        except KeyError:
            raise DepartmentNotFound() from None

    def group(self, group: str, department: str) -> e.GroupDefined:
        """The group of that department, or ``GroupNotFound``."""
        found = self.groups.get(group)
        if found is None or found.department != department:
            raise GroupNotFound()
        return found

    def agent(self, agent: str) -> e.AgentDefined:
        """The agent, or ``AgentNotFound``."""
        try:
            return self.agents[agent]
        except KeyError:
            raise AgentNotFound() from None

    def request_type(self, request_type: str, department: str) -> e.RequestTypeVersioned:
        """The version in force of a department's request type, or ``RequestTypeNotFound``."""
        found = self.request_types_in_force.get(request_type)
        if found is None or found.department != department:
            raise RequestTypeNotFound()
        return found

    def holds_on(
        self,
        now: datetime,
        *,
        tickets: Collection[UUID] = (),
        persons: Collection[UUID] = (),
        departments: Collection[str] = (),
    ) -> tuple[e.LegalHoldPlaced, ...]:
        """The legal holds in force that cover any of these."""
        named = {*tickets, *persons, *departments, e.EVERYWHERE}
        return tuple(
            hold
            for hold in self.holds.values()
            if (hold.until is None or now < hold.until)
            and not named.isdisjoint((*hold.tickets, *hold.persons, *hold.departments))
        )

    def meanings_of(self, command: str, department: str, request_type: str) -> tuple[str, ...]:
        """What a signature of this command may mean; empty when it takes none. The request type goes first."""
        asked_for = self.request_types_in_force.get(request_type)
        if asked_for is not None and command in asked_for.signatures:
            return asked_for.signatures[command]
        place = self.departments.get(department)
        return place.signatures.get(command, ()) if place is not None else ()

    def priority(self, impact: int, urgency: int) -> int:
        """The priority that the matrix gives; 1 is the highest."""
        return self.matrix[impact - 1][urgency - 1]


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return {**mapping, key: value}


def _without(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    return {known: value for known, value in mapping.items() if known != key}


def evolve(setup: Setup, event: Event) -> Setup:  # one case per event
    """The configuration after ``event``. Never refuses."""
    return msgspec.structs.replace(setup, version=event.version, position=event.position, **_changes(setup, event))


def _changes(setup: Setup, event: Event) -> dict[str, Any]:
    match event:
        case e.DepartmentDefined():
            return {"departments": _with(setup.departments, event.department, event)}
        case e.DepartmentRetired():
            return {"departments": _without(setup.departments, event.department)}
        case e.GroupDefined():
            return {"groups": _with(setup.groups, event.group, event)}
        case e.GroupRetired():
            return {"groups": _without(setup.groups, event.group)}
        case e.AgentDefined():
            return {"agents": _with(setup.agents, event.agent, event)}
        case e.AgentRetired():
            return {"agents": _without(setup.agents, event.agent)}
        case e.RoleGranted() | e.RoleRevoked():
            kept = tuple(g for g in setup.grants.get(event.grantee, ()) if g.role != event.role)
            granted = (*kept, event) if isinstance(event, e.RoleGranted) else kept
            return {"grants": _with(setup.grants, event.grantee, granted)}
        case e.CalendarVersioned():
            return {"calendars": _with(setup.calendars, (event.calendar, event.calendar_version), event)}
        case e.PolicyVersioned():
            return {
                "policies": _with(setup.policies, (event.policy, event.policy_version), event),
                "policies_in_force": _with(setup.policies_in_force, event.policy, event),
            }
        case e.PolicyRetired():
            return {"policies_in_force": _without(setup.policies_in_force, event.policy)}
        case e.RequestTypeVersioned():
            return {
                "request_types": _with(setup.request_types, (event.request_type, event.request_type_version), event),
                "request_types_in_force": _with(setup.request_types_in_force, event.request_type, event),
            }
        case e.RequestTypeRetired():
            return {"request_types_in_force": _without(setup.request_types_in_force, event.request_type)}
        case e.RetentionVersioned():
            scope = (event.department, event.request_type)
            return {
                "retention": _with(setup.retention, (*scope, event.retention_version), event),
                "retention_in_force": _with(setup.retention_in_force, scope, event),
            }
        case e.RetentionRetired():
            scope = (event.department, event.request_type)
            return {"retention_in_force": _without(setup.retention_in_force, scope)}
        case e.PriorityMatrixVersioned():
            return {"matrix": event.matrix}
        case e.ApiKeyIssued():
            return {"keys": _with(setup.keys, event.key, event)}
        case e.ApiKeyRevoked():
            return {"keys": _without(setup.keys, event.key)}
        case e.KeyEncryptionKeyRotated():
            return {"kek": event.new}
        case e.LegalHoldPlaced():
            return {"holds": _with(setup.holds, event.hold, event)}
        case e.LegalHoldLifted():
            return {"holds": _without(setup.holds, event.hold), "holds_lifted": setup.holds_lifted | {event.hold}}
        case e.SignatureMeaningsListed():
            return {"meanings": event.meanings}
        case e.PinCodeIssued():
            return {"pin_codes": _with(setup.pin_codes, event.holder, event)}
        case e.PinSet():
            return {
                "pins": _with(setup.pins, event.holder, Pin(event.digest)),
                "pin_codes": _without(setup.pin_codes, event.holder),
            }
        case e.PinRefused():
            pin = setup.pins[event.holder]
            return {"pins": _with(setup.pins, event.holder, Pin(pin.digest, pin.refused + 1))}
        case e.PinProved():
            return {"pins": _with(setup.pins, event.holder, Pin(setup.pins[event.holder].digest))}
        case e.WebhookRegistered():
            return {"webhooks": _with(setup.webhooks, event.webhook, _registered(event))}
        case e.WebhookRetired():
            return {"webhooks": _without(setup.webhooks, event.webhook)}
        case e.WebhookChanged() | e.WebhookSecretRotated() | e.WebhookPaused() | e.WebhookResumed():
            changed = msgspec.structs.replace(setup.webhooks[event.webhook], **_of_webhook(setup, event))
            return {"webhooks": _with(setup.webhooks, event.webhook, changed)}
        case _:
            return {}


def _registered(event: e.WebhookRegistered) -> Webhook:
    return Webhook(
        webhook=event.webhook,
        department=event.department,
        url=event.url,
        tells=event.tells,
        description=event.description,
        since=event.position,
        salt=event.salt,
    )


def _of_webhook(
    setup: Setup, event: e.WebhookChanged | e.WebhookSecretRotated | e.WebhookPaused | e.WebhookResumed
) -> dict[str, Any]:
    match event:
        case e.WebhookChanged():
            return {"url": event.url, "tells": event.tells, "description": event.description}
        case e.WebhookSecretRotated():
            known = setup.webhooks[event.webhook]
            older = ((salt, min(until, event.old_until)) for salt, until in known.old if until > event.recorded_at)
            return {"salt": event.salt, "old": ((known.salt, event.old_until), *older)[:OLD_SECRETS]}
        case e.WebhookPaused():
            return {"paused": event.cause, "stuck_at": event.message}
        case e.WebhookResumed():
            return {"paused": "", "stuck_at": ""}


def fold(events: Iterable[Event], setup: Setup | None = None) -> Setup:
    """The configuration after ``events``."""
    folded = setup or Setup()
    for event in events:
        folded = evolve(folded, event)
    return folded
