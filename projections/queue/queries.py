"""What readers ask of the queue: lists, as of now or of any past moment, and counts.

A caller's scope is part of every question: what they may not see does not exist for them. Of a past moment, where a
ticket is today decides, wherever it was then. Lists are paged by keyset: the cursor names the last row shown, so that a
page costs the same wherever it lies, and no list is cut short.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from projections.engine.cursors import CursorNotValid, cursor_at, instant, number, place_of
from projections.queue.entries import COUNTED, DUE, OPEN, entries

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may see. ``departments`` None: all; ``requester``: only this person's tickets; ``notes``: search
    may look into internal notes."""

    departments: frozenset[str] | None
    requester: UUID | None = None
    notes: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets; what is None does not matter. ``assignee`` "" asks for those that nobody has taken on.

    ``merged`` and ``spam``: whether to list those, too. ``words`` as in web search: quotes, OR, a minus sign.
    """

    states: tuple[str, ...] = OPEN
    department: str | None = None
    group: str | None = None
    assignee: str | None = None
    requester: UUID | None = None
    priority: int | None = None
    tag: str | None = None
    words: str | None = None
    merged: bool = False
    spam: bool = False


class Page(NamedTuple):
    """Some rows of a list; ``next`` is the cursor of the page after, None on the last."""

    rows: list[Row]
    next: str | None


class _Sort(NamedTuple):
    """``indexed``: whether each queue's tickets stand in that order in an index."""

    expression: sql.SQL
    kind: sql.SQL
    descending: bool
    indexed: bool = False


_INSTANT, _NUMBER = sql.SQL("timestamptz"), sql.SQL("bigint")

SORTS = {
    "due": _Sort(sql.SQL(DUE), _INSTANT, False, indexed=True),  # type: ignore[arg-type, unused-ignore]
    "priority": _Sort(sql.SQL("priority"), _NUMBER, False),
    "opened": _Sort(sql.SQL("opened_at"), _INSTANT, False),
    "updated": _Sort(sql.SQL("updated_at"), _INSTANT, True),
    "number": _Sort(sql.SQL("number"), _NUMBER, False),
}
"""Only the order by due time has indexes. Any other sorts all that is wanted (some 70 ms for 100,000 open tickets); an
index for it would be written with every event of every ticket."""

_COLUMNS = sql.SQL(", ").join(sql.Identifier("e", column.name) for column in entries.kept)


class _Where:
    """Conditions joined by AND, with their parameters in order."""

    def __init__(self) -> None:
        self.conditions: list[sql.Composable] = []
        self.parameters: list[Any] = []

    def add(self, condition: str | sql.Composable, *parameters: Any) -> None:
        text = sql.SQL(condition) if isinstance(condition, str) else condition  # type: ignore[arg-type, unused-ignore]
        self.conditions.append(text)
        self.parameters.extend(parameters)

    def all(self) -> sql.Composable:
        return sql.SQL(" AND ").join(self.conditions) if self.conditions else sql.SQL("true")


def tickets(
    connection: Connection,
    scope: Scope,
    wanted: Wanted,
    *,
    sort: str = "due",
    after: str | None = None,
    limit: int = 50,
    at: datetime | None = None,
) -> Page:
    """The tickets that are ``wanted``, or were at an effective moment ``at``, in the order of ``SORTS[sort]``.

    Raises CursorNotValid when ``after`` is no cursor of a list with this order.
    """
    order = SORTS[sort]
    where = _conditions(scope, wanted, at)
    if after is not None:
        where.add(
            sql.SQL("({}, number) {} (%s::{}, %s)").format(
                order.expression, sql.SQL("<" if order.descending else ">"), order.kind
            ),
            *_read_cursor(sort, after),
        )
    direction = sql.SQL(" DESC" if order.descending else "")
    by = sql.SQL("ORDER BY {}{}, number{} LIMIT %s").format(order.expression, direction, direction)
    source, parameters = _source(scope, wanted, at, where, by, limit + 1, order.indexed)
    query = sql.SQL(
        "SELECT {columns}, e.valid_from, ({expression})::text AS sorted_by, p.name AS requester_name, "
        "d.name AS department_name, g.name AS group_name, a.name AS assignee_name "
        "FROM (SELECT * FROM ({source}) s {by}) e "
        "LEFT JOIN queue.people p ON p.person = e.requester "
        "LEFT JOIN queue.departments d ON d.department = e.department "
        'LEFT JOIN queue.groups g ON g."group" = e."group" LEFT JOIN queue.agents a ON a.agent = e.assignee '
        "ORDER BY {expression}{direction}, number{direction}"
    ).format(columns=_COLUMNS, expression=order.expression, source=source, by=by, direction=direction)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, [*parameters, limit + 1]).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    following = cursor_at((sort, rows[-1]["sorted_by"], rows[-1]["number"])) if more else None
    for row in rows:
        del row["sorted_by"]
    return Page(rows, following)


def _conditions(scope: Scope, wanted: Wanted, at: datetime | None) -> _Where:
    where = _Where()
    if scope.departments is not None:
        where.add(_today("department = ANY(%s)", at), sorted(scope.departments))
    for name in ("department", "group", "assignee", "priority"):
        value = getattr(wanted, name)
        if value is not None:
            where.add(sql.SQL("{} = %s").format(sql.Identifier(name)), value)
    if scope.requester is not None:
        where.add(_today("requester = %s", at), scope.requester)
    if wanted.requester is not None:
        where.add("requester = %s", wanted.requester)
    if wanted.tag is not None:
        where.add("%s = ANY(tags)", wanted.tag)
    if not wanted.merged:
        where.add("merged_into IS NULL")
    if not wanted.spam:
        where.add("NOT spam")
    for term, is_wanted in terms(wanted.words or ""):
        _find(where, term, is_wanted, scope, at)
    return where


def _today(condition: str, at: datetime | None) -> str:
    """What a caller may see is decided by the ticket as it stands today, also when the past is asked for."""
    return condition if at is None else f"ticket IN (SELECT ticket FROM queue.entries WHERE {condition})"


def _find(where: _Where, term: str, is_wanted: bool, scope: Scope, at: datetime | None) -> None:
    """The ticket says ``term`` anywhere, or nowhere; as of a past moment only what had been said counts."""
    look = "SELECT ticket FROM queue.{} WHERE vector @@ websearch_to_tsquery('simple', %s)"
    tables = ("texts", "notes") if scope.notes else ("texts",)
    until = " AND said_at <= %s" if at is not None else ""
    union = " UNION ALL ".join(look.format(table) + until for table in tables)
    parameters = ([term] if at is None else [term, at]) * len(tables)
    where.add(f"ticket {'IN' if is_wanted else 'NOT IN'} ({union})", *parameters)


def terms(words: str) -> list[tuple[str, bool]]:
    """The parts of a search that may each be met by another text of the ticket, and whether each is wanted.

    With OR in it a search cannot be parted, and one text must meet it whole.
    """
    found = re.findall(r'-?"[^"]*"|\S+', words)
    if any(word.lower() == "or" for word in found):
        return [(words, True)]
    parts = [(word.removeprefix("-"), not word.startswith("-")) for word in found]
    return [(part, is_wanted) for part, is_wanted in parts if any(letter.isalnum() for letter in part)]


def _source(
    scope: Scope, wanted: Wanted, at: datetime | None, where: _Where, by: sql.Composed, most: int, indexed: bool
) -> tuple[sql.Composable, list[Any]]:
    """The rows to choose from: by the index of one column and the state wherever one serves."""
    requester = scope.requester or wanted.requester
    states = list(wanted.states)
    if at is not None and requester is not None:
        past = sql.SQL(
            "SELECT * FROM queue.entries_history "
            "WHERE ticket IN (SELECT ticket FROM queue.requesters WHERE requester = %s) "
            "AND valid_from <= %s AND valid_to > %s AND status = ANY(%s) AND {} {}"
        ).format(where.all(), by)
        return past, [requester, at, at, states, *where.parameters, most]
    if at is not None:
        past = sql.SQL("SELECT * FROM queue.entries_at(%s) WHERE status = ANY(%s) AND {} {}").format(where.all(), by)
        return past, [at, states, *where.parameters, most]
    if not indexed and set(states) <= set(OPEN):
        # Found first, then sorted: the index by number would lead through all that were ever closed to the few open.
        apart = sql.SQL(
            "SELECT * FROM (SELECT * FROM queue.entries WHERE status = ANY(%s) AND {} OFFSET 0) found {}"
        ).format(where.all(), by)
        return apart, [states, *where.parameters, most]
    if requester is not None or wanted.words or not indexed:
        flat = sql.SQL("SELECT * FROM queue.entries WHERE status = ANY(%s) AND {} {}").format(where.all(), by)
        return flat, [states, *where.parameters, most]
    column, values = _narrowest(scope, wanted)
    if column is None:
        merged = sql.SQL(
            "SELECT e.* FROM unnest(%s::text[]) AS s(state) CROSS JOIN LATERAL "
            "(SELECT * FROM queue.entries WHERE status = s.state AND {} {}) e"
        ).format(where.all(), by)
        return merged, [states, *where.parameters, most]
    # Each (value, state) is one short range of an index that is in order already; the outer query merges them.
    merged = sql.SQL(
        "SELECT e.* FROM unnest(%s::text[]) AS v(value) CROSS JOIN unnest(%s::text[]) AS s(state) CROSS JOIN LATERAL "
        "(SELECT * FROM queue.entries WHERE {} = v.value AND status = s.state AND {} {}) e"
    ).format(sql.Identifier(column), where.all(), by)
    return merged, [values, states, *where.parameters, most]


def _narrowest(scope: Scope, wanted: Wanted) -> tuple[str | None, list[str]]:
    """The column with an index of its own that leaves the fewest tickets."""
    if wanted.assignee:
        return "assignee", [wanted.assignee]
    if wanted.group is not None:
        return "group", [wanted.group]
    if wanted.department is not None:
        return "department", [wanted.department]
    if scope.departments is not None:
        return "department", sorted(scope.departments)
    return None, []


def counts(
    connection: Connection, scope: Scope, now: datetime, *, states: tuple[str, ...] = OPEN, at: datetime | None = None
) -> list[Row]:
    """Tickets by department, group and state: how many, how many of them nobody has taken on, how many are too late.

    ``now`` decides what is late, ``at`` (a past moment) which tickets there were; merged ones and spam do not count.
    """
    where = _conditions(scope, Wanted(states=states), at)
    if at is None and set(states) <= set(OPEN):
        where.add(COUNTED)
    source = sql.SQL("queue.entries" if at is None else "queue.entries_at(%s)")
    query = sql.SQL(
        'SELECT department, "group", status, count(*) AS tickets, '
        "count(*) FILTER (WHERE assignee = '') AS unassigned, "
        "count(*) FILTER (WHERE breached OR breaches_after < %s) AS late "
        'FROM {} WHERE status = ANY(%s) AND {} GROUP BY department, "group", status ORDER BY 1, 2, 3'
    ).format(source, where.all())
    past = [] if at is None else [at]
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [at or now, *past, list(states), *where.parameters]).fetchall()


def requests_of(connection: Connection, person: UUID) -> list[UUID]:
    """The tickets that are or ever were this person's requests, oldest first."""
    found = connection.execute(
        "SELECT e.ticket FROM queue.entries e"
        " WHERE e.ticket IN (SELECT r.ticket FROM queue.requesters r WHERE r.requester = %s) ORDER BY e.number",
        (person,),
    )
    return [ticket for (ticket,) in found]


def queue_named(connection: Connection, name: str) -> Wanted | None:
    """The open tickets of the group of this name, else of the department; None if there is neither."""
    if connection.execute('SELECT 1 FROM queue.groups WHERE "group" = %s', (name,)).fetchone():
        return Wanted(group=name)
    if connection.execute("SELECT 1 FROM queue.departments WHERE department = %s", (name,)).fetchone():
        return Wanted(department=name)
    return None


def _read_cursor(sort: str, text: str) -> tuple[datetime | str | int, int]:
    named, value, last = place_of(text, tuple[str, str, int])
    if named != sort:
        raise CursorNotValid
    return instant(value) if SORTS[sort].kind == _INSTANT else number(value), number(last)
