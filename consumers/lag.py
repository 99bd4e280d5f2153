"""How far every follower of the store is behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from consumers.doors import Doors
from consumers.intake import GROUP
from consumers.kafka.tails import read_tails
from consumers.kafka.topics import PATIENCE_MS, Client, partitions_of, reader
from consumers.loop import NotYet
from domain.store.recorder import PostgresRecorder
from projections.engine import STORE, View


@dataclass(frozen=True, slots=True)
class Lag:
    """One follower; ``partition`` is None for whoever follows the whole store.

    ``seconds`` is the age of the oldest event that it has not read; ``stopped_at`` the position of the event that it
    cannot apply. Of an intake it is a partition of its door, with an offset for the position, and requests for events.
    """

    follower: str
    partition: int | None
    position: int
    events: int
    seconds: float
    stopped_at: int | None = None


def lag(
    store: PostgresRecorder,
    connection: psycopg.Connection[Any],
    views: Sequence[View],
    client: Client | None = None,
    topic: str = "",
    elsewhere: Mapping[str, int] | None = None,
    doors: Doors | None = None,
) -> list[Lag]:
    """Relay, ``doors``, those who keep ``elsewhere`` how far they are, and every view and partition.

    A view's partition without an event of its own counts as far as it has been told the head, so ``events`` may count
    some of other partitions.
    """
    head = store.head()
    found: list[tuple[str, int | None, int, int | None]] = []
    if client is not None:
        tails = read_tails(client, topic)
        found.append(("relay", None, min((tail.position if tail else 0 for tail in tails), default=0), None))
    undecided: list[Lag] = []
    if client is not None and doors is not None and doors.departments:
        (told,) = read_tails(client, doors.mark)
        found.append(("outcomes", None, told.position if told else 0, None))
        undecided += _undecided(client, doors)
    found += [(name, None, position, None) for name, position in (elsewhere or {}).items()]
    installed = connection.execute("SELECT to_regclass('projections.marks')").fetchone()
    if installed is not None and installed[0] is not None:
        rows = connection.execute(
            "SELECT e.view, nullif(m.partition, %s), m.position, (SELECT min(f.position) FROM projections.failures f"
            " WHERE f.edition = m.edition AND f.partition = m.partition AND f.position > m.position)"
            " FROM projections.marks m JOIN projections.editions e USING (edition)"
            " WHERE e.state = 'current' AND e.view = ANY(%s) ORDER BY array_position(%s, e.view), m.partition",
            (STORE, [view.name for view in views], [view.name for view in views]),
        ).fetchall()
        found += rows
    waiting = _recorded_after(store, {position for _, _, position, _ in found if position < head})
    now = datetime.now(UTC)
    return [
        Lag(
            name,
            partition,
            position,
            max(0, head - position),
            max(0.0, (now - waiting[position]).total_seconds()) if position in waiting else 0.0,
            stopped_at,
        )
        for name, partition, position, stopped_at in found
    ] + undecided


def _undecided(client: Client, doors: Doors) -> Iterator[Lag]:
    """What stands in the doors' topics from the offset on up to which everything is decided."""
    consumer = reader(client, group_id=GROUP)
    try:
        for topic, department in doors.requests().items():
            partitions = partitions_of(consumer, topic)
            begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
            for partition in partitions:
                committed = consumer.committed(partition, timeout_ms=PATIENCE_MS)
                offset = max(begins[partition], committed or 0)
                sent_at = _oldest(consumer, partition, offset, ends[partition])
                waiting = 0 if sent_at is None else ends[partition] - offset
                seconds = 0.0 if sent_at is None else max(0.0, datetime.now(UTC).timestamp() - sent_at / 1000)
                yield Lag(f"intake {department}", partition.partition, offset, waiting, seconds)
    finally:
        consumer.close(timeout_ms=0)


def _oldest(consumer: KafkaConsumer, partition: TopicPartition, offset: int, end: int) -> int | None:
    """The timestamp in milliseconds of the first message from ``offset`` on; None if only control records follow."""
    consumer.assign([partition])
    consumer.seek(partition, offset)
    until = monotonic() + PATIENCE_MS / 1000
    while consumer.position(partition) < end:
        if monotonic() > until:
            raise NotYet(f"partition {partition.partition} of {partition.topic} is not readable yet")
        for messages in consumer.poll(timeout_ms=200, max_records=1).values():
            return int(messages[0].timestamp)
    return None


def _recorded_after(store: PostgresRecorder, positions: set[int]) -> dict[int, datetime]:
    """When the event after each position was recorded."""
    found: dict[int, datetime] = {}
    for position in positions:
        for event in store.page(position, 1, opened=False):
            assert event.recorded_at is not None
            found[position] = event.recorded_at
    return found
