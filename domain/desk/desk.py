"""The desk: the one door through which everything is written, and the place to ask what a stream was and is.

An ``eventsourcing`` application over a store of our own (see ``domain.store``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.utils import Environment
from psycopg_pool import ConnectionPool

from domain.access.events import AccessEvent
from domain.access.principal import Principal
from domain.desk.enclosing import Enclosures, Files
from domain.desk.keeping import Declining
from domain.desk.order import IdempotencyKey, Order, Receipt
from domain.desk.ordering import Ordering
from domain.desk.tasks import Configuring, Witnessing
from domain.desk.writer import Writer, clock, number_of
from domain.envelope import Act, Event
from domain.errors import Refused, TicketNotFound
from domain.setup import state as setup_state
from domain.setup.events import SETUP, AgentDefined, SetupEvent
from domain.setup.state import Setup
from domain.store.deliveries import Deliveries
from domain.store.keyring import KeyRing
from domain.store.keys import SubjectKeys
from domain.store.letters import Drawer
from domain.store.persistence import SealingMapper, StoreFactory
from domain.store.recorder import SESSION, PostgresRecorder
from domain.store.uploads import Uploads
from domain.ticket import state as ticket_state
from domain.ticket.state import Ticket

_REMEMBERED = 50_000


class Desk(Application[UUID]):
    """Load, decide, record; history and state as of any moment.

    ``dsn`` is the application role's; ``kek`` the key-encryption key (32 bytes), or the ring of those that are known;
    ``files`` says which files are taken that come within requests; ``now`` gives the time in UTC.
    """

    name = "acta"

    def __init__(
        self,
        dsn: str,
        kek: bytes | KeyRing,
        *,
        files: Files | None = None,
        readers: int = 8,
        now: Callable[[], datetime] = clock,
    ) -> None:
        self.pool = ConnectionPool(
            dsn,
            min_size=1,
            max_size=readers,
            open=True,
            kwargs={"autocommit": True, "application_name": "acta", "options": SESSION},
        )
        self.keys = SubjectKeys(self.pool, kek)
        self.store = PostgresRecorder(self.pool, dsn)
        self.drawer = Drawer(self.pool, self.keys)
        self.deliveries = Deliveries(self.pool)
        self.uploads = Uploads(self.pool, self.keys)
        self.sealing = SealingMapper(self.keys, self.store)
        process = str(uuid4())
        self._access_of = lru_cache(2)(lambda day: self.keys.stream_of("access", process, day.isoformat()))
        self._streams: dict[int, UUID] = {}
        self.now = now
        self.enclosures = Enclosures(self.uploads, files, now)
        super().__init__()
        self.writer = Writer(self.store, self.sealing, now)

    def construct_env(self, name: str, env: Mapping[str, str] | None = None) -> Environment:
        """Nothing is read from the process's environment here; settings are the composition root's."""
        return Environment(name, dict(env or {}))

    def construct_factory(self, env: Environment) -> Any:
        return StoreFactory(env, self.store, self.sealing, self.pool)

    # Writing

    def submit(self, *orders: Order, key: IdempotencyKey | None = None) -> "Future[Receipt]":
        """Give one or several commands on one ticket; together or not at all. The future has the receipt or refusal."""
        task = Ordering(orders, self.keys, self.uploads, key, self.access_stream)
        self.writer.submit(task)
        return task.future

    def handle(self, *orders: Order, key: IdempotencyKey | None = None) -> Receipt:
        """Give commands and wait for the receipt; raises ``Refused``."""
        return self.submit(*orders, key=key).result()

    def decline(
        self, refused: Refused, sender: Principal, key: IdempotencyKey, *, channel: str, correlation_id: str = ""
    ) -> "Future[Receipt]":
        """Keep the refusal of a request that comes to no command; the future has it, or the first answer."""
        act = Act(actor=sender.actor, channel=channel, correlation_id=correlation_id)
        task = Declining(refused, sender, act, key, self.keys)
        self.writer.submit(task)
        return task.future

    def configure(self, plan: Callable[[Setup], Sequence[SetupEvent]], act: Act) -> int:
        """Record what ``plan`` says must change; returns the position (0 if nothing had to)."""
        task = Configuring(plan, act, self.keys)
        self.writer.submit(task)
        return int(task.future.result())

    def witness(self, event: AccessEvent, act: Act, subject: UUID | None = None) -> "Future[int]":
        """Record a fact of access; what is personal in it is sealed for ``subject``."""
        task = Witnessing(event, act, self.access_stream, subject)
        self.writer.submit(task)
        return task.future

    def access_stream(self) -> UUID:
        """This process's stream of access facts for today."""
        return self._access_of(self.now().date())

    # Reading

    def find(self, ref: str) -> UUID:
        """The stream of a ticket by number or UUID, or ``TicketNotFound``."""
        number = number_of(ref)
        if number is not None:
            found = self._streams.get(number) or self._find(number)
        else:
            try:
                found = UUID(ref.strip())
            except ValueError:
                found = None
        if found is None:
            raise TicketNotFound()
        return found

    def _find(self, number: int) -> UUID | None:
        """A number never goes to another ticket."""
        found = self.store.streams_of_numbers([number])
        if len(self._streams) > _REMEMBERED:
            self._streams.clear()
        self._streams |= found
        return found.get(number)

    def history(self, stream: UUID, *, until: int | None = None) -> list[Event]:
        """The events of a stream, personal fields open."""
        return self.sealing.opened(self.store.events_of(stream, until=until))

    def ticket(
        self, stream: UUID, *, at: datetime | None = None, known_at: datetime | None = None, version: int | None = None
    ) -> Ticket:
        """A ticket now, or as of an effective time, as known at a time, or at a version.

        Raises ``TicketNotFound`` when there was none then.
        """
        ticket = ticket_state.fold(as_of(self.history(stream, until=version), at=at, known_at=known_at))
        if ticket.version == 0:
            raise TicketNotFound()
        return ticket

    def setup(self) -> Setup:
        """The configuration now."""
        after = self.writer.setup
        newer = self.store.newer([(SETUP, after.version)])
        return setup_state.fold((self.sealing.decoded(event) for event in newer), after)

    def contacts(self) -> dict[str, tuple[str, str]]:
        """Name and e-mail address of every agent, as they are now."""
        events = self.history(SETUP)
        return {event.agent: (event.name, event.email) for event in events if isinstance(event, AgentDefined)}

    def feed(self, after: int, limit: int, *, types: Sequence[str] = (), opened: bool = True) -> list[Event]:
        """The events of the whole log after a position, in order, without a gap."""
        page = self.store.page(after, limit, types=types, opened=opened)
        return self.sealing.opened(page) if opened else self.sealing.closed(page)

    def pages(self, after: int, size: int, *, types: Sequence[str] = (), opened: bool = True) -> Iterator[list[Event]]:
        """The log from a position to its end as of now, in batches."""
        while page := self.feed(after, size, types=types, opened=opened):
            yield page
            after = page[-1].position

    def close(self) -> None:
        """Record what waits, then let go of the database."""
        if hasattr(self, "writer"):
            self.enclosures.close()
            self.writer.close()
        super().close()


def as_of(events: Sequence[Event], *, at: datetime | None, known_at: datetime | None = None) -> Iterator[Event]:
    """The events that had happened by ``at`` and were recorded by ``known_at``; in a stream both times only grow."""
    for event in events:
        if at is not None and event.effective_at > at:
            return
        if known_at is not None and event.recorded_at > known_at:
            return
        yield event
