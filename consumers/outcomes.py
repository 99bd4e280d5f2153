"""Outcomes: what was decided of each request, and what happened to its ticket later, told to the department.

A follower of the log, as the relay is, and exactly as safe: what it tells, and how far it has come, are one Kafka
transaction, under a transactional id that fences off every predecessor. How far it has come is the last message of a
topic of its own (``Doors.mark``), so nothing has to agree with anything after a crash. Since a request is decided once,
and its decision is one event of the log, it has exactly one outcome for whoever reads committed messages.
"""

from threading import Event as Flag
from time import monotonic
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from consumers.doors import Doors
from consumers.kafka.cloudevents import NOTHING, Envelope, Headers, milliseconds, partition_of_key
from consumers.kafka.outlet import Outlet
from consumers.kafka.succession import Succession
from consumers.kafka.tails import must_be_of, read_tails
from consumers.kafka.topics import Client
from consumers.lease import Leases
from consumers.loop import run
from consumers.telling import TYPES, Message, Problem, Teller
from domain.desk import Desk
from domain.envelope import Event
from domain.request.events import LetterKept

DEAD_LETTER = "acta.dead-letter.v1"
SHORTEST_REST_S = 0.005
LONGEST_REST_S = 0.05
MARK_EVERY_S = 5.0
_MARK_KEY = b"outcomes"
_TYPES = (*TYPES, LetterKept.TYPE)


class Pointer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message could not be taken; it is kept for 30 days, for somebody to correct it, hand it in again or give up."""

    letter: Annotated[UUID, Meta(description="Its id: `acta dead-letters show`, `GET /dead-letters/{letter}`.")]
    department: Annotated[str, Meta(description="Through whose door it came.")]
    code: Annotated[str, Meta(description="Why, as a problem's `code`.")]
    topic: Annotated[str, Meta(description="Where it came in.")]
    partition: Annotated[int, Meta(description="Where there,")]
    offset: Annotated[int, Meta(description="and at which place.")]
    position: Annotated[int, Meta(description="Where it stands in the desk's log that it is kept.")]


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

    def begin(outlet: Outlet) -> _Active:
        (tail,) = tails = read_tails(client, doors.mark)
        must_be_of(desk.store, doors.mark, tails)
        return _Active(desk, outlet, doors, problem, source, batch, tail.position if tail else 0)

    def session() -> Succession:
        leases = Leases(lease_dsn, patience_s)
        return Succession("outcomes", doors.mark, leases, client, doors.transactional_id, begin)

    run("outcomes", session, stop)


class _Active:
    """The one that may tell."""

    def __init__(
        self, desk: Desk, outlet: Outlet, doors: Doors, problem: Problem, source: str, batch: int, position: int
    ) -> None:
        self._desk = desk
        self._outlet = outlet
        self._doors = doors
        self._teller = Teller(desk, problem)
        self._source = source
        self._envelope = Envelope(source)
        self._batch = batch
        self.position = position
        self._marked = position
        self._marked_at = monotonic()
        self._open = set(doors.departments)
        self._rest = SHORTEST_REST_S

    def step(self) -> float:
        """Tell what has been recorded since, in one transaction; return the seconds to rest."""
        # Read before the page: what is recorded in between is not on it.
        head = self._desk.store.head()
        if head == self.position:
            if self.position > self._marked and self._mark_is_due():
                self._mark(self.position)
            self._rest = min(self._rest * 2, LONGEST_REST_S)
            return self._rest
        page = self._desk.store.page(self.position, self._batch, types=_TYPES, until=head)
        full = len(page) == self._batch
        reached = page[-1].position if full else head
        told = sum(self._tell(event) for event in self._desk.sealing.opened(page))
        if told or self._mark_is_due():
            self._mark(reached)
        self.position = reached
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
        if isinstance(event, LetterKept):
            return self._tell_letter(event)
        message = self._teller.message(event)
        if message is None or message.department not in self._open:
            return False
        self._send(message)
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
        message = Message(
            event=event,
            department=event.department,
            reference=str(event.stream),
            type=DEAD_LETTER,
            subject=str(event.stream),
            body=pointer,
        )
        self._put(self._doors.dead_letters, 0, message)
        return True

    def _send(self, message: Message) -> None:
        topic = self._doors.outcomes(message.department)
        partition = partition_of_key(message.reference.encode(), self._outlet.partitions(topic))
        self._put(topic, partition, message)

    def _put(self, topic: str, partition: int, message: Message) -> None:
        key, body = message.reference.encode(), msgspec.json.encode(message.body)
        sent_at = milliseconds(message.event.recorded_at)
        self._outlet.send(topic, partition, key, body, self._headers(message), sent_at)

    def _headers(self, message: Message) -> Headers:
        headers = [
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_source", self._source.encode()),
            ("ce_id", message.id.encode()),
            ("ce_type", message.type.encode()),
            ("ce_time", message.time.encode()),
        ]
        if message.subject:
            headers.append(("ce_subject", message.subject.encode()))
        if message.traceparent:
            headers.append(("traceparent", message.traceparent.encode()))
        return headers
