"""What a caller sees of a ticket and of the log: defined here, once, and denied by default.

``all``   the desk, with internal notes (``ticket.read`` and ``ticket.read-notes`` in the ticket's department today)
``desk``  the desk, without internal notes (``ticket.read`` only)
``own``   the requester or a watcher: what ``OWN_EVENTS`` and ``OWN_FIELDS`` name, nothing else
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from domain.access.events import AccessEvent
from domain.access.principal import Principal
from domain.desk.permitting import may_see
from domain.envelope import Event
from domain.erasure.events import ErasureEvent
from domain.person.events import PersonEvent
from domain.request.events import LetterEvent, RequestDecided
from domain.setup.events import (
    EVERYWHERE,
    ApiKeyIssued,
    LegalHoldLifted,
    LegalHoldPlaced,
    PinCodeIssued,
    PinSet,
    SetupEvent,
    WebhookRegistered,
    WebhookSecretRotated,
)
from domain.ticket.others import OTHER_TICKETS
from domain.ticket.own import OWN_EVENTS as OWN_EVENTS
from domain.ticket.own import is_internal
from domain.ticket.parts import Attachment
from domain.ticket.state import Ticket

Sight = Literal["all", "desk", "own"]
S = TypeVar("S", bound="EventShown")

OWN_FIELDS = frozenset(
    {
        "ticket",
        "version",
        "number",
        "status",
        "department",
        "assignee",
        "requester",
        "channel",
        "title",
        "description",
        "request_type",
        "request_type_version",
        "category",
        "priority",
        "hold_reason",
        "hold_until",
        "resolution_code",
        "resolution_notes",
        "rating",
        "attachments",
        "public_replies",
        "requester_replies",
        "reopen_count",
        "opened_at",
        "updated_at",
        "resolved_at",
        "closed_at",
        "recorded_at",
    }
)
"""What a requester sees of their ticket's state."""

_NOTES_ONLY = frozenset({"notes"})
"""What of a ticket's state tells of internal notes."""

_ENVELOPE = frozenset(Event.__struct_fields__)


def sight_of(ticket: Ticket, principal: Principal) -> Sight | None:
    """What the caller sees of a ticket as it stands today; None: it does not exist for them."""
    if ticket.version == 0 or not may_see(ticket, principal):
        return None
    if not principal.may("ticket.read", ticket.department):
        return "own"
    return "all" if principal.may("ticket.read-notes", ticket.department) else "desk"


def ticket_fields(ticket: Ticket, sight: Sight, visible: Mapping[UUID, object]) -> dict[str, Any]:
    """The fields of a ticket's state for this sight; of other tickets it names only those ``visible`` to the caller."""
    names = (name for name in ticket.__struct_fields__ if sight != "own" or name in OWN_FIELDS)
    fields = {name: getattr(ticket, name) for name in names if sight != "desk" or name not in _NOTES_ONLY}
    fields["attachments"] = attachments_shown(ticket, sight)
    if sight != "own":
        fields["links"] = sorted(
            (link for link in ticket.links if link.other in visible), key=lambda link: (link.kind, link.number)
        )
        fields["absorbed"] = sorted(source for source in ticket.absorbed if source in visible)
        fields["merged_into"] = ticket.merged_into if ticket.merged_into in visible else None
        for name in ("tags", "personal", "watchers", "former_departments", "former_requesters", "redacted"):
            fields[name] = sorted(fields[name])
    return fields


def attachments_shown(ticket: Ticket, sight: Sight) -> list[Attachment]:
    """The files of a ticket that exist for this sight."""
    return [one for one in ticket.attachments if sight == "all" or not one.internal]


def others_of_ticket(ticket: Ticket) -> set[UUID]:
    """The other tickets that a ticket's state names."""
    named = {link.other for link in ticket.links} | ticket.absorbed
    return named if ticket.merged_into is None else named | {ticket.merged_into}


def others_of_event(event: Event) -> set[UUID]:
    """The other ticket that an event names."""
    named = OTHER_TICKETS.get(type(event))  # type: ignore[arg-type]
    return {getattr(event, named)} if named else set()


def event_fields(event: Event, sight: Sight, visible: Mapping[UUID, object]) -> dict[str, Any] | None:
    """What an event of a ticket says, for this sight; None: it does not exist for them."""
    kind = type(event)
    if sight != "all" and is_internal(event):
        return None
    if sight == "own":
        shown = OWN_EVENTS.get(kind)  # type: ignore[arg-type]
        if shown is None:
            return None
    else:
        shown = own_fields(kind)
    fields = {name: getattr(event, name) for name in shown if name not in _OPENING_FILES}
    named = OTHER_TICKETS.get(kind)  # type: ignore[arg-type]
    if named is not None and getattr(event, named) not in visible:
        fields.pop(named, None)
        fields.pop("number", None)
    return fields


def without_other(event: Event, visible: Mapping[UUID, object]) -> tuple[Event, tuple[str, ...]]:
    """The event for its sentence, without the number of a ticket that is not ``visible``; and the fields to leave out.

    Only sentences may be made of it: in place of the number is a mark.
    """
    named = OTHER_TICKETS.get(type(event))  # type: ignore[arg-type]
    if named is None or getattr(event, named) in visible:
        return event, ()
    return msgspec.structs.replace(event, number="…"), (named, "number")


_OPENING_FILES = frozenset({"chunks", "key"})
"""What opens a file beside all that is recorded of who is shown it."""


@cache
def own_fields(kind: type[Event]) -> tuple[str, ...]:
    """The fields of an event type beside those of every event."""
    return tuple(name for name in kind.__struct_fields__ if name not in _ENVELOPE)


_HIDDEN: dict[type[Event], frozenset[str]] = {
    ApiKeyIssued: frozenset({"digest"}),
    PinSet: frozenset({"digest"}),
    PinCodeIssued: frozenset({"digest"}),
    RequestDecided: frozenset({"digest"}),
    WebhookRegistered: frozenset({"salt"}),
    WebhookSecretRotated: frozenset({"salt"}),
}


def other_fields(event: Event, principal: Principal) -> dict[str, Any] | None:
    """What an event of any other stream says to this caller; None: it does not exist for them."""
    needed = next((needed for kind, needed in _OTHER_STREAMS.items() if isinstance(event, kind)), None)
    if needed is None or not principal.may(needed, EVERYWHERE):
        return None
    hidden = _HIDDEN.get(type(event), frozenset())
    return {name: getattr(event, name) for name in own_fields(type(event)) if name not in hidden}


_OTHER_STREAMS: dict[type[Event], str] = {
    LegalHoldPlaced: "record.hold",
    LegalHoldLifted: "record.hold",
    SetupEvent: "setup.read",
    PersonEvent: "ticket.read",
    AccessEvent: "audit.read",
    RequestDecided: "audit.read",
    ErasureEvent: "audit.read",
    LetterEvent: "door.operate",
}
"""What it takes, in every department, to see events that belong to none; the first kind that fits counts."""


class ActorShown(msgspec.Struct, frozen=True):
    """Who acted: a handle, never a name."""

    kind: str
    id: str


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its reader may see it. ``data`` are the fields of its type; ``withheld`` says why some are blank."""

    position: int
    stream: UUID
    version: int
    type: str
    recorded_at: datetime
    occurred_at: datetime
    effective_at: datetime
    actor: ActorShown
    on_behalf_of: str = ""
    channel: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    withheld: str = ""
    data: dict[str, Any]


class EventTold(EventShown, frozen=True, kw_only=True):
    """An event with the same in words: ``sentence`` is empty for who asks for help rather than gives it."""

    sentence: str = ""


def event_shown(event: Event, data: dict[str, Any], sight: Sight | None = None) -> EventShown:
    """An event with the fields that were found to be visible; a requester learns no more of the act than who acted."""
    return _shown(EventShown, event, sight, data=data)


def event_told(event: Event, data: dict[str, Any], sight: Sight, sentence: str) -> EventTold:
    """The same, and in words."""
    return _shown(EventTold, event, sight, data=data, sentence=sentence)


def _shown(shape: type[S], event: Event, sight: Sight | None, **said: Any) -> S:
    act = event.act
    traced = sight != "own"
    return shape(
        position=event.position,
        stream=event.stream,
        version=event.version,
        type=event.TYPE,
        recorded_at=event.recorded_at,
        occurred_at=event.occurred_at,
        effective_at=event.effective_at,
        actor=ActorShown(act.actor.kind, act.actor.id),
        on_behalf_of=act.on_behalf_of if traced else "",
        channel=act.channel,
        correlation_id=act.correlation_id if traced else "",
        causation_id=act.causation_id if traced else "",
        withheld=event.withheld,
        **said,
    )
