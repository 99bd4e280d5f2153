"""The audit journal: every event of every stream is a line, and nothing personal is in it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.access import events as _access
from domain.envelope import EVENT_TYPES, Event, personal_fields
from domain.erasure import events as _erasure
from domain.person import events as _person
from domain.request import events as _request
from domain.setup import events as _setup
from domain.ticket import events as _ticket
from domain.ticket.events import TicketEvent, TicketOpened, TicketTransferred
from projections.engine import View

REGISTERED = (_ticket, _setup, _person, _access, _request, _erasure)
"""The modules whose import enters every event type; the journal has a line for each."""

audit = View("audit", 1)


def _is(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row per event of the record, of whatever stream, without its personal content."""

    stream: Annotated[UUID, _is("The stream: a ticket, a person, the configuration and so on.")]
    kind: Annotated[str, _is("What the stream is about: ticket, person, setup, access, request, letter or erasure.")]
    version: Annotated[int, _is("The event's number in its stream, from 1.")]
    type: Annotated[str, _is("The event's public name.")]
    occurred_at: Annotated[datetime, _is("When it happened, as stated by whoever reported it.")]
    effective_at: Annotated[datetime, _is("When it counts as having happened: never before what had happened already.")]
    recorded_at: Annotated[datetime, _is("When it was recorded, by the store's clock.")]
    actor_kind: Annotated[str, _is("requester, agent, service or system.")]
    actor: Annotated[str, _is("The handle of whoever acted.")]
    on_behalf_of: Annotated[str, _is("For whom they said they acted; empty if for themselves.")]
    channel: Annotated[str, _is("The door through which the act came.")]
    correlation_id: Annotated[str, _is("What the caller named the matter by; empty if nothing.")]
    causation_id: Annotated[str, _is("What led to the act, as the caller named it; empty if nothing.")]
    ticket: Annotated[UUID | None, _is("The ticket it is about; empty if about none.")]
    department: Annotated[str, _is("The department that the event itself names; empty if it names none.")]
    withheld: Annotated[tuple[str, ...], _is("The names of the fields that hold personal data; they are not here.")]
    content: Annotated[
        dict[str, Any], _is("What the event says beside that; a field that is not here has the default of its type.")
    ]


class AuditedTicket(msgspec.Struct, frozen=True):
    """One row per ticket: what its lines are found and scoped by."""

    ticket: Annotated[UUID, _is("The ticket's stream.")]
    number: Annotated[int, _is("The number people know it by.")]
    department: Annotated[str, _is("The department responsible for it now.")]


lines = audit.journal(
    "lines",
    Line,
    indexes=(
        "(ticket, position) WHERE ticket IS NOT NULL",
        "(stream, position) WHERE kind <> 'ticket'",
        "(actor, position)",
        "(type, position)",
        "(effective_at)",
        # It grows with the position, so that a summary per range of pages finds it.
        "USING brin (recorded_at)",
    ),
)
tickets = audit.table("tickets", AuditedTicket, key="ticket", indexes=("(number)", "(department)"))

_ENVELOPE = frozenset(Event.__struct_fields__)
_TELLING_NOTHING = frozenset({"chunks", "digest", "mark", "salt"})
"""They say nothing to a reader, but who guesses a request could prove it by its digest."""


_TOLD_ELSEWHERE = (_access.AccessRead, _access.GlassBroken)
"""Who looked at what, and with what right, is the access view's to tell: analysts read this one."""


class Content:
    """What of an event may be shown to whoever sees the journal, field by field."""

    def __init__(self, event_type: type[Event]) -> None:
        self.personal = personal_fields(event_type)
        hidden = _ENVELOPE | _TELLING_NOTHING | set(self.personal)
        if event_type in _TOLD_ELSEWHERE:
            hidden |= set(event_type.__struct_fields__)
        fields = [field for field in msgspec.structs.fields(event_type) if field.name not in hidden]
        self._fields = [(field.name, _default(field)) for field in fields]

    def of(self, event: Event) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {name: value for name, default in self._fields if (value := getattr(event, name)) != default}

    def withheld(self, event: Event) -> tuple[str, ...]:
        """The personal fields that were filled in when the event was sealed."""
        sealed = event.seal.fields if event.seal else ()
        return tuple(name for name in self.personal if name in sealed)


def _default(field: Any) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


_CONTENTS = {event_type: Content(event_type) for event_type in EVENT_TYPES.values()}


@lines.on(*EVENT_TYPES.values())
def write_down(event: Event) -> Line:
    content, act = _CONTENTS[type(event)], event.act
    return Line(
        stream=event.stream,
        kind="ticket" if isinstance(event, TicketEvent) else event.TYPE.partition(".")[0],
        version=event.version,
        type=event.TYPE,
        occurred_at=event.occurred_at,
        effective_at=event.effective_at,
        recorded_at=event.recorded_at,
        actor_kind=act.actor.kind,
        actor=act.actor.id,
        on_behalf_of=act.on_behalf_of,
        channel=act.channel,
        correlation_id=act.correlation_id,
        causation_id=act.causation_id,
        ticket=event.stream if isinstance(event, TicketEvent) else getattr(event, "ticket", None),
        department=getattr(event, "department", ""),
        withheld=content.withheld(event),
        content=content.of(event),
    )


@tickets.on(TicketOpened)
def open_file(row: AuditedTicket | None, event: TicketOpened) -> AuditedTicket:
    return AuditedTicket(event.stream, event.number, event.department)


@tickets.on(TicketTransferred)
def hand_file_over(row: AuditedTicket, event: TicketTransferred) -> AuditedTicket:
    return replace(row, department=event.new)
