"""How far every follower of the store is behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from consumers.tails import read_tails
from consumers.topics import Client
from domain.store.recorder import PostgresRecorder
from projections.engine import STORE, View


@dataclass(frozen=True, slots=True)
class Lag:
    """One follower; ``partition`` is None for whoever follows the whole store.

    ``seconds`` is the age of the oldest event that it has not read; ``stopped_at`` the position of the event that it
    cannot apply.
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
) -> list[Lag]:
    """The relay, if there is a topic, those who keep ``elsewhere`` how far they are, and every view and partition.

    A view's partition without an event of its own counts as far as it has been told the head, so ``events`` may count
    some of other partitions.
    """
    head = store.head()
    found: list[tuple[str, int | None, int, int | None]] = []
    if client is not None:
        tails = read_tails(client, topic)
        found.append(("relay", None, min((tail.position if tail else 0 for tail in tails), default=0), None))
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
    ]


def _recorded_after(store: PostgresRecorder, positions: set[int]) -> dict[int, datetime]:
    """When the event after each position was recorded."""
    found: dict[int, datetime] = {}
    for position in positions:
        for event in store.page(position, 1, opened=False):
            assert event.recorded_at is not None
            found[position] = event.recorded_at
    return found
