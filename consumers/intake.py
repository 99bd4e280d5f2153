"""Intake: requests from the departments' topics, decided in order per key and beside one another across keys.

A request is decided durably before its offset is committed, and decided once however often it comes: so a process may
die at any instruction. Of one key the next is handed to the desk when the one before is decided; other keys do not
wait. What passes (a database that is away, a ticket that many change) is tried again in place; what cannot be told to
be a request, or uses an id for something else, goes to the dead letters at once.

Partitions are shared by leases, which only spare double work: whoever decides a request a second time changes nothing.
"""

import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from math import ceil
from queue import Empty, SimpleQueue
from threading import Event as Flag
from time import monotonic
from typing import Any

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from consumers.lease import Leases
from consumers.loop import passes, run
from consumers.topics import PATIENCE_MS, Client, partitions_of, reader
from domain.access.principal import Principal
from domain.desk import Desk
from domain.desk.doors import doorkeeper, take
from domain.desk.letters import Place, expire, keep
from domain.errors import CouldNotBeTaken, KeyUsedDifferently, NotARequest, NotReadyYet, Refused, TicketMovedOn
from domain.request.message import Message, letter_in

GROUP = "acta.intake"
CHANNEL = "kafka"
MOST_UNDECIDED = 2_000
POLL_MS = 200
BUSY_POLL_MS = 2
SHARE_EVERY_S = 0.5
COMMIT_EVERY_S = 0.5
EXPIRE_EVERY_S = 600.0
RETRY_AFTER_S = 0.05

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
    """Take requests from ``topics`` (the department of each) until ``stop`` is set, sharing them with other processes.

    ``lease_dsn`` is of any role on the desk's database; a process that is silent for ``patience_s`` loses its share.
    """
    run("intake", lambda: _Taking(desk, lease_dsn, client, topics, patience_s), stop)


class _Line:
    """A partition being read: which offsets are undecided, and what waits in it, by key."""

    def __init__(self, department: str, sender: Principal) -> None:
        self.department = department
        self.sender = sender
        self.undecided: deque[int] = deque()
        self.decided: set[int] = set()
        self.waiting: dict[bytes | None, deque[Any]] = {}
        self.held = True
        self.next = -1
        self.committed = -1

    def taken(self, message: Any) -> bool:
        """Take a message in; whether it is the first of its key that is undecided."""
        self.undecided.append(message.offset)
        self.next = message.offset + 1
        waiting = self.waiting.setdefault(message.key, deque())
        waiting.append(message)
        return len(waiting) == 1

    def done(self, message: Any) -> Any:
        """The message is decided; the next of its key, if there is one."""
        self.decided.add(message.offset)
        while self.undecided and self.undecided[0] in self.decided:
            self.decided.discard(self.undecided.popleft())
        waiting = self.waiting[message.key]
        waiting.popleft()
        if waiting:
            return waiting[0]
        del self.waiting[message.key]
        return None

    @property
    def safe(self) -> int:
        """The offset from which on something may be undecided."""
        return self.undecided[0] if self.undecided else self.next


class _Taking:
    """One life of an intake."""

    def __init__(
        self, desk: Desk, lease_dsn: str, client: Client, topics: Mapping[str, str], patience_s: float
    ) -> None:
        self._desk = desk
        self._topics = topics
        self._lines: dict[TopicPartition, _Line] = {}
        self._answers: SimpleQueue[tuple[_Line, Any, Future[Any]]] = SimpleQueue()
        self._later: deque[tuple[float, _Line, Any]] = deque()
        self._undecided = 0
        self._shared_at = self._committed_at = 0.0
        self._expired_at = 0.0
        self._closers: list[Any] = []
        try:
            self._leases = Leases(lease_dsn, patience_s)
            self._closers.append(self._leases)
            self._consumer = reader(client, group_id=GROUP, fetch_max_wait_ms=100)
            self._closers.append(self._consumer)
            self._partitions = [one for topic in sorted(topics) for one in partitions_of(self._consumer, topic)]
            self._leases.join("intake")
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
        if self._undecided < MOST_UNDECIDED:
            found = self._consumer.poll(timeout_ms=BUSY_POLL_MS if self._undecided else POLL_MS, max_records=500)
            for partition, messages in found.items():
                line = self._lines[partition]
                self._undecided += len(messages)
                for message in messages:
                    if line.taken(message):
                        self._hand_in(line, message)
        self._hear(BUSY_POLL_MS / 1000 if self._undecided >= MOST_UNDECIDED else 0.0)
        if monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self._commit()
        return 0.0

    def close(self) -> None:
        for each in reversed(self._closers):
            each.close()

    def _hand_in(self, line: _Line, message: Any) -> None:
        """Have a message decided; its answer arrives in the queue. Raises what a new session must wait out."""
        answer: Future[Any]
        try:
            answer = take(self._desk, letter_in(line.department, _came(message)), line.sender, CHANNEL)
        except Exception as fault:
            if passes(fault):
                raise
            answer = Future()
            answer.set_exception(fault)
        answer.add_done_callback(lambda done: self._answers.put((line, message, done)))

    def _hear(self, wait_s: float) -> None:
        """Take what the desk has answered, and hand in what has waited for that."""
        while self._later and self._later[0][0] <= monotonic():
            _, line, message = self._later.popleft()
            if line.held:
                self._hand_in(line, message)
        while True:
            try:
                line, message, answer = self._answers.get(timeout=wait_s) if wait_s else self._answers.get_nowait()
            except Empty:
                return
            wait_s = 0.0
            if not line.held:
                continue
            if self._is_decided(line, message, answer.exception()):
                self._undecided -= 1
                following = line.done(message)
                if following is not None:
                    self._hand_in(line, following)
            else:
                self._later.append((monotonic() + RETRY_AFTER_S, line, message))

    def _is_decided(self, line: _Line, message: Any, fault: BaseException | None) -> bool:
        """Whether an answer is final; what could not be taken is kept. Raises what a new session must wait out."""
        if isinstance(fault, TicketMovedOn | NotReadyYet):
            return False
        if isinstance(fault, NotARequest | KeyUsedDifferently):
            self._keep(line, message, fault)
        elif fault is not None and not isinstance(fault, Refused):
            if passes(fault):
                raise fault
            _log.error("consumer=intake state=could-not-take reason=%s", type(fault).__qualname__)
            self._keep(line, message, CouldNotBeTaken())
        return True

    def _keep(self, line: _Line, message: Any, refused: Refused) -> None:
        place = Place(message.topic, message.partition, message.offset, message.timestamp)
        keep(self._desk, line.department, place, _came(message), refused)

    def _commit(self) -> None:
        """Say how far everything is decided; whoever reads on begins there."""
        moved = {
            partition: line.safe
            for partition, line in self._lines.items()
            if line.next >= 0 and line.safe != line.committed
        }
        if moved:
            offsets = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in moved.items()}
            self._consumer.commit(offsets, timeout_ms=PATIENCE_MS)
            for partition, offset in moved.items():
                self._lines[partition].committed = offset
        self._committed_at = monotonic()

    def _share(self) -> None:
        """Hold as many partitions as is fair among those who take in; let go of what is too much."""
        fair = ceil(len(self._partitions) / max(1, self._leases.members("intake")))
        before = set(self._lines)
        for partition in list(self._lines)[fair:]:
            self._commit()
            line = self._lines.pop(partition)
            line.held = False
            self._undecided -= sum(map(len, line.waiting.values()))
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
        """Where the one before stopped, as far as the topic still has that."""
        first = int(self._consumer.beginning_offsets([partition])[partition])
        committed = self._consumer.committed(partition, timeout_ms=PATIENCE_MS)
        return max(first, committed if committed is not None else first)


def _came(message: Any) -> Message:
    return Message(message.key, tuple((name, value or b"") for name, value in message.headers), message.value)
