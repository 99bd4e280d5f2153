"""The recorder: what the ``eventsourcing`` library needs of a store, and what we add to it.

Appending goes through one SQL function, ``acta.append`` (see schema.sql), with all that waits at that moment; so the
position is known when the write returns and a follower never misses an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, Subscription
from psycopg_pool import ConnectionPool

from domain.store.reading import OPENED, Reading
from domain.store.reading import SealedEvent as SealedEvent
from domain.store.reading import Touched as Touched

_PATIENCE_S = 20.0
_PAUSE_S = 0.1
SESSION = "-c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
"""Options of every session on the store.

All that it is asked is found by an index. Planning costs more than that, so one plan serves all calls; and since it may
have been made while a table was tiny, it must not be to read the whole of it.
"""


@dataclass(frozen=True)
class Appended:
    """The answer to an append: what was refused, where and when the rest went, and a fresh number for each given.

    ``moved`` are streams in which others have recorded something since the append before: a hint, not all of them.
    """

    recorded_at: datetime
    refused: frozenset[int] = frozenset()
    positions: dict[tuple[UUID, int], int] = field(default_factory=dict)
    fresh_numbers: Sequence[int] = ()
    moved: Sequence[UUID] = ()


Unit = Sequence[SealedEvent]
"""Events that succeed or fail together."""

Rests = Mapping[UUID, int]
"""What a unit rests on beside the streams it writes: streams, and the version that each must still have."""


class PostgresRecorder(Reading, ApplicationRecorder):
    """Events in PostgreSQL, appended in order and never changed.

    ``pool`` is for reading; ``dsn`` for the one connection that writes, which lives as long as it can.
    """

    def __init__(self, pool: ConnectionPool, dsn: str) -> None:
        Reading.__init__(self, pool)
        self._dsn = dsn
        self._writer: psycopg.Connection | None = None
        self._writing = Lock()
        self._seen = 0

    def append(self, units: Sequence[Unit], rests: Sequence[Rests] = ()) -> Appended:
        """Record every unit whose streams, and those that it ``rests`` on, have not moved on; one transaction for all.

        A connection lost on the way is looked into, not guessed at: what had been committed counts as appended.
        Raises ``psycopg.OperationalError`` when the database cannot be reached; nothing is lost then, and nothing done.
        """
        rows = [(n, event) for n, unit in enumerate(units) for event in unit]
        if not rows:
            raise ValueError("an append needs an event")
        with self._writing:
            try:
                return self._append(self._connection(), rows, rests)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._disconnect()
            return self._append_after_loss(rows, rests)

    def _append_after_loss(self, rows: list[tuple[int, SealedEvent]], rests: Sequence[Rests]) -> Appended:
        """Find out, under the append lock, whether the lost transaction was committed; if not, append again.

        The lock is what makes the answer final: the lost backend holds it until its transaction has ended.
        """
        connection = self._reconnected()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(4021985)")
            found = connection.execute(
                "SELECT e.stream, e.version, e.body, e.position, e.recorded_at FROM acta.events e"
                " JOIN unnest(%b::uuid[], %b::int[]) AS g(stream, version) USING (stream, version)",
                ([event.originator_id for _, event in rows], [event.originator_version for _, event in rows]),
                binary=True,
            ).fetchall()
        there = {(stream, version): (bytes(body), position, at) for stream, version, body, position, at in found}
        if not there:
            return self._append(connection, rows, rests)
        positions: dict[tuple[UUID, int], int] = {}
        refused: set[int] = set()
        recorded_at = max(at for _, _, at in there.values())
        for n, event in rows:
            key = (event.originator_id, event.originator_version)
            body, position, _ = there.get(key, (b"", 0, None))
            if body == event.state:
                positions[key] = position
            else:
                refused.add(n)
        return Appended(recorded_at, frozenset(refused), positions)

    def _reconnected(self) -> psycopg.Connection:
        """A new connection, as soon as the database takes one; a restart is waited for, an outage is not."""
        until = monotonic() + _PATIENCE_S
        while True:
            try:
                return self._connection()
            except psycopg.OperationalError:
                if monotonic() > until:
                    raise
                sleep(_PAUSE_S)

    def _append(
        self, connection: psycopg.Connection, rows: list[tuple[int, SealedEvent]], rests: Sequence[Rests]
    ) -> Appended:
        events = [event for _, event in rows]
        rested = _rested(rests)
        taken = [(n, upload) for n, event in rows if (upload := event.takes) is not None]
        # In binary: psycopg writes an array as text some hundred times as slowly.
        row = connection.execute(
            "SELECT head, stamped, refused, fresh_numbers, moved FROM acta.append(%b::int[], %b::uuid[], %b::int[],"
            " %b::text[], %b::bigint[], %b::bytea[], %b::uuid[], %b::bytea[], %b::int[], %b::uuid[], %b::int[],"
            " %b::bigint, %b::int[], %b::uuid[])",
            (
                [n for n, _ in rows],
                [event.originator_id for event in events],
                [event.originator_version for event in events],
                [event.topic for event in events],
                [event.number for event in events],
                [event.state for event in events],
                [event.subject for event in events],
                [event.wrapped for event in events],
                [n for n, _, _ in rested],
                [stream for _, stream, _ in rested],
                [version for _, _, version in rested],
                self._seen,
                [n for n, _ in taken],
                [upload for _, upload in taken],
            ),
            binary=True,
        ).fetchone()
        assert row is not None
        head, recorded_at, refused, fresh_numbers, moved = row
        out = frozenset(n for n, _ in rows) if None in refused else frozenset(refused)
        kept = [event for n, event in rows if n not in out]
        positions = {(event.originator_id, event.originator_version): head + n for n, event in enumerate(kept, start=1)}
        self._seen = head + len(kept)
        return Appended(recorded_at, out, positions, fresh_numbers, moved)

    def _connection(self) -> psycopg.Connection:
        if self._writer is None or self._writer.closed:
            self._writer = psycopg.connect(
                self._dsn,
                autocommit=True,
                prepare_threshold=1,
                application_name="acta append",
                options=f"{SESSION} -c lock_timeout=10s -c statement_timeout=30s",
            )
        return self._writer

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def numbers(self, count: int) -> list[int]:
        """Fresh ticket numbers; what is not used is a gap, never used again."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT nextval('acta.ticket_number') FROM generate_series(1, %s)", (count,)
            ).fetchall()
        return [number for (number,) in rows]

    def close(self) -> None:
        """Let go of the writing connection."""
        with self._writing:
            self._disconnect()

    # What the library calls.

    def insert_events(self, stored_events: Sequence[Any], **kwargs: Any) -> Sequence[int] | None:
        """Append one unit; raises the library's ``IntegrityError`` when a stream has moved on."""
        appended = self.append([list(stored_events)])
        if appended.refused:
            raise IntegrityError("a stream has moved on")
        return [appended.positions[event.originator_id, event.originator_version] for event in stored_events]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[Any]:
        """One stream, or a part of it."""
        query = f"{OPENED} WHERE e.stream = %(stream)s"
        query += " AND e.version > %(gt)s" if gt is not None else ""
        query += " AND e.version <= %(lte)s" if lte is not None else ""
        query += f" ORDER BY e.version {'DESC' if desc else 'ASC'}"
        query += " LIMIT %(limit)s" if limit is not None else ""
        return self._fetch(query, {"stream": originator_id, "gt": gt, "lte": lte, "limit": limit})

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The whole log, by position."""
        after = (start or 0) - 1 if inclusive_of_start else (start or 0)
        return [
            Notification(event.originator_id, event.originator_version, event.topic, event.state, event.position)
            for event in self.page(after, limit, types=topics, until=stop, opened=False)
        ]

    def max_notification_id(self) -> int | None:
        """The highest position, or None."""
        return self.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Not offered: followers poll by position, since a lost wake-up or connection must never lose an event."""
        raise RuntimeError("followers of this store poll by position")


def _rested(rests: Sequence[Rests]) -> list[tuple[int | None, UUID, int]]:
    """Unit, stream and version; what every unit rests on is said once, without a unit."""
    common = set(rests[0].items()).intersection(*(one.items() for one in rests[1:])) if rests else set()
    return [(None, *place) for place in common] + [
        (n, *place) for n, one in enumerate(rests) for place in one.items() if place not in common
    ]
