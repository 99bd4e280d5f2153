"""What both feeds of the views have in common: stored events are opened in bulk and handed to each view.

A view that cannot go on is left out and tried again after a while, so that an operator's skip, a rebuild or a repair is
noticed without a restart; the other views go on meanwhile.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consumers.kafka.cloudevents import Head
from consumers.loop import reason
from domain.desk import Desk
from domain.envelope import Event
from domain.errors import Unreadable
from domain.store.privacy import ciphers, unseal
from domain.store.recorder import SealedEvent
from projections.engine import Fenced, Projector, Stopped, Versions, View, ViewStopped, apply_abreast, install

Connection = psycopg.Connection[Any]

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 300.0
REMEMBERED = 10_000
"""Rows of each table that are kept in memory."""

_log = logging.getLogger("acta.project")


@dataclass(frozen=True, slots=True)
class Poison:
    """What stands where no event could be read. ``position`` is 0 when not even that is known."""

    position: int
    type: str
    reason: str
    stream: UUID | None = None
    version: int = 0


Item = Event | Head | Poison


def open_in_bulk(desk: Desk, given: Iterable[SealedEvent | Head | Poison], *, opened: bool = True) -> list[Item]:
    """Decode events and open their seals (unless ``opened`` is False), in order; what cannot be read becomes poison."""
    items = [_decoded(desk, item) if isinstance(item, SealedEvent) else item for item in given]
    if not opened:
        return items
    sealed = [item for item in items if isinstance(item, Event) and item.seal is not None]
    if not sealed:
        return items
    wrapped = desk.store.wrapped_keys([(event.stream, event.version) for event in sealed])
    keys = ciphers(desk.keys.find({event.seal.subject for event in sealed if event.seal is not None}))
    return [
        _unsealed(item, wrapped.get((item.stream, item.version)), keys)
        if isinstance(item, Event) and item.seal is not None
        else item
        for item in items
    ]


def _decoded(desk: Desk, stored: SealedEvent) -> Event | Poison:
    try:
        return desk.sealing.decoded(stored)
    except Unreadable:
        return Poison(
            stored.position, stored.topic, "it cannot be decoded", stored.originator_id, stored.originator_version
        )


def _unsealed(event: Event, wrapped: bytes | None, keys: dict[UUID, AESGCM]) -> Event | Poison:
    assert event.seal is not None
    try:
        return unseal(event, wrapped, keys.get(event.seal.subject))
    except Unreadable:
        return Poison(event.position, event.TYPE, "its seal is broken", event.stream, event.version)


@dataclass
class _Waiting:
    """A view that stands still."""

    until: float
    pause: float
    said: str = ""


class Batch(NamedTuple):
    """What one partition (or the store) has to say next, and where to resume after it."""

    items: Sequence[Item]
    next_offset: int | None = None


@dataclass
class _Feeding:
    """One view, and the partitions (or the store) that it is fed from."""

    connection: Connection
    view: View
    versions: Versions
    _open: dict[int, Projector] = field(default_factory=dict)
    _waiting: dict[int, _Waiting] = field(default_factory=dict)

    def open_due(self, partitions: Iterable[int]) -> set[int]:
        """Open the view in those of ``partitions`` where it is not open and its time to be tried has come."""
        opened = set()
        for partition in partitions:
            waiting = self._waiting.get(partition)
            if partition in self._open or (waiting and waiting.until > monotonic()):
                continue
            try:
                self._open[partition] = Projector(
                    self.connection,
                    self.view,
                    partition,
                    versions=self.versions,
                    remember=REMEMBERED,
                    beside=next(iter(self._open.values()), None),
                )
                opened.add(partition)
            except Stopped as why:
                self._stop(partition, reason(why), str(why))
        return opened

    def position(self, partition: int) -> int | None:
        """How far the view has read; None if it is not open."""
        projector = self._open.get(partition)
        return None if projector is None else projector.position

    def leave(self, partition: int) -> None:
        """Feed it from this partition no more."""
        self._open.pop(partition, None)
        self._waiting.pop(partition, None)

    def apply(self, batches: Mapping[int, Batch]) -> set[int]:
        """Hand on a batch of each partition; the partitions in which the view has stopped over it.

        Raises what is no view's fault, such as a lost connection.
        """
        given = {partition: batch for partition, batch in batches.items() if partition in self._open}
        if self._apply_abreast(given):
            for partition in given:
                self._waiting.pop(partition, None)
            return set()
        stopped = set()
        for partition, batch in given.items():
            try:
                self._feed(self._open[partition], batch)
                self._waiting.pop(partition, None)
            except Stopped as why:
                del self._open[partition]
                self._stop(partition, "Fenced" if isinstance(why, Fenced) else "ViewStopped", str(why))
                stopped.add(partition)
        return stopped

    def _apply_abreast(self, batches: Mapping[int, Batch]) -> bool:
        """Count everything at once, which is how it nearly always goes; False if nothing was counted."""
        if any(isinstance(item, Poison) for batch in batches.values() for item in batch.items):
            return False
        each = []
        for partition, (items, next_offset) in batches.items():
            projector = self._open[partition]
            events = [item for item in items if isinstance(item, Event)]
            head = max((item.position for item in items if isinstance(item, Head)), default=0)
            if max(events[-1].position if events else 0, head) > projector.position:
                each.append((projector, events, next_offset, head))
        return not each or apply_abreast(each)

    def _feed(self, projector: Projector, batch: Batch) -> None:
        events: list[Event] = []
        head = 0
        for item in batch.items:
            if isinstance(item, Event):
                events.append(item)
            elif isinstance(item, Head):
                head = max(head, item.position)
            elif item.position == 0 or item.position > projector.position:
                if self._skipped(item.position):
                    head = max(head, item.position)
                    continue
                self._count(projector, events, None if batch.next_offset is None else projector.next_offset, head)
                self._record(projector, item)
                raise ViewStopped(self.view.name, projector.partition, item.position, item.type, item.reason)
        self._count(projector, events, batch.next_offset, head)

    def _count(self, projector: Projector, events: list[Event], next_offset: int | None, head: int) -> None:
        reached = max(events[-1].position if events else 0, head)
        if reached > projector.position:
            projector.apply(events, next_offset, head)

    def _skipped(self, position: int) -> bool:
        query = "SELECT FROM projections.skips WHERE view = %s AND version = %s AND position = %s"
        return self.connection.execute(query, (self.view.name, self.view.version, position)).fetchone() is not None

    def _record(self, projector: Projector, poison: Poison) -> None:
        if poison.stream is None:
            return
        self.connection.execute(
            "INSERT INTO projections.failures"
            " (edition, partition, position, stream, stream_version, type, error, place)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, '') ON CONFLICT (edition, partition, position)"
            " DO UPDATE SET error = excluded.error, place = '', seen_at = now()",
            (
                projector.edition.name,
                projector.partition,
                poison.position,
                poison.stream,
                poison.version,
                poison.type,
                poison.reason,
            ),
        )

    def _stop(self, partition: int, kind: str, text: str) -> None:
        """Leave a partition out for a while, longer each time it fails again at once."""
        waiting = self._waiting.get(partition)
        pause = min(waiting.pause * 2, LONGEST_RETRY_S) if waiting else FIRST_RETRY_S
        # Engine and feed write these texts themselves; they hold positions and types, never what an event says.
        _log.error(
            "view=%s partition=%d state=stopped retry_in_s=%.0f kind=%s reason=%r",
            self.view.name,
            partition,
            pause,
            kind,
            text,
        )
        self._waiting[partition] = _Waiting(monotonic() + pause, pause, text)


class Feedings:
    """All views that are fed together. Each has a connection and a thread of its own, so none waits for another."""

    def __init__(self, connect: Callable[[], Connection], views: Sequence[View], versions: Versions) -> None:
        """``connect`` opens a connection for writing views."""
        self._closers = ExitStack()
        with self._closers as opening:
            self._each = [_Feeding(opening.enter_context(closing(connect())), view, versions) for view in views]
            self._threads = opening.enter_context(ThreadPoolExecutor(len(views), "acta view"))
            install(self._each[0].connection, tuple(views))
            self._closers = opening.pop_all()

    def open_due(self, partitions: Collection[int]) -> set[int]:
        """Open each view wherever it is not open and its time to be tried has come; the partitions where one was."""
        return {partition for feeding in self._each for partition in feeding.open_due(partitions)}

    def position(self, partition: int) -> int | None:
        """From where events are needed; None while no view is open."""
        positions = [feeding.position(partition) for feeding in self._each]
        return min((position for position in positions if position is not None), default=None)

    def leave(self, partition: int) -> None:
        """Feed no view from this partition any more."""
        for feeding in self._each:
            feeding.leave(partition)

    def apply(self, batches: Mapping[int, Batch]) -> set[int]:
        """Hand a batch of each partition to every view that is open; the partitions in which one has stopped over it.

        Raises what is no view's fault, once every view is done.
        """
        working = [self._threads.submit(feeding.apply, batches) for feeding in self._each]
        wait(working)
        return {partition for work in working for partition in work.result()}

    def close(self) -> None:
        """Let go of every connection."""
        self._closers.close()
