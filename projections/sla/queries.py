"""Lists of clocks, next due first, as of now or of any past moment.

A caller's scope is part of every question. Breached as of a moment is what had exceeded its target by then, whether
or not anybody had noticed. Lists are paged by keyset, and no list is cut short.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from domain.clock.policy import PLAIN_TIME, Kind, Policies, PolicyRef, Unit
from projections.engine.cursors import cursor_at, instant, number, place_of
from projections.sla.entries import DUE, PROMISED, SCOPE, clocks

Connection = psycopg.Connection[Any]
Row = dict[str, Any]
Status = Literal["running", "paused", "at_risk", "breached", "met"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which clocks; what is None does not matter. A clock is listed that is in any of ``statuses``.

    ``running`` and ``paused`` clocks have a target and go on; ``at_risk`` ones have reached their first warning, and
    are not breached; ``breached`` ones have exceeded their target, finished or not; ``met`` ones ended in time.
    Cancelled and merged ones are neither.
    """

    statuses: tuple[Status, ...] = ("running", "paused")
    clock: Kind | None = None
    department: str | None = None
    group: str | None = None
    assignee: str | None = None
    priority: int | None = None
    policy: str | None = None


class Page(NamedTuple):
    """Some rows of a list; ``next`` is the cursor of the page after, None on the last."""

    rows: list[Row]
    next: str | None


_WARNED = "at_risk_from <= %(now)s"
_OVERDUE = f"breaches_after < %(now)s AND {DUE} < %(now)s"
"""Exceeded by now, though no event has told yet. The due time lies before that anyway; it bounds the index range."""

_RANGES: dict[tuple[str, str], dict[str, str]] = {
    ("running", "undecided"): {
        "running": "true",
        "at_risk": f"{_WARNED} AND (breaches_after >= %(now)s) IS NOT FALSE",
        "breached": _OVERDUE,
    },
    ("running", "breached"): {"running": "true", "breached": "true"},
    ("paused", "undecided"): {"paused": "true", "at_risk": _WARNED},
    ("paused", "breached"): {"paused": "true", "breached": "true"},
}
"""By stage and last verdict of the clocks that go on: under which condition they are in each status."""

_FINISHED = ("met", "breached")
_COLUMNS = sql.SQL(", ").join(sql.Identifier("c", column.name) for column in clocks.kept)
_ORDER = sql.SQL(f"{DUE}, number, clock, instance")
_AFTER = sql.SQL(f"({DUE}, number, clock, instance) > (%(due)s::timestamptz, %(number)s, %(kind)s::text, %(instance)s)")


def clocks_wanted(
    connection: Connection,
    departments: frozenset[str] | None,
    wanted: Wanted,
    *,
    now: datetime,
    policies: Policies,
    at: datetime | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page:
    """The clocks that are ``wanted``, or were as of an effective moment ``at``, next due first.

    ``departments`` are those that the caller may see (None: all); where a ticket is today decides. Each row has the
    columns of ``sla.clocks`` and, as of the moment asked about: ``verdict``, ``at_risk``, ``elapsed`` and ``left``
    (negative: exceeded). Raises CursorNotValid when ``after`` is no cursor of this list.
    """
    moment = at or now
    conditions, parameters = _conditions(wanted)
    if departments is not None:
        parameters["departments"] = sorted(departments)
    parameters |= {"now": moment, "at": at, "most": limit + 1}
    if after is not None:
        conditions.append(_AFTER)
        parameters |= _read_cursor(after)
    branches = list(_branches(departments, wanted, conditions, parameters, past=at is not None))
    if not branches:
        return Page([], None)
    query = sql.SQL("SELECT {}, ({})::text AS sorted_by FROM ({}) c ORDER BY {} LIMIT %(most)s").format(
        _COLUMNS, sql.SQL(DUE), sql.SQL(" UNION ALL ").join(branches), _ORDER
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, parameters).fetchall()
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return Page([_as_of(row, moment, policies) for row in rows[:limit]], following)


def going_on(
    connection: Connection,
    departments: frozenset[str] | None,
    *,
    policy: str | None = None,
    department: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[tuple[UUID, int]]:
    """Tickets with a clock that goes on, and their numbers, in the order of these from ``after`` on.

    ``departments`` are those that the caller may see (None: all); a ``policy`` is one that a clock goes by.
    """
    return connection.execute(
        "SELECT ticket, number FROM sla.clocks WHERE stage IN ('running', 'paused', 'waived') AND number > %(after)s"
        " AND (%(departments)s::text[] IS NULL OR department = ANY (%(departments)s))"
        " AND (%(policy)s::text IS NULL OR policy = %(policy)s)"
        " AND (%(department)s::text IS NULL OR department = %(department)s)"
        " GROUP BY ticket, number ORDER BY number LIMIT %(limit)s",
        {
            "after": after,
            "departments": None if departments is None else sorted(departments),
            "policy": policy,
            "department": department,
            "limit": limit,
        },
    ).fetchall()


def _conditions(wanted: Wanted) -> tuple[list[sql.Composable], dict[str, Any]]:
    conditions: list[sql.Composable] = []
    parameters: dict[str, Any] = {}
    for name in ("clock", "department", "group", "assignee", "priority", "policy"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"wanted_{name}")))
            parameters[f"wanted_{name}"] = value.value if isinstance(value, Kind) else value
    return conditions, parameters


def _branches(
    departments: frozenset[str] | None,
    wanted: Wanted,
    conditions: list[sql.Composable],
    parameters: dict[str, Any],
    *,
    past: bool,
) -> Iterator[sql.Composable]:
    """The ranges of rows to choose from, none of them twice, each in order and no longer than a page."""
    source = sql.SQL("sla.clocks_at(%(at)s)") if past else sql.SQL("sla.clocks")
    ranges = [
        f"stage = '{stage}' AND verdict = '{verdict}' AND ({' OR '.join(found)})"
        for (stage, verdict), statuses in _RANGES.items()
        if (found := [statuses[status] for status in wanted.statuses if status in statuses])
    ]
    if past and ranges:
        ranges = [" OR ".join(f"({each})" for each in ranges)]
    column, values = _narrowest(departments, wanted)
    scope = [] if departments is None else [sql.SQL(SCOPE)]
    # A clock that goes on is where its ticket is.
    scope_of_ranges = scope if past or departments is None else [sql.SQL("department = ANY(%(departments)s)")]
    for each in ranges:
        filters = [sql.SQL(PROMISED), sql.SQL(f"({each})"), *scope_of_ranges, *conditions]
        if past or column is None:
            yield _range(source, filters)
        else:
            # Each value is one range of an index that is in order already; the outer query merges them.
            parameters["values"] = values
            own = _range(source, [sql.SQL("{} = v.value").format(sql.Identifier(column)), *filters])
            yield sql.SQL("(SELECT r.* FROM unnest(%(values)s::text[]) AS v(value) CROSS JOIN LATERAL {} r)").format(
                own
            )
    for verdict in _FINISHED:
        if verdict in wanted.statuses:
            yield _range(source, [sql.SQL(f"verdict = '{verdict}' AND NOT ({PROMISED})"), *scope, *conditions])


def _range(source: sql.Composable, filters: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("(SELECT * FROM {} WHERE {} ORDER BY {} LIMIT %(most)s)").format(
        source, sql.SQL(" AND ").join(filters), _ORDER
    )


def _narrowest(departments: frozenset[str] | None, wanted: Wanted) -> tuple[str | None, list[str]]:
    """The column with an index of its own that leaves the fewest clocks."""
    if wanted.assignee:
        return "assignee", [wanted.assignee]
    if wanted.group is not None:
        return "group", [wanted.group]
    if wanted.department is not None:
        return "department", [wanted.department]
    if departments is not None:
        return "department", sorted(departments)
    return None, []


def _as_of(row: Row, moment: datetime, policies: Policies) -> Row:
    """The row as it looks at a moment rather than at its last change."""
    del row["sorted_by"]
    if row["stage"] == "running":
        ref = PolicyRef(row["policy"], row["policy_version"], row["calendar"], row["calendar_version"])
        plain = row["policy"] is None or row["unit"] == Unit.CALENDAR_MINUTES
        yardstick = PLAIN_TIME if plain else policies[ref].calendar
        row["elapsed"] += yardstick.business_time(row["counted_to"], moment)
    overdue = row["breaches_after"] is not None and row["breaches_after"] < moment
    if row["verdict"] == "undecided" and overdue:
        row["verdict"] = "breached"
        row["decided_at"] = row["breaches_after"]
    row["left"] = None if row["target"] is None else row["target"] - row["elapsed"]
    warned = row["at_risk_from"] is not None and row["at_risk_from"] <= moment
    row["at_risk"] = warned and row["verdict"] == "undecided"
    return row


def _cursor(row: Row) -> str:
    return cursor_at((row["sorted_by"], row["number"], row["clock"], row["instance"]))


def _read_cursor(text: str) -> dict[str, Any]:
    due, place, kind, instance = place_of(text, tuple[str, int, Kind, int])
    return {"due": instant(due), "number": number(place), "kind": kind.value, "instance": number(instance)}
