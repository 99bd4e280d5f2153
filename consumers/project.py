"""From Kafka into the views: one reader for all of them, partitions shared among the processes that project.

Where each view stands in each partition is its mark in PostgreSQL, written in the same transaction as its rows. The
marks are the truth and the fence: an offset is looked up by the time of the mark's position, so that a topic that was
made anew is read rightly, too; who owns which partition is a lease, which spares double work and hands over quickly.
"""

import logging
from collections.abc import Collection, Sequence
from math import ceil
from threading import Event as Flag
from time import monotonic
from typing import Any

import psycopg
from kafka import TopicPartition

from consumers.feeding import Batch, Feedings, Poison, open_in_bulk
from consumers.kafka import cloudevents
from consumers.kafka.cloudevents import Head, Malformed, milliseconds
from consumers.kafka.topics import Client, partitions_of, reader
from consumers.lease import CONNECT_TIMEOUT_S, Leases
from consumers.loop import Halted, run
from domain.clock.configured import Configured
from domain.desk import Desk
from domain.store.recorder import SealedEvent
from projections.engine import STORE, View

POLL_MS = 200
BATCH = 2500
SHARE_EVERY_S = 0.5

_log = logging.getLogger("acta.project")


def project(
    desk: Desk,
    views_dsn: str,
    views: Sequence[View],
    client: Client,
    topic: str,
    stop: Flag,
    *,
    patience_s: float = 10.0,
) -> None:
    """Keep ``views`` up to date from ``topic`` until ``stop`` is set, sharing its partitions with other processes.

    ``desk`` opens the seals and knows the configured policies; ``views_dsn`` is of the role that owns the views. A
    process that falls silent for ``patience_s`` loses its partitions to the others.

    A view that cannot go on is logged, left out and tried again; the others go on. Raises ``Halted`` when the topic
    has other partitions than the marks know.
    """
    run("project", lambda: _Projecting(desk, views_dsn, tuple(views), client, topic, patience_s), stop)


class _Projecting:
    """One life of a projector."""

    def __init__(
        self, desk: Desk, dsn: str, views: tuple[View, ...], client: Client, topic: str, patience_s: float
    ) -> None:
        self._desk = desk
        self._views = views
        self._name = f"project {topic} {','.join(sorted(view.name for view in views))}"
        self._mine: list[TopicPartition] = []
        self._shared_at = 0.0
        self._closers: list[Any] = []
        try:
            self._connection = connect(dsn, patience_s)
            self._closers.append(self._connection)
            self._leases = Leases(dsn, patience_s)
            self._closers.append(self._leases)
            self._consumer = reader(client, fetch_max_wait_ms=100, max_partition_fetch_bytes=4 * 1024 * 1024)
            self._closers.append(self._consumer)
            self._partitions = partitions_of(self._consumer, topic)
            self._feedings = Feedings(lambda: connect(dsn, patience_s), views, Configured(desk.setup))
            self._closers.append(self._feedings)
            self._open_marks()
            self._leases.join(self._name)
        except BaseException:
            self.close()
            raise

    def step(self) -> float:
        if monotonic() - self._shared_at >= SHARE_EVERY_S:
            self._leases.hold()
            self._share()
            self._open_due()
            self._shared_at = monotonic()
        found = self._consumer.poll(timeout_ms=POLL_MS, max_records=BATCH)
        if found:
            stopped = self._feedings.apply({partition.partition: self._batch(found[partition]) for partition in found})
            self._resume(stopped)
        return 0.0

    def _batch(self, messages: Sequence[Any]) -> Batch:
        return Batch(open_in_bulk(self._desk, [_read(message) for message in messages]), messages[-1].offset + 1)

    def close(self) -> None:
        for each in reversed(self._closers):
            each.close()

    def _open_marks(self) -> None:
        """Give every view a mark in every partition, so that none counts as complete while a partition is unread."""
        rows = self._connection.execute(
            "SELECT e.view, count(*), max(m.position)"
            " FROM projections.marks m JOIN projections.editions e USING (edition)"
            " WHERE e.view = ANY(%s) AND e.state = 'current' AND m.partition <> %s GROUP BY e.view",
            ([view.name for view in self._views], STORE),
        ).fetchall()
        for view, known, position in rows:
            if known != len(self._partitions) and position > 0:
                raise Halted(f"{view} has read {known} partitions, the topic has {len(self._partitions)}: rebuild it")
        everywhere = range(len(self._partitions))
        self._feedings.open_due(everywhere)
        for number in everywhere:
            self._feedings.leave(number)

    def _share(self) -> None:
        """Hold as many partitions as is fair among those who project; let go of what is too much."""
        fair = ceil(len(self._partitions) / max(1, self._leases.members(self._name)))
        before = set(self._mine)
        for partition in self._mine[fair:]:
            self._mine.remove(partition)
            self._feedings.leave(partition.partition)
            self._leases.release(self._lease(partition))
        for partition in self._partitions:
            if len(self._mine) >= fair:
                break
            if partition not in self._mine and self._leases.take(self._lease(partition)):
                # What the one before has written is in the marks, which are read when the views are opened.
                self._mine.append(partition)
        if set(self._mine) != before:
            self._consumer.assign(self._mine)
            self._open_due()
            self._resume({partition.partition for partition in self._mine})
            held = ",".join(str(partition.partition) for partition in self._mine)
            _log.info("consumer=project state=sharing partitions=%s", held or "none")

    def _lease(self, partition: TopicPartition) -> str:
        return f"{self._name} {partition.partition}"

    def _open_due(self) -> None:
        self._resume(self._feedings.open_due([partition.partition for partition in self._mine]))

    def _resume(self, numbers: Collection[int]) -> None:
        """Read on from where the view that is furthest behind needs it; each view skips what it has counted."""
        for partition in self._mine:
            if partition.partition not in numbers:
                continue
            position = self._feedings.position(partition.partition)
            if position is None:
                # A partition without any offset would make every poll fail, also for the others.
                self._consumer.seek(partition, 0)
                self._consumer.pause(partition)
            else:
                self._consumer.seek(partition, self._offset_after(partition, position))
                self._consumer.resume(partition)

    def _offset_after(self, partition: TopicPartition, position: int) -> int:
        """An offset at or before the first message after ``position``, and not far before it."""
        if position == 0:
            return int(self._consumer.beginning_offsets([partition])[partition])
        found = self._desk.store.page(position - 1, 1, opened=False)
        if not found:
            raise Halted(f"the views have read up to position {position}, which the store does not have")
        assert found[0].recorded_at is not None
        # The end is asked for first: what arrives between the two questions must not be passed over.
        end = int(self._consumer.end_offsets([partition])[partition])
        moment = milliseconds(found[0].recorded_at)
        at = self._consumer.offsets_for_times({partition: moment}).get(partition)
        return end if at is None else int(at.offset)


def connect(dsn: str, patience_s: float = 10.0) -> psycopg.Connection[Any]:
    """A connection for writing views.

    The server ends it when it falls silent in the middle of a batch, whose mark nobody else could move until then.
    """
    return psycopg.connect(
        dsn,
        autocommit=True,
        application_name="acta views",
        connect_timeout=CONNECT_TIMEOUT_S,
        options=f"-c TimeZone=UTC -c idle_in_transaction_session_timeout={int(patience_s * 1000)}",
    )


def _read(message: Any) -> SealedEvent | Head | Poison:
    try:
        return cloudevents.read(message.key, message.value, message.headers)
    except Malformed as fault:
        return Poison(0, "message", f"offset {message.offset} is not ours: {fault}")
