"""Applying batches of events to a view: every event counts exactly once, whatever is redelivered."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import NamedTuple, NoReturn

import psycopg

from domain.envelope import Event
from projections.engine.editions import STORE, Connection, Edition, current_edition, open_mark, record
from projections.engine.errors import Fenced, Stopped, ViewStopped
from projections.engine.stored import Changes, Tables
from projections.engine.view import NO_VERSIONS, Versions, View

_LIMITS = "54"
"""The class of SQLSTATEs for what is too large: PostgreSQL will never take it, though psycopg calls it operational."""

_MARKS = """
WITH held AS (
    SELECT partition FROM projections.marks WHERE edition = %s AND partition = ANY(%s::int[])
    ORDER BY partition FOR UPDATE
), moved AS (
    UPDATE projections.marks m SET next_offset = n.next_offset, position = n.position
    FROM held JOIN unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS n(partition, next_offset, position, old_offset, old_position) USING (partition)
    WHERE m.edition = %s AND m.partition = n.partition
    AND m.next_offset = n.old_offset AND m.position = n.old_position RETURNING m.partition
)
SELECT count(*), set_config('TimeZone', 'UTC', true), set_config('synchronous_commit', 'off', true) FROM moved
"""
# Marks are held in order, so that nobody who holds several waits for somebody who waits for them.
# The commit need not wait for the disk: mark and rows are lost together or not at all, and the feed can repeat.


class Projector:
    """Keeps one view up to date from one partition of a feed (``STORE`` for the store's own).

    The connection (in autocommit mode) is the projector's while it works; each batch is one transaction, which holds
    the mark, the rows and nothing else. Rows are remembered between batches, up to ``remember`` per table, which is
    safe since the mark tells when somebody else has written. Projectors of several partitions of a view share a
    connection and this memory if each is opened ``beside`` another; ``apply_abreast`` is for them.

    ``edition``: one that is still empty, instead of the one that readers see.
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
        beside: "Projector | None" = None,
    ) -> None:
        if not connection.autocommit:
            raise ValueError("a projector opens its own transactions: hand it a connection in autocommit mode")
        self.view = view
        self.partition = partition
        self.edition = edition or current_edition(connection, view)
        self._connection = connection
        self._remember = remember
        self._tables: Tables
        if beside is not None and beside.edition == self.edition:
            self._tables = beside._tables
            # Somebody else may have kept this partition until now.
            self._tables.forget()
        else:
            self._tables = Tables(view, self.edition.name, versions, empty=edition is not None)
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
        step = self._step(events, next_offset, head)
        self._count(step.events, step.next_offset, step.position)
        return len(step.events)

    def apply_all(self, batches: Iterable[Sequence[Event]]) -> Iterator[int]:
        """``apply`` each batch of the store's feed; yield the position after it. While one is written, the next folds.

        What it raises, it raises when all before is counted.
        """
        with ThreadPoolExecutor(1, "acta write") as thread:
            ahead: list[tuple[_Step, Future[None]]] = []

            def connection() -> Connection:
                """The connection, once nothing is written over it."""
                wait([writing for _, writing in ahead])
                return self._connection

            def settled() -> bool:
                """Wait for what is being written; False if it had to be counted again, and memory begins anew."""
                while ahead:
                    step, writing = ahead.pop()
                    if writing.exception() is not None:
                        self._tables.forget()
                        self._count(step.events, step.next_offset, step.position)
                        return False
                return True

            position = self.position
            for batch in batches:
                step = self._step(batch, None, 0, position)
                position = step.position
                changes = None
                with suppress(Exception):  # counted by itself, it is raised again with the event that is to blame
                    self._tables.fold(connection, step.events)
                    changes = self._tables.take()
                    self._tables.keep(self._remember)
                if settled() and changes is not None:
                    ahead.append((step, thread.submit(_write, step, changes)))
                else:
                    self._tables.forget()
                    self._count(step.events, step.next_offset, step.position)
                yield position
            settled()

    def _step(self, events: Sequence[Event], next_offset: int | None, head: int, after: int | None = None) -> "_Step":
        before = self.position if after is None else after
        reached = max(before, head, events[-1].position if events else 0)
        return _Step(self, self._fresh(events, before), reached if next_offset is None else next_offset, reached)

    def _fresh(self, events: Sequence[Event], last: int) -> list[Event]:
        """What is above the mark, each once: when the relay has repeated itself, a batch may hold an event twice."""
        fresh = []
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
            _attempt([_Step(self, events, target, reached)])
        except Exception as error:
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


class _Step(NamedTuple):
    """What one projector is to count next, and where it stands then."""

    projector: Projector
    events: list[Event]
    next_offset: int
    position: int


def apply_abreast(batches: Sequence[tuple[Projector, Sequence[Event], int | None, int]]) -> bool:
    """Count a batch of each of several partitions of one view in one transaction; each is (projector, *what to apply*).

    False when nothing has been counted, since one of them cannot be: ``apply`` to each then tells which, and why.
    """
    steps = [projector._step(events, next_offset, head) for projector, events, next_offset, head in batches]
    if len({step.projector.edition for step in steps}) > 1:
        return False
    try:
        _attempt(steps)
    except Exception as error:
        if not isinstance(error, Fenced) and not _blames_an_event(error):
            raise
        return False
    return True


def _attempt(steps: Sequence[_Step]) -> None:
    """Count all that ``steps`` hold in one transaction, or nothing. Their projectors share connection and memory."""
    one = steps[0].projector
    connection, tables = one._connection, one._tables
    try:
        with connection.transaction():
            _move_marks(steps)
            tables.fold(lambda: connection, [event for step in steps for event in step.events])
            tables.take().write(connection)
    except Exception:
        tables.forget()
        raise
    tables.keep(one._remember)
    _stand(steps)


def _write(step: _Step, changes: Changes) -> None:
    """Write what ``step`` has come to, or nothing."""
    connection = step.projector._connection
    with connection.transaction():
        _move_marks([step])
        changes.write(connection)
    _stand([step])


def _move_marks(steps: Sequence[_Step]) -> None:
    one = steps[0].projector
    edition = one.edition.name
    partitions = [step.projector.partition for step in steps]
    targets = [step.next_offset for step in steps], [step.position for step in steps]
    olds = [step.projector.next_offset for step in steps], [step.projector.position for step in steps]
    parameters = (edition, partitions, partitions, *targets, *olds, edition)
    moved = one._connection.execute(_MARKS, parameters).fetchone()
    if moved is None or moved[0] != len(steps):
        raise Fenced(f"{edition}, partition {', '.join(map(str, partitions))}: somebody else has read on")


def _stand(steps: Sequence[_Step]) -> None:
    """It is committed: this is where they stand."""
    for step in steps:
        step.projector.next_offset, step.projector.position = step.next_offset, step.position


def _blames_an_event(error: Exception) -> bool:
    """Whether the same batch would fail again; otherwise the caller tries it again, on a new connection if need be."""
    if isinstance(error, psycopg.OperationalError):
        return (error.sqlstate or "").startswith(_LIMITS)
    return not isinstance(error, psycopg.InterfaceError | MemoryError | Stopped)
