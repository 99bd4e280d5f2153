"""Rows of the queue's lists: now, over many open tickets, and as of a past moment, over many intervals."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from consumers.project import connect
from domain.envelope import Event
from domain.ticket.events import SlaAttached, TicketClosed, TicketOpened
from projections.engine import Projector, current_edition, install
from projections.engine.tables import span_of
from projections.queue import queue
from projections.queue.queries import Scope, Wanted, tickets
from tests import lives
from tests.bench.place import Place
from tests.bench.rows import MS, Limit, Row, percentile
from tests.desks import as_role

EVERYTHING = Scope(departments=None)
GROUP = Wanted(group="desk")
QUEUES = 10
OPEN_THEN = 2_000
PARTS = 10
YEAR = timedelta(days=365)


def now(place: Place) -> list[Row]:
    """list"""
    sizes = [1_000, place.options.size(100_000, 20_000), *([1_000_000] if place.options.large else [])]
    rows: list[Row] = []
    with place.store() as dsn, connect(as_role(dsn, "acta_projector"), 600) as connection:
        install(connection, (queue,))
        projector = Projector(connection, queue, versions=lives.POLICIES)
        desk = lives.Desk(1, max(sizes))
        waiting = iter(desk.tickets)
        small: list[float] = []
        filled = 0
        for size in sizes:
            _open(projector, desk, waiting, size - filled)
            filled = size
            connection.execute(b"VACUUM ANALYZE " + _schema(connection).encode() + b".entries")
            first = _p95(place, lambda: tickets(connection, EVERYTHING, GROUP))
            small = small or first
            limit = Limit("the same at 1,000", small, 1 / 1.3) if size > 1_000 else None
            rows.append(Row("list", f"first page of 50 of {size:,} open, by due: p95", MS, first, limit, 5))
            if size >= 50_000:
                cursor = _cursor(connection, 999 * 50)
                thousandth = _p95(place, lambda cursor=cursor: tickets(connection, EVERYTHING, GROUP, after=cursor))
                rows.append(Row("list", f"1,000th page of {size:,} open: p95", MS, thousandth, limit, 5))
    return rows


def _open(projector: Projector, desk: lives.Desk, waiting: Iterator[UUID], count: int) -> None:
    """So many open tickets more, in one group, each with a due time of its own."""
    for _ in range(0, count, 5_000):
        events: list[Event] = []
        for ticket in islice(waiting, min(5_000, count)):
            opened = desk.make(
                TicketOpened,
                ticket,
                number=len(desk._versions) + 1,
                department="it",
                requester=desk.people[0],
                title=desk.words(3),
                description=desk.words(12),
                priority=2,
                group="desk",
            )
            events += [opened, desk.make(SlaAttached, ticket, **TERMS)]
        projector.apply(events)


TERMS = {
    "policy": lives.NORMAL.ref.policy,
    "policy_version": lives.NORMAL.ref.version,
    "calendar": lives.NORMAL.ref.calendar,
    "calendar_version": lives.NORMAL.ref.calendar_version,
}


def _cursor(connection: psycopg.Connection[Any], rows: int) -> str | None:
    """The cursor after so many rows."""
    cursor = None
    for limit in (*[1_000] * (rows // 1_000), rows % 1_000):
        if limit:
            cursor = tickets(connection, EVERYTHING, GROUP, after=cursor, limit=limit).next
    return cursor


def as_of(place: Place) -> list[Row]:
    """as of"""
    intervals = 5_000_000 if place.options.large else place.options.size(1_000_000, 100_000)
    with place.store() as dsn, connect(as_role(dsn, "acta_projector"), 600) as connection:
        install(connection, (queue,))
        end = datetime(2026, 6, 1, tzinfo=UTC)
        _fill_past(connection, intervals, end)
        at = end - timedelta(days=30)
        found = [
            connection.execute(
                'SELECT count(*) FROM queue.entries_at(%s) WHERE "group" = %s AND status = %s',
                (at, "q3", "in_progress"),
            ).fetchone()
        ]
        figures = _p95(place, lambda: tickets(connection, EVERYTHING, Wanted(group="q3"), at=at))
    (open_then,) = found[0] or (0,)
    work = f"first page of 50 as of last month, {intervals:,} intervals, {open_then:,} open in the queue then: p95"
    return [Row("as of", work, MS, figures, None, 50)]


def _fill_past(connection: psycopg.Connection[Any], intervals: int, end: datetime) -> None:
    """A year of tickets in ten queues: each lives through ten intervals, and is closed now."""
    desk = lives.Desk(1, 1)
    ticket = desk.tickets[0]
    opened = desk.make(
        TicketOpened, ticket, number=1, department="it", requester=desk.people[0], title=desk.words(3), priority=2
    )
    Projector(connection, queue, versions=lives.POLICIES).apply([opened, desk.make(TicketClosed, ticket)])
    schema = _schema(connection)
    many = intervals // PARTS
    lifetime = YEAR * OPEN_THEN * QUEUES / many
    part = lifetime / PARTS
    begun = sql.SQL("({}::timestamptz + n * {}::interval)").format(sql.Literal(end - YEAR), sql.Literal(YEAR / many))
    replaced = {
        "ticket": sql.SQL("md5(n::text)::uuid"),
        "number": sql.SQL("n"),
        "group": sql.SQL("'q' || n % {}").format(sql.Literal(QUEUES)),
        "due_at": sql.SQL("{} + interval '1 day' * (n % 7)").format(begun),
    }
    past = replaced | {
        "status": sql.SQL("'in_progress'"),
        "valid_from": sql.SQL("{} + m * {}::interval").format(begun, sql.Literal(part)),
        "valid_to": sql.SQL("{} + (m + 1) * {}::interval").format(begun, sql.Literal(part)),
        "from_position": sql.SQL("n * 10 + m"),
        "span": sql.Literal(span_of(part)),
    }
    present = replaced | {
        "status": sql.SQL("'closed'"),
        "valid_from": sql.SQL("{} + {}::interval").format(begun, sql.Literal(lifetime)),
        "from_position": sql.SQL("n * 10"),
    }
    pieces = sql.SQL("generate_series(1, {}) n").format(sql.Literal(many))
    times = sql.SQL("{}, generate_series(0, {}) m").format(pieces, sql.Literal(PARTS - 1))
    _multiply(connection, schema, "entries_past", past, times)
    _multiply(connection, schema, "entries", present, pieces)
    for table in ("entries_past", "entries"):
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(schema, table)))


def _multiply(
    connection: psycopg.Connection[Any],
    schema: str,
    table: str,
    replaced: dict[str, sql.Composable],
    series: sql.Composable,
) -> None:
    """Rows like the one there is, with some columns made anew for each member of a series."""
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        (schema, table),
    ).fetchall()
    names = [name for (name,) in found]
    values = sql.SQL(", ").join(replaced.get(name, sql.Identifier("like", name)) for name in names)
    connection.execute(
        sql.SQL('INSERT INTO {} ({}) SELECT {} FROM (SELECT * FROM {} LIMIT 1) AS "like", {}').format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            values,
            sql.Identifier(schema, table),
            series,
        )
    )


def _schema(connection: psycopg.Connection[Any]) -> str:
    return current_edition(connection, queue).name


def _p95(place: Place, ask: Callable[[], object]) -> list[float]:
    """The 95th percentile of each run, in milliseconds."""
    count = place.options.size(200, 40)
    for _ in range(10):
        ask()
    return [percentile([_ms(ask) for _ in range(count)], 0.95) for _ in range(place.options.runs)]


def _ms(ask: Callable[[], object]) -> float:
    began = perf_counter()
    ask()
    return (perf_counter() - began) * 1000
