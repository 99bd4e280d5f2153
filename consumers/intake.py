"""Intake: requests from the departments' topics, decided in order per key and beside one another across keys.

A request is decided durably before its offset is committed, and decided once however often it comes: so a process may
die at any instruction. Of one key the next is handed to the desk when the one before is decided, by the thread that
decided it; other keys do not wait, and the thread that reads has nothing to wait for but messages. What passes (a
database that is away, a ticket that many change) is tried again in place; what cannot be told to be a request, or uses
an id for something else, goes to the dead letters at once.

Partitions are shared by leases, which only spare double work: whoever decides a request a second time changes nothing.
"""

import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from math import ceil
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock
from time import monotonic
from typing import Any

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from consumers.kafka.topics import PATIENCE_MS, Client, partitions_of, reader
from consumers.lease import Leases
from consumers.loop import NotYet, passes, run
from domain.access.principal import Principal
from domain.desk import Desk, Receipt
from domain.desk.doors import doorkeeper, take
from domain.desk.letters import Place, expire, keep
from domain.errors import CouldNotBeTaken, KeyUsedDifferently, NotARequest, NotReadyYet, Refused, TicketMovedOn
from domain.request.message import Message, letter_in

GROUP = "acta.intake"
CHANNEL = "kafka"
MOST_UNDECIDED = 2_000
MOST_UNDECIDED_BYTES = 64 * 1024 * 1024
MOST_AT_ONCE = 8
"""Each may be as large as what a batch unpacks to, and comes out of next to nothing; the next step takes more."""
POLL_MS = 100
PAUSE_S = 0.01
"""Between two looks when few messages come: each look costs the same, whether it finds one or a hundred."""
SHARE_EVERY_S = 0.5
COMMIT_EVERY_S = 0.5
EXPIRE_EVERY_S = 600.0
RETRY_AFTER_S = 0.05

READING = {
    "fetch_max_wait_ms": 500,
    "max_partition_fetch_bytes": 256 * 1024,
    "fetch_max_bytes": 4 * 1024 * 1024,
    "metadata_max_age_ms": 5_000,
}
"""An idle broker is asked twice a second; what is read ahead is bounded, but for a message that is larger. That a topic
has got more partitions is known as soon."""
LOST = "acta-lost"
"""The header of a dead letter that stands for messages which the topic has lost."""

_NO_DECISIONS = (TicketMovedOn, NotReadyYet, NotARequest, KeyUsedDifferently)
_log = logging.getLogger("acta.intake")


def intake(
    desk: Desk,
    lease_dsn: str,
    client: Client,
    topics: Mapping[str, str],
    stop: Flag,
    *,
    patience_s: float = 10.0,
) -> None:
    """Take requests from ``topics`` (the department of each) until ``stop`` is set.

    Processes that were given the same topics share them; one with topics of its own waits for no other department.

    ``lease_dsn`` is of any role on the desk's database; a process that is silent for ``patience_s`` loses its share.
    """
    run("intake", lambda: _Taking(desk, lease_dsn, client, topics, patience_s), stop)


class _Line:
    """A partition being read: which offsets are undecided, and what waits in it, by key.

    Whoever decides a message says so here, in a thread of their own.
    """

    def __init__(self, department: str, sender: Principal) -> None:
        self.department = department
        self.sender = sender
        self.held = True
        self.next = -1
        self.committed = -1
        self._undecided: deque[int] = deque()
        self._decided: set[int] = set()
        self._waiting: dict[bytes | None, deque[Any]] = {}
        self._bytes = 0
        self._lock = Lock()

    def taken(self, message: Any) -> bool:
        """Take a message in; whether it is the first of its key that is undecided."""
        with self._lock:
            self._undecided.append(message.offset)
            self.next = message.offset + 1
            self._bytes += len(message.value or b"")
            waiting = self._waiting.setdefault(message.key, deque())
            waiting.append(message)
            return len(waiting) == 1

    def done(self, message: Any) -> Any:
        """The message is decided; the next of its key, if there is one and the partition is still ours."""
        with self._lock:
            self._decided.add(message.offset)
            self._bytes -= len(message.value or b"")
            while self._undecided and self._undecided[0] in self._decided:
                self._decided.discard(self._undecided.popleft())
            waiting = self._waiting[message.key]
            waiting.popleft()
            if waiting:
                return waiting[0] if self.held else None
            del self._waiting[message.key]
            return None

    @property
    def safe(self) -> int:
        """The offset from which on something may be undecided; -1 before anything was read."""
        with self._lock:
            return self._undecided[0] if self._undecided else self.next

    @property
    def left(self) -> int:
        """How many messages are undecided."""
        with self._lock:
            return len(self._undecided) - len(self._decided)

    @property
    def bytes(self) -> int:
        """How much is undecided: a message may hold a file."""
        with self._lock:
            return self._bytes


class _Taking:
    """One life of an intake."""

    def __init__(
        self, desk: Desk, lease_dsn: str, client: Client, topics: Mapping[str, str], patience_s: float
    ) -> None:
        self._desk = desk
        self._topics = topics
        self._lines: dict[TopicPartition, _Line] = {}
        self._failed: SimpleQueue[tuple[_Line, Any, BaseException]] = SimpleQueue()
        self._later: deque[tuple[float, _Line, Any]] = deque()
        self._shared_at = self._committed_at = 0.0
        self._expired_at = 0.0
        self._closers: list[Any] = []
        try:
            self._leases = Leases(lease_dsn, patience_s)
            self._closers.append(self._leases)
            self._consumer = reader(client, group_id=GROUP, **READING)
            self._closers.append(self._consumer)
            self._partitions = self._found()
            self._sharing = " ".join(["intake", *sorted(topics)])
            self._leases.join(self._sharing)
        except BaseException:
            self.close()
            raise

    def step(self) -> float:
        now = monotonic()
        if now - self._shared_at >= SHARE_EVERY_S:
            self._leases.hold()
            self._share()
            self._shared_at = now
        if now - self._expired_at >= EXPIRE_EVERY_S and self._partitions[0] in self._lines:
            # One of those who share is enough.
            expire(self._desk)
            self._expired_at = now
        found = self._take_in()
        self._see_to_what_failed()
        if monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self._commit()
        return 0.0 if found in (0, MOST_AT_ONCE) else PAUSE_S

    def close(self) -> None:
        for line in self._lines.values():
            line.held = False
        for each in reversed(self._closers):
            each.close()

    def _take_in(self) -> int | None:
        """Read on, and hand in the first of each key; how many messages came, None while too many are undecided."""
        lines = self._lines.values()
        if (
            sum(line.left for line in lines) >= MOST_UNDECIDED
            or sum(line.bytes for line in lines) >= MOST_UNDECIDED_BYTES
        ):
            return None
        found = self._consumer.poll(timeout_ms=POLL_MS, max_records=MOST_AT_ONCE)
        for partition, messages in found.items():
            line = self._lines[partition]
            for message in messages:
                if line.taken(message):
                    self._hand_in(line, message)
        return sum(map(len, found.values()))

    def _hand_in(self, line: _Line, message: Any) -> None:
        """Have a message decided."""
        try:
            answer = take(self._desk, letter_in(line.department, _came(message)), line.sender, CHANNEL)
        except Exception as fault:
            self._failed.put((line, message, fault))
        else:
            answer.add_done_callback(lambda done: self._hear(line, message, done))

    def _hear(self, line: _Line, message: Any, answer: "Future[Receipt]") -> None:
        """Go on behind a message that is decided; what must be waited for is for the thread that steps."""
        fault = answer.exception()
        if fault is None or (isinstance(fault, Refused) and not isinstance(fault, _NO_DECISIONS)):
            self._go_on(line, message)
        else:
            self._failed.put((line, message, fault))

    def _go_on(self, line: _Line, message: Any) -> None:
        """Hand in what has waited for this message."""
        following = line.done(message)
        if following is not None:
            self._hand_in(line, following)

    def _see_to_what_failed(self) -> None:
        """Try again what may succeed, keep what cannot. Raises what a new session must wait out."""
        while self._later and self._later[0][0] <= monotonic():
            _, line, message = self._later.popleft()
            if line.held:
                self._hand_in(line, message)
        while True:
            try:
                line, message, fault = self._failed.get_nowait()
            except Empty:
                return
            if not line.held:
                continue
            if isinstance(fault, TicketMovedOn | NotReadyYet):
                self._later.append((monotonic() + RETRY_AFTER_S, line, message))
            elif passes(fault):
                raise fault
            else:
                self._keep(line, message, _reason(fault))
                self._go_on(line, message)

    def _keep(self, line: _Line, message: Any, refused: Refused) -> None:
        place = Place(message.topic, message.partition, message.offset, message.timestamp)
        keep(self._desk, line.department, place, _came(message), refused)

    def _commit(self) -> None:
        """Say how far everything is decided; whoever reads on begins there."""
        safe = {partition: line.safe for partition, line in self._lines.items()}
        moved = {
            partition: offset
            for partition, offset in safe.items()
            if offset not in (-1, self._lines[partition].committed)
        }
        if moved:
            offsets = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in moved.items()}
            self._consumer.commit(offsets, timeout_ms=PATIENCE_MS)
            for partition, offset in moved.items():
                self._lines[partition].committed = offset
        self._committed_at = monotonic()

    def _found(self) -> list[TopicPartition]:
        return [one for topic in sorted(self._topics) for one in partitions_of(self._consumer, topic)]

    def _share(self) -> None:
        """Hold as many partitions as is fair among those who take in; let go of what is too much."""
        if self._found() != self._partitions:
            raise NotYet("a topic of requests has other partitions than before")
        fair = ceil(len(self._partitions) / max(1, self._leases.members(self._sharing)))
        before = set(self._lines)
        for partition in list(self._lines)[fair:]:
            self._commit()
            self._lines.pop(partition).held = False
            self._leases.release(f"intake {partition.topic} {partition.partition}")
        for partition in self._partitions:
            if len(self._lines) >= fair:
                break
            if partition not in self._lines and self._leases.take(f"intake {partition.topic} {partition.partition}"):
                department = self._topics[partition.topic]
                self._lines[partition] = _Line(department, doorkeeper(self._desk.keys, department))
        if set(self._lines) != before:
            self._consumer.assign(list(self._lines))
            for partition in set(self._lines) - before:
                self._consumer.seek(partition, self._offset(partition))
            for partition in before & set(self._lines):
                line = self._lines[partition]
                self._consumer.seek(partition, line.next if line.next >= 0 else self._offset(partition))
            _log.info("consumer=intake state=sharing partitions=%d of=%d", len(self._lines), len(self._partitions))

    def _offset(self, partition: TopicPartition) -> int:
        """Where the one before stopped; the beginning where the topic does not have that any more.

        What was deleted before it was decided is a dead letter of which nothing is left, so that somebody sees to it.
        """
        first = int(self._consumer.beginning_offsets([partition])[partition])
        end = int(self._consumer.end_offsets([partition])[partition])
        committed = self._consumer.committed(partition, timeout_ms=PATIENCE_MS)
        if committed is None or first <= committed <= end:
            return first if committed is None else int(committed)
        topic, number = partition
        _log.error("consumer=intake state=lost topic=%s partition=%d from=%d to=%d", topic, number, committed, first)
        if committed < first:
            lost = Message(None, ((LOST, b"offsets %d to %d" % (committed, first - 1)),), None)
            keep(self._desk, self._topics[topic], Place(topic, number, committed, 0), lost, CouldNotBeTaken())
        return first


def _reason(fault: BaseException) -> Refused:
    """Why a message goes to the dead letters."""
    if isinstance(fault, NotARequest | KeyUsedDifferently):
        return fault
    _log.error("consumer=intake state=could-not-take reason=%s", type(fault).__qualname__)
    return CouldNotBeTaken()


def _came(message: Any) -> Message:
    return Message(message.key, tuple((name, value or b"") for name, value in message.headers), message.value)
