"""Outcomes: what was decided of each request, and what happened to its ticket later, told to the department.

A follower of the log, as the relay is, and exactly as safe: what it tells, and how far it has come, are one Kafka
transaction, under a transactional id that fences off every predecessor. How far it has come is the last message of a
topic of its own (``Doors.mark``), so nothing has to agree with anything after a crash. Since a request is decided once,
and its decision is one event of the log, it has exactly one outcome for whoever reads committed messages.

Nothing here is text: an outcome holds ids and numbers, or a problem that names field and rule.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC
from threading import Event as Flag
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from consumers.cloudevents import NOTHING, Envelope, Headers, milliseconds, partition_of_key
from consumers.doors import Doors
from consumers.lease import Leases
from consumers.loop import run
from consumers.outlet import Outlet
from consumers.tails import must_be_of, read_tails
from consumers.topics import Client
from domain.desk import Desk, Receipt
from domain.desk.keeping import decision_of
from domain.envelope import ERASED, EVENT_TYPES, Event, personal_fields
from domain.errors import Refused
from domain.request.events import LetterKept, RequestDecided
from domain.ticket.events import TicketEvent, TicketOpened, TicketTransferred
from domain.ticket.own import OWN_EVENTS

ACCEPTED, REFUSED, HAPPENED = "acta.outcome.accepted.v1", "acta.outcome.refused.v1", "acta.outcome.happened.v1"
DEAD_LETTER = "acta.dead-letter.v1"
STANDBY_S = 0.5
SHORTEST_REST_S = 0.005
LONGEST_REST_S = 0.05
MARK_EVERY_S = 5.0
_MARK_KEY = b"outcomes"
_REMEMBERED = 50_000
FACTS = {kind: fields for kind, fields in OWN_EVENTS.items() if kind is not TicketOpened}
"""What of a ticket's later life is told, and of each the fields; those that hold text are left out."""

_TYPES = [
    name
    for name, kind in EVENT_TYPES.items()
    if kind in FACTS or issubclass(kind, RequestDecided | LetterKept | TicketTransferred)
]
_log = logging.getLogger("acta.outcomes")
Problem = Callable[[Refused], dict[str, Any]]


class Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request as its sender names it."""

    source: str
    id: str
    reference: str


class Accepted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request was carried out. From ``position`` on every view shows it; ``opened`` is a ticket opened by it."""

    request: Request
    ticket: UUID
    number: int
    version: int
    position: int
    opened: int | None = None


class Declined(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request was refused, for good: a problem with its code, the field at fault and what to do about it."""

    request: Request
    position: int
    problem: dict[str, Any]


class Happened(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something happened to a ticket that the department had opened: an event of this type, with what may be told."""

    reference: str
    ticket: UUID
    number: int
    version: int
    position: int
    event: str
    told: dict[str, Any]


class Pointer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message could not be taken; it is kept for 30 days, for somebody to correct it, hand it in again or give up."""

    letter: UUID
    department: str
    code: str
    topic: str
    partition: int
    offset: int
    position: int


class _Origin(msgspec.Struct):
    """Whose request a ticket is, and the department in which it was when the log was read so far."""

    door: str
    reference: str
    number: int
    department: str


def outcomes(
    desk: Desk,
    lease_dsn: str,
    client: Client,
    doors: Doors,
    problem: Problem,
    stop: Flag,
    *,
    source: str = "/acta",
    batch: int = 500,
    patience_s: float = 10.0,
) -> None:
    """Tell outcomes until ``stop`` is set; stands by while another process does. ``problem`` puts refusals in words.

    Raises ``Halted`` when the mark is not of this store.
    """
    run("outcomes", lambda: _Telling(desk, Leases(lease_dsn, patience_s), client, doors, problem, source, batch), stop)


class _Telling:
    """One life: standing by, then active until the first trouble."""

    def __init__(
        self, desk: Desk, leases: Leases, client: Client, doors: Doors, problem: Problem, source: str, batch: int
    ) -> None:
        self._desk = desk
        self._leases = leases
        self._client = client
        self._doors = doors
        self._problem = problem
        self._source = source
        self._batch = batch
        self._active: _Active | None = None

    def step(self) -> float:
        if self._active is None:
            if not self._leases.take(f"outcomes {self._doors.mark}"):
                self._leases.hold()
                return STANDBY_S
            outlet = Outlet(self._client, self._doors.transactional_id)
            try:
                # Only after the fencing: now no predecessor can move the mark that is read here.
                tails = read_tails(self._client, self._doors.mark)
                must_be_of(self._desk.store, self._doors.mark, tails)
                position = tails[0].position if tails[0] else 0
                self._active = _Active(
                    self._desk, outlet, self._doors, self._problem, self._source, self._batch, position
                )
            except BaseException:
                outlet.close()
                raise
            _log.info("consumer=outcomes state=active after=%d", position)
        self._leases.hold()
        return self._active.step()

    def close(self) -> None:
        if self._active is not None:
            self._active.close()
        self._leases.close()


class _Active:
    """The one that may tell."""

    def __init__(
        self, desk: Desk, outlet: Outlet, doors: Doors, problem: Problem, source: str, batch: int, position: int
    ) -> None:
        self._desk = desk
        self._outlet = outlet
        self._doors = doors
        self._problem = problem
        self._source = source
        self._envelope = Envelope(source)
        self._batch = batch
        self._position = position
        self._marked = position
        self._marked_at = monotonic()
        self._origins: OrderedDict[UUID, _Origin | None] = OrderedDict()
        self._open = set(doors.departments)
        self._rest = SHORTEST_REST_S

    def step(self) -> float:
        """Tell what has been recorded since, in one transaction; return the seconds to rest."""
        # Read before the page: what is recorded in between is not on it.
        head = self._desk.store.head()
        if head == self._position:
            if self._position > self._marked and self._mark_is_due():
                self._mark(self._position)
            self._rest = min(self._rest * 2, LONGEST_REST_S)
            return self._rest
        page = self._desk.store.page(self._position, self._batch, types=_TYPES, until=head)
        full = len(page) == self._batch
        reached = page[-1].position if full else head
        told = sum(self._tell(event) for event in self._desk.sealing.opened(page))
        if told or self._mark_is_due():
            self._mark(reached)
        self._position = reached
        self._rest = SHORTEST_REST_S
        return 0.0 if full else self._rest

    def close(self) -> None:
        """Let go at once."""
        self._outlet.close()

    def _mark_is_due(self) -> bool:
        return monotonic() - self._marked_at > MARK_EVERY_S

    def _mark(self, position: int) -> None:
        """Say how far it has come, together with what was told, and commit both."""
        (event,) = self._desk.store.page(position - 1, 1, opened=False)
        assert event.recorded_at is not None
        headers = self._envelope.of_head(event, 0)
        self._outlet.send(self._doors.mark, 0, _MARK_KEY, NOTHING, headers, milliseconds(event.recorded_at))
        self._outlet.commit()
        self._marked = position
        self._marked_at = monotonic()

    def _tell(self, event: Event) -> bool:
        """Tell of one event, if it concerns a door; whether it does."""
        match event:
            case RequestDecided():
                return self._tell_decision(event)
            case LetterKept():
                return self._tell_letter(event)
            case TicketEvent():
                return self._tell_fact(event)
        return False

    def _tell_decision(self, event: RequestDecided) -> bool:
        if event.department not in self._open or event.reference == ERASED:
            return False
        decision = decision_of(event)
        request = Request(source=event.source, id=event.key, reference=event.reference)
        if isinstance(decision, Receipt):
            body: Any = Accepted(
                request=request,
                ticket=decision.ticket,
                number=decision.number,
                version=decision.version,
                position=event.position,
                opened=decision.opened,
            )
            self._send(event.department, event, event.reference, ACCEPTED, str(decision.ticket), body)
        else:
            body = Declined(request=request, position=event.position, problem=self._problem(decision))
            self._send(event.department, event, event.reference, REFUSED, "", body)
        return True

    def _tell_letter(self, event: LetterKept) -> bool:
        pointer = Pointer(
            letter=event.stream,
            department=event.department,
            code=event.code,
            topic=event.topic,
            partition=event.partition,
            offset=event.offset,
            position=event.position,
        )
        headers = self._headers(event, DEAD_LETTER, str(event.stream))
        key, body = str(event.stream).encode(), msgspec.json.encode(pointer)
        self._outlet.send(self._doors.dead_letters, 0, key, body, headers, milliseconds(event.recorded_at))
        return True

    def _tell_fact(self, event: TicketEvent) -> bool:
        """What could be seen of the ticket where it was: a transfer is the last that is told of it."""
        origin = self._origin(event)
        if origin is None:
            return False
        seen = origin.department == origin.door and origin.door in self._open
        if isinstance(event, TicketTransferred):
            origin.department = event.new
            seen = seen or (origin.department == origin.door and origin.door in self._open)
        fields = FACTS.get(type(event))
        if not seen or fields is None:
            return False
        text = personal_fields(type(event))
        body = Happened(
            reference=origin.reference,
            ticket=event.stream,
            number=origin.number,
            version=event.version,
            position=event.position,
            event=event.TYPE,
            told={name: getattr(event, name) for name in fields if name not in text},
        )
        self._send(origin.door, event, origin.reference, HAPPENED, str(event.stream), body)
        return True

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
        before = self._desk.sealing.closed(self._desk.store.events_of(event.stream, until=max(1, event.version - 1)))
        opened = before[0]
        cause = _uuid_of(opened.act.causation_id)
        if not isinstance(opened, TicketOpened) or cause is None:
            return None
        decided = self._desk.history(cause, until=1)
        if not decided or not isinstance(decided[0], RequestDecided) or decided[0].reference == ERASED:
            return None
        moves = [moved.new for moved in before if isinstance(moved, TicketTransferred)]
        department = moves[-1] if moves else opened.department
        return _Origin(decided[0].department, decided[0].reference, opened.number, department)

    def _send(self, department: str, event: Event, reference: str, kind: str, subject: str, body: Any) -> None:
        topic, key = self._doors.outcomes(department), reference.encode()
        partition = partition_of_key(key, self._outlet.partitions(topic))
        headers = self._headers(event, kind, subject)
        self._outlet.send(topic, partition, key, msgspec.json.encode(body), headers, milliseconds(event.recorded_at))

    def _headers(self, event: Event, kind: str, subject: str) -> Headers:
        headers = [
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_source", self._source.encode()),
            ("ce_id", f"{event.stream}/{event.version}".encode()),
            ("ce_type", kind.encode()),
            ("ce_time", event.recorded_at.astimezone(UTC).isoformat().encode()),
        ]
        if subject:
            headers.append(("ce_subject", subject.encode()))
        if event.act.correlation_id.startswith("00-"):
            headers.append(("traceparent", event.act.correlation_id.encode()))
        return headers


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
