"""What a department's software is told: what was decided of each request, and what happens to its ticket later.

A message is made here once, whatever carries it to whom. Nothing in it is text: an outcome holds ids and numbers, or a
problem that names field and rule; and of a ticket's later life it tells what the department may see.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from domain.desk import Desk, Receipt
from domain.desk.keeping import decision_of
from domain.envelope import ERASED, EVENT_TYPES, Event, personal_fields
from domain.errors import Refused
from domain.request.events import RequestDecided
from domain.ticket.events import TicketEvent, TicketOpened, TicketTransferred
from domain.ticket.own import OWN_EVENTS, is_internal

ACCEPTED, REFUSED, HAPPENED = "acta.outcome.accepted.v1", "acta.outcome.refused.v1", "acta.outcome.happened.v1"
FACTS: Mapping[type[TicketEvent], tuple[str, ...]] = {
    kind: fields for kind, fields in OWN_EVENTS.items() if kind is not TicketOpened
}
"""What of a ticket's later life is told, and of each the fields; those that hold text are left out."""

TYPES = tuple(
    name for name, kind in EVENT_TYPES.items() if kind in FACTS or issubclass(kind, RequestDecided | TicketTransferred)
)
"""The events that a teller must be shown."""

Problem = Callable[[Refused], dict[str, Any]]
_REMEMBERED = 50_000


class Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request as its sender names it."""

    source: Annotated[str, Meta(description="Its CloudEvents source.")]
    id: Annotated[str, Meta(description="Its CloudEvents id.")]
    reference: Annotated[str, Meta(description="Its key.")]


class Accepted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request was carried out. From ``position`` on every view shows it; ``opened`` is a ticket opened by it."""

    request: Request
    ticket: Annotated[UUID, Meta(description="The ticket that it is about.")]
    number: Annotated[int, Meta(description="The ticket's, as people call it: #3847.")]
    version: Annotated[int, Meta(description="The ticket's version after it; it only grows.")]
    position: Annotated[int, Meta(description="Where it stands in the desk's log; wait for it in reads: `wait_for`.")]
    opened: Annotated[int, Meta(description="The number of the ticket that it opened.")] | None = None


class Declined(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request was refused, for good: a problem with its code, the field at fault and what to do about it.

    What is corrected is another request, under another id.
    """

    request: Request
    position: Annotated[int, Meta(description="Where the decision stands in the desk's log.")]
    problem: dict[str, Any]


class Happened(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something happened to a ticket that the department had opened: an event of this type, with what may be told."""

    reference: Annotated[str, Meta(description="That of the request which opened the ticket.")]
    ticket: Annotated[UUID, Meta(description="The ticket.")]
    number: Annotated[int, Meta(description="The ticket's, as people call it: #3847.")]
    version: Annotated[int, Meta(description="The ticket's version after it; it only grows.")]
    position: Annotated[int, Meta(description="Where it stands in the desk's log; wait for it in reads: `wait_for`.")]
    event: Annotated[str, Meta(description="Of which type it is. Others may come: let pass what is not known.")]
    told: Annotated[dict[str, Any], Meta(description="Some fields of the event, always these of its type; never text.")]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one event says to the software of a department, as the parts of a CloudEvent.

    ``reference`` is the sender's own name for the matter, and orders its messages; ``subject`` the ticket, if there is
    one; ``body`` one of the structs above.
    """

    event: Event
    department: str
    reference: str
    type: str
    subject: str
    body: Any

    @property
    def id(self) -> str:
        """The same whenever it is told: `<stream>/<version>` of the event behind it."""
        return f"{self.event.stream}/{self.event.version}"

    @property
    def time(self) -> str:
        """When that was recorded, in UTC."""
        return self.event.recorded_at.astimezone(UTC).isoformat()

    @property
    def traceparent(self) -> str:
        """That of the request; empty if it had none."""
        trace = self.event.act.correlation_id
        return trace if trace.startswith("00-") else ""


class _Origin(msgspec.Struct):
    """Whose request a ticket is, and the department in which it was when the log was read so far."""

    door: str
    reference: str
    number: int
    department: str


class Teller:
    """Makes messages of the log's events, shown to it in order from some position on; ``problem`` words refusals."""

    def __init__(self, desk: Desk, problem: Problem) -> None:
        self._desk = desk
        self._problem = problem
        self._origins: OrderedDict[UUID, _Origin | None] = OrderedDict()

    def message(self, event: Event) -> Message | None:
        """What is told of an event, opened; None if that is nothing."""
        match event:
            case RequestDecided():
                return self._decision(event)
            case TicketEvent():
                return self._fact(event)
        return None

    def again(self, events: Sequence[Event]) -> dict[int, Message | None]:
        """The messages, by position, of events of which some were made before, whatever was shown to this teller.

        None: not any more. What it was addressed with may have been erased meanwhile, so that nothing that this
        teller remembers is used.
        """
        tickets = {event.stream for event in events if isinstance(event, TicketEvent)}
        first = self._desk.sealing.closed(self._desk.store.first_of(tickets)) if tickets else []
        origins = self._origins_of(first)
        messages: dict[int, Message | None] = {}
        for event in events:
            if isinstance(event, TicketEvent):
                origin = origins.get(event.stream)
                messages[event.position] = None if origin is None else self._happened(event, origin)
            else:
                messages[event.position] = self.message(event)
        return messages

    def _decision(self, event: RequestDecided) -> Message | None:
        if not event.department or event.reference == ERASED:
            return None
        decision = decision_of(event)
        request = Request(source=event.source, id=event.key, reference=event.reference)
        if isinstance(decision, Receipt):
            accepted = Accepted(
                request=request,
                ticket=decision.ticket,
                number=decision.number,
                version=decision.version,
                position=event.position,
                opened=decision.opened,
            )
            return self._message(event, event.department, event.reference, ACCEPTED, str(decision.ticket), accepted)
        declined = Declined(request=request, position=event.position, problem=self._problem(decision))
        return self._message(event, event.department, event.reference, REFUSED, "", declined)

    def _fact(self, event: TicketEvent) -> Message | None:
        """What could be seen of the ticket where it was: a transfer is the last that is told of it."""
        origin = self._origin(event)
        if origin is None:
            return None
        seen = origin.department == origin.door
        if isinstance(event, TicketTransferred):
            origin.department = event.new
            seen = seen or origin.department == origin.door
        return self._happened(event, origin) if seen else None

    def _happened(self, event: TicketEvent, origin: _Origin) -> Message | None:
        fields = FACTS.get(type(event))
        if fields is None or is_internal(event):
            return None
        text = personal_fields(type(event))
        happened = Happened(
            reference=origin.reference,
            ticket=event.stream,
            number=origin.number,
            version=event.version,
            position=event.position,
            event=event.TYPE,
            told={name: getattr(event, name) for name in fields if name not in text},
        )
        return self._message(event, origin.door, origin.reference, HAPPENED, str(event.stream), happened)

    def _message(self, event: Event, department: str, reference: str, kind: str, subject: str, body: object) -> Message:
        return Message(event=event, department=department, reference=reference, type=kind, subject=subject, body=body)

    def _origin(self, event: TicketEvent) -> _Origin | None:
        """Whose request the ticket of an event is; None if it came through no door."""
        if event.stream in self._origins:
            self._origins.move_to_end(event.stream)
            return self._origins[event.stream]
        origin = self._find_origin(event)
        self._origins[event.stream] = origin
        if len(self._origins) > _REMEMBERED:
            self._origins.popitem(last=False)
        return origin

    def _find_origin(self, event: TicketEvent) -> _Origin | None:
        until = max(1, event.version - 1)
        before = self._desk.sealing.closed(self._desk.store.events_of(event.stream, until=until))
        origin = self._origins_of(before[:1]).get(event.stream)
        for moved in before:
            if origin is not None and isinstance(moved, TicketTransferred):
                origin.department = moved.new
        return origin

    def _origins_of(self, first: Sequence[Event]) -> dict[UUID, _Origin]:
        """Whose requests tickets are, by their first events; without those that came through no door."""
        opened = [event for event in first if isinstance(event, TicketOpened)]
        causes = {event.stream: cause for event in opened if (cause := _uuid_of(event.act.causation_id)) is not None}
        found = self._desk.sealing.opened(self._desk.store.first_of(set(causes.values()))) if causes else []
        decided = {
            event.stream: event for event in found if isinstance(event, RequestDecided) and event.reference != ERASED
        }
        return {
            event.stream: _Origin(request.department, request.reference, event.number, event.department)
            for event in opened
            if event.stream in causes and (request := decided.get(causes[event.stream])) is not None
        }


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
