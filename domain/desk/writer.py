"""The writer: one thread per process that takes all tasks that wait, decides them in order and records them together.

There is no timer: while one batch is being committed, the next gathers. Within a process commands on one ticket never
conflict, since a later one sees what an earlier one is about to record. Decisions are made on what is remembered; the
append refuses those for which another process was faster, and they are made again on what the store says by then.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from threading import Condition, Thread
from time import sleep
from typing import Any
from uuid import UUID

from domain.clock.clocks import Clocks
from domain.clock.configured import Configured
from domain.desk.tasks import Task
from domain.desk.work import NOTHING_YET, Draft, Stream, Unit, WorkingSet, ticket_of
from domain.envelope import UNSTAMPED, Event
from domain.errors import NotReadyYet
from domain.setup.events import SETUP
from domain.setup.state import Setup
from domain.store import codec
from domain.store.persistence import SealingMapper
from domain.store.recorder import Appended, PostgresRecorder, SealedEvent
from domain.ticket.state import Ticket

MOST_AT_ONCE = 256
MOST_WAITING = 10_000
ATTEMPTS = 8
NUMBERS_AT_ONCE = 8
"""Drawn together, so that few openings wait for one; what a process has not used when it ends is a gap."""
_CACHED_STREAMS = 30_000
"""Remembered, those touched last; of requests and short tickets some 50 MB."""


def clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Writer:
    """Takes tasks, answers their futures."""

    def __init__(self, recorder: PostgresRecorder, mapper: SealingMapper, now: Callable[[], datetime] = clock) -> None:
        self._recorder = recorder
        self._mapper = mapper
        self._now = now
        self._waiting: deque[Task] = deque()
        self._changed = Condition()
        self._closing = False
        self._known: OrderedDict[UUID, Stream] = OrderedDict()
        self._behind: set[UUID] = set()
        self._policies = Configured(lambda: self.setup)
        self._streams_by_number: OrderedDict[int, UUID] = OrderedDict()
        self._numbers: deque[int] = deque()
        self._thread = Thread(target=self._run, name="acta writer", daemon=True)
        self._thread.start()

    def submit(self, *tasks: Task) -> None:
        """Put tasks in the queue; their futures get the answers. Refuses when too many wait already."""
        with self._changed:
            if self._closing:
                raise NotReadyYet("The desk is closing.")
            if len(self._waiting) >= MOST_WAITING:
                raise NotReadyYet("Too many commands are waiting.")
            self._waiting.extend(tasks)
            self._changed.notify()

    def close(self) -> None:
        """Record what waits, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    @property
    def setup(self) -> Setup:
        """The configuration as this writer last saw it."""
        known = self._known.get(SETUP)
        return known.state if known is not None and isinstance(known.state, Setup) else Setup()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
                batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            batch = [task for task in batch if task.begin()]
            try:
                again = self._round(batch)
            except Exception as fault:
                # The answer to each caller; which batch failed is logged by whoever asked.
                self._forget()
                for task in batch:
                    if not task.future.done():
                        task.future.set_exception(fault)
                continue
            with self._changed:
                self._waiting.extendleft(reversed(again))
            # Lets the threads that have just been answered ask again, so that their commands share the next batch.
            sleep(0)

    def _round(self, batch: list[Task]) -> list[Task]:
        """Decide and record a batch; returns the tasks that must be decided again."""
        again: list[Task] = []
        self._load(batch)
        self._reserve_numbers(sum(task.opens for task in batch))
        work = WorkingSet(self._known, self._now(), self._policies)
        work.numbers = self._number
        work.sealing = self._mapper.keys.sealing
        for task in batch:
            if not self._decide(task, work):
                again.append(task)
        if work.units:
            again += self._record(work.units)
        return again

    def _decide(self, task: Task, work: WorkingSet) -> bool:
        """Decide one task; False if it must wait for the next round."""
        if task.backdated and any(work.is_pending(stream) for stream in self._needed(task)):
            # Its effective times depend on times that the store has yet to give.
            return False
        draft = Draft(work, task)
        fault: Exception | None = None
        try:
            task.decide(draft, self._find)
        except Exception as raised:
            fault = raised
        if fault is None and draft.events:
            task.events = draft.events
            work.keep(draft)
            return True
        if draft.rests_on_pending or not task.careful:
            # Nothing will be recorded, so the store would never say that this rests on what is no longer so.
            task.careful = True
            return False
        _answer(task.future, lambda: fault or task.answer(0))
        return True

    def _record(self, units: list[Unit]) -> list[Task]:
        stored = self._stored(units)
        # Before anything is recorded: what nobody can read again would stop every reader for ever.
        read_back = [[_read_back(event) for event in events] for events in stored]
        appended = self._recorder.append(stored, [unit.rests_on() for unit in units])
        self._numbers.extend(appended.fresh_numbers)
        self._behind.update(stream for stream in appended.moved if stream in self._known)
        again: list[Task] = []
        if appended.refused:
            # Perhaps since somebody has been erased; the next decision must know.
            self._mapper.keys.learn()
        for n, unit in enumerate(units):
            if n in appended.refused:
                again += self._overtaken(unit.tasks)
                continue
            self._remember(_placed(event, appended) for event in read_back[n])
            for task in unit.tasks:
                last = task.events[-1]
                position = appended.positions[last.stream, last.version]
                _answer(task.future, lambda task=task, position=position: task.answer(position))  # type: ignore[misc]
        return again

    def _stored(self, units: list[Unit]) -> list[list[SealedEvent]]:
        """Seal and encode everything at once, so that new persons' keys take one round trip."""
        flat = self._mapper.to_stored_events([event for unit in units for event in unit.events])
        rest = iter(flat)
        return [[next(rest) for _ in unit.events] for unit in units]

    def _overtaken(self, tasks: Iterable[Task]) -> list[Task]:
        again = []
        for task in tasks:
            task.attempts += 1
            task.careful = True
            if task.attempts < ATTEMPTS:
                again.append(task)
            else:
                # What is remembered may even be ahead, of a store that was put back to an earlier state.
                self._forget()
                task.future.set_exception(task.give_up())
        return again

    # Knowing

    def _needed(self, task: Task) -> set[UUID]:
        return task.streams(self._find, self._ticket) | {SETUP}

    def _load(self, batch: list[Task]) -> None:
        """Learn of every stream that the batch needs what is not remembered: often nothing."""
        self._load_numbers(batch)
        wanted: set[UUID] = set()
        for task in batch:
            streams = self._needed(task)
            if not task.careful:
                known = {stream for stream in streams if stream in self._known} - self._behind
                for stream in known:
                    self._known.move_to_end(stream)
                streams = streams - known - task.new_streams()
            wanted |= streams | self._unwound(task)
        loaded: set[UUID] = set()
        while wanted:
            self._catch_up(wanted)
            loaded |= wanted
            # What a ticket was merged into is known only once the ticket is.
            merged = {into for stream in wanted if (into := self._ticket(stream).merged_into) is not None}
            wanted = merged - loaded
        while len(self._known) > _CACHED_STREAMS:
            forgotten, _ = self._known.popitem(last=False)
            self._behind.discard(forgotten)

    def _unwound(self, task: Task) -> set[UUID]:
        """The tickets whose clocks a task asks about and that must be read from their beginning for that."""
        found = {self._find(ref) for ref in task.refs()} if task.timed else set()
        streams = {stream for stream in found if stream is not None}
        unwound = {stream for stream in streams if self._known.get(stream, NOTHING_YET).clocks is None}
        self._known.update((stream, Stream(clocks=Clocks())) for stream in unwound)
        return unwound

    def _forget(self) -> None:
        self._known.clear()
        self._behind.clear()

    def _catch_up(self, streams: set[UUID]) -> None:
        after = [(stream, self._known.get(stream, NOTHING_YET).version) for stream in streams]
        newer = [self._mapper.decoded(event) for event in self._recorder.newer(after)]
        # The configuration first: clocks are counted by what it says.
        self._remember(sorted(newer, key=lambda event: event.stream != SETUP))
        self._behind -= streams
        for stream in streams & self._known.keys():
            self._known.move_to_end(stream)

    def _remember(self, events: Iterable[Event]) -> None:
        for stream, newer in groupby(events, key=lambda event: event.stream):
            known = self._known.get(stream, NOTHING_YET)
            for event in newer:
                if event.version == known.version + 1:
                    known = known.evolved(event, self._policies)
            self._known[stream] = known

    def _load_numbers(self, batch: list[Task]) -> None:
        wanted = {
            number
            for task in batch
            for ref in task.refs()
            if (number := number_of(ref)) is not None and number not in self._streams_by_number
        }
        if wanted:
            self._streams_by_number |= self._recorder.streams_of_numbers(sorted(wanted))
            while len(self._streams_by_number) > _CACHED_STREAMS:
                self._streams_by_number.popitem(last=False)

    def _find(self, ref: str) -> UUID | None:
        number = number_of(ref)
        return _uuid_of(ref) if number is None else self._streams_by_number.get(number)

    def _ticket(self, stream: UUID) -> Ticket:
        return ticket_of(self._known.get(stream, NOTHING_YET))

    def _reserve_numbers(self, wanted: int) -> None:
        """Draw what a batch is short of in one query; what is not used serves the next."""
        short = wanted - len(self._numbers)
        if short > 0:
            self._numbers.extend(self._recorder.numbers(max(short, NUMBERS_AT_ONCE)))

    def _number(self) -> int:
        self._reserve_numbers(1)
        return self._numbers.popleft()


def _read_back(event: SealedEvent) -> Event:
    """What is about to be recorded, as others will read it: its seal closed, without its place in the log."""
    return codec.decode(
        event.topic,
        event.state,
        stream=event.originator_id,
        version=event.originator_version,
        position=0,
        recorded_at=UNSTAMPED,
    )


def _placed(event: Event, appended: Appended) -> Event:
    """What has just been recorded, in its place."""
    position = appended.positions[event.stream, event.version]
    return codec.stamped(event, event.stream, event.version, position, appended.recorded_at)


def _answer(future: Any, find: Callable[[], Any]) -> None:
    try:
        answer = find()
    except Exception as refused:
        future.set_exception(refused)
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


@lru_cache(maxsize=4_096)
def number_of(ref: str) -> int | None:
    """The number in "3847" or "#3847"; None for anything else."""
    digits = ref.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


@lru_cache(maxsize=4_096)
def _uuid_of(ref: str) -> UUID | None:
    try:
        return UUID(ref.strip())
    except ValueError:
        return None
