"""Rehearsing: what orders would come to, decided by the desk's own rules and recorded nowhere.

A rehearsal rests on what is recorded by the time it is asked, and on what it has itself rehearsed before; it takes no
ticket numbers and draws no keys for persons.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from uuid import UUID

from domain.clock.configured import Configured
from domain.desk.desk import Desk
from domain.desk.order import Order, Receipt
from domain.desk.ordering import Ordering
from domain.desk.tasks import Configuring, Task
from domain.desk.work import NOTHING_YET, Draft, Stream, WorkingSet, ticket_of
from domain.envelope import Act, Event
from domain.errors import Refused, TicketNotFound
from domain.setup.events import SETUP, SetupEvent
from domain.setup.state import Setup
from domain.ticket.state import Ticket


class Rehearsal:
    """A desk on which everything can be tried. The tickets that were written to are kept, so it grows with them."""

    def __init__(self, desk: Desk, keep: Sequence[str] = ()) -> None:
        """Rehearsed events of the types to ``keep`` are among those that ``pages`` gives."""
        self.keys = desk.keys
        self.store = desk.store
        self._desk = desk
        setup = desk.setup()
        self._known: dict[UUID, Stream] = {SETUP: Stream(setup.version, setup)}
        self._policies = Configured(self.setup)
        self._kept: dict[str, list[Event]] = {name: [] for name in keep}
        self._number = 0

    def setup(self) -> Setup:
        """The configuration, with what was rehearsed of it."""
        state = self._known[SETUP].state
        return state if isinstance(state, Setup) else Setup()

    def configure(self, plan: Callable[[Setup], Sequence[SetupEvent]], act: Act) -> int:
        """Take what ``plan`` says as configured from here on; raises ``SetupConflict``."""
        draft = self._decided(Configuring(plan, act, self.keys))
        self._known[SETUP] = draft.streams.get(SETUP, self._known[SETUP])
        return 0

    def submit(self, *orders: Order) -> "Future[Receipt]":
        """Decide commands on one ticket; the future has the receipt or refusal at once."""
        task = Ordering(orders, self.keys, self._desk.uploads, None, self._desk.access_stream)
        try:
            draft = self._decided(task)
            task.events = draft.events
            answer = task.answer(0)
        except Refused as refused:
            answer = refused
        if isinstance(answer, Refused):
            task.future.set_exception(answer)
            return task.future
        self._keep(draft)
        task.future.set_result(answer)
        return task.future

    def ticket(self, stream: UUID) -> Ticket:
        """A ticket as rehearsed so far, or ``TicketNotFound``."""
        self._load({stream})
        ticket = ticket_of(self._known.get(stream, NOTHING_YET))
        if ticket.version == 0:
            raise TicketNotFound()
        return ticket

    def history(self, stream: UUID) -> list[Event]:
        """What is recorded of a stream; nothing that was rehearsed."""
        return self._desk.history(stream)

    def pages(self, after: int, size: int, *, types: Sequence[str], opened: bool = False) -> Iterator[list[Event]]:
        """The log from a position on, and after its end what was rehearsed and kept; seals stay closed."""
        yield from self._desk.pages(after, size, types=types, opened=False)
        rehearsed = [event for name in types for event in self._kept.get(name, ())]
        if rehearsed:
            yield rehearsed

    def _decided(self, task: Task) -> Draft:
        streams = task.streams(_uuid_of, lambda stream: ticket_of(self._known.get(stream, NOTHING_YET)))
        self._load(streams)
        work = WorkingSet(self._known, self._desk.now(), self._policies)
        work.numbers = self._next_number
        draft = Draft(work, task)
        task.decide(draft, _uuid_of)
        return draft

    def _load(self, streams: set[UUID]) -> None:
        wanted = [stream for stream in streams if stream not in self._known]
        for stored in self.store.newer([(stream, 0) for stream in wanted]) if wanted else ():
            event = self._desk.sealing.decoded(stored)
            self._known[event.stream] = self._known.get(event.stream, NOTHING_YET).evolved(event, self._policies)

    def _keep(self, draft: Draft) -> None:
        for stream, state in draft.streams.items():
            if isinstance(state.state, Ticket):
                self._known[stream] = state
        for event in draft.events:
            if event.TYPE in self._kept:
                self._kept[event.TYPE].append(event)

    def _next_number(self) -> int:
        self._number += 1
        return self._number


def _uuid_of(ref: str) -> UUID | None:
    try:
        return UUID(ref)
    except ValueError:
        return None
