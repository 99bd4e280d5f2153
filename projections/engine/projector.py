"""Applying batches of events to a view: every event counts exactly once, whatever is redelivered."""

import traceback
from collections.abc import Sequence
from typing import NoReturn

import psycopg

from domain.envelope import Event
from projections.engine.editions import STORE, Connection, Edition, current_edition, open_mark, record
from projections.engine.errors import Fenced, Stopped, ViewStopped
from projections.engine.stored import Tables
from projections.engine.view import NO_VERSIONS, Versions, View

_LIMITS = "54"
"""The class of SQLSTATEs for what is too large: PostgreSQL will never take it, though psycopg calls it operational."""

_MARK = """
UPDATE projections.marks SET next_offset = %s, position = %s
WHERE edition = %s AND partition = %s AND next_offset = %s AND position = %s
RETURNING set_config('TimeZone', 'UTC', true), set_config('synchronous_commit', 'off', true)
"""
# The commit need not wait for the disk: mark and rows are lost together or not at all, and the feed can repeat.


class Projector:
    """Keeps one view up to date from one partition of a feed (``STORE`` for the store's own).

    The connection (in autocommit mode) is the projector's while it works; each batch is one transaction, which holds
    the mark, the rows and nothing else. Rows are remembered between batches, up to ``remember`` per table, which is
    safe since the mark tells when somebody else has written.
    """

    def __init__(
        self,
        connection: Connection,
        view: View,
        partition: int = STORE,
        *,
        versions: Versions = NO_VERSIONS,
        remember: int = 10_000,
        edition: Edition | None = None,
    ) -> None:
        if not connection.autocommit:
            raise ValueError("a projector opens its own transactions: hand it a connection in autocommit mode")
        self.view = view
        self.partition = partition
        self.edition = edition or current_edition(connection, view)
        self._connection = connection
        self._remember = remember
        self._tables = Tables(view, self.edition.name, versions)
        self._events = view.events()
        self.next_offset, self.position = open_mark(connection, self.edition, partition)
        self._skipped = self._skips()

    def _skips(self) -> frozenset[int]:
        rows = self._connection.execute(
            "SELECT position FROM projections.skips WHERE view = %s AND version = %s",
            (self.view.name, self.view.version),
        ).fetchall()
        return frozenset(row[0] for row in rows)

    def apply(self, events: Sequence[Event], next_offset: int | None = None, head: int = 0) -> int:
        """Count ``events``, in order, and remember to resume at ``next_offset``; return how many were new.

        ``head`` is a position up to which this partition is known to hold nothing more (the relay's word, or the head
        of the store). Without ``next_offset`` (the store's feed) the position reached is kept in its place.

        Raises Fenced when somebody else has moved the mark; ViewStopped at an event that cannot be applied, after
        counting all before it; psycopg's OperationalError when the database is not there, with nothing counted.
        """
        fresh = self._fresh(events)
        reached = max(self.position, head, events[-1].position if events else 0)
        target = reached if next_offset is None else next_offset
        self._count(fresh, target, reached)
        return len(fresh)

    def _fresh(self, events: Sequence[Event]) -> list[Event]:
        """What is above the mark, each once: when the relay has repeated itself, a batch may hold an event twice."""
        fresh = []
        last = self.position
        for event in events:
            if event.position > last:
                last = event.position
                if type(event) in self._events and event.position not in self._skipped:
                    fresh.append(event)
        return fresh

    def _count(self, events: list[Event], target: int, reached: int) -> None:
        """Count a batch; if it fails, halve it to find the event, count what is before that, record it and stop.

        The offset moves with the last part only: a reader that resumes before it skips by position.
        """
        try:
            self._attempt(events, target, reached)
        except Exception as error:
            self._tables.forget()
            if not events or not _blames_an_event(error):
                raise
            if len(events) == 1:
                self._stop(events[0], error)
            half = len(events) // 2
            self._count(events[:half], self.next_offset, events[half - 1].position)
            self._count(events[half:], target, reached)

    def _stop(self, event: Event, error: Exception) -> NoReturn:
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.name}:{frame.lineno}"
        stopped = ViewStopped(
            self.view.name,
            self.partition,
            event.position,
            event.TYPE,
            name,
            place,
            stream=event.stream,
            version=event.version,
        )
        record(self._connection, self.edition, stopped)
        # The cause is left out: its message may hold what the event says.
        raise stopped from None

    def _attempt(self, events: list[Event], next_offset: int, position: int) -> None:
        """Count ``events`` in one transaction, or nothing."""
        connection = self._connection
        with connection.transaction():
            old = (self.edition.name, self.partition, self.next_offset, self.position)
            if connection.execute(_MARK, (next_offset, position, *old)).fetchone() is None:
                raise Fenced(f"{self.edition.name}, partition {self.partition}: somebody else has read on")
            if events:
                self._tables.fold(connection, events)
        self.next_offset, self.position = next_offset, position
        self._tables.written(self._remember)


def _blames_an_event(error: Exception) -> bool:
    """Whether the same batch would fail again; otherwise the caller tries it again, on a new connection if need be."""
    if isinstance(error, psycopg.OperationalError):
        return (error.sqlstate or "").startswith(_LIMITS)
    return not isinstance(error, psycopg.InterfaceError | MemoryError | Stopped)
