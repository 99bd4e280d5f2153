"""What readers ask of the journal: lines by ticket, actor, type, period and department, paged by position."""

from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row

from projections.engine.paging import one_more, page_of

Connection = psycopg.Connection[Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines; what is None does not matter.

    ``ticket``: also who was refused it, and keyed requests that were about it. ``stream``: another stream than a
    ticket's, such as a person's. ``types``: public names of events. The
    period [since, until) is of ``axis``: when it happened, or when it was recorded. ``scope``: the departments the
    caller may see (None: all). A line about a ticket belongs to the ticket's department today, another line to the
    department it names; one that names none is seen only by those who see all.
    """

    ticket: UUID | None = None
    number: int | None = None
    stream: UUID | None = None
    kind: str | None = None
    actor: str | None = None
    types: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    axis: Literal["effective", "recorded"] = "effective"
    department: str | None = None
    scope: frozenset[str] | None = None


class Page(NamedTuple):
    """Some lines; ``next`` is the position to go on from, None on the last page."""

    lines: list[dict[str, Any]]
    next: int | None


_DEPARTMENT = "coalesce(t.department, l.department)"


def lines(
    connection: Connection, wanted: Wanted, *, after: int | None = None, newest_first: bool = False, limit: int = 100
) -> Page:
    """The lines that are ``wanted``, in order of position: each has the columns of ``audit.lines``, the number of its
    ticket (None: of none), and the department it belongs to today."""
    conditions, parameters = _conditions(wanted)
    if after is not None:
        conditions.append(f"l.position {'<' if newest_first else '>'} %(after)s")
        parameters["after"] = after
    parameters["limit"] = one_more(limit)
    query = (
        f"SELECT l.*, t.number, {_DEPARTMENT} AS department FROM audit.lines l "
        f"LEFT JOIN audit.tickets t ON t.ticket = l.ticket WHERE {' AND '.join(conditions) or 'true'} "
        f"ORDER BY l.position {'DESC' if newest_first else ''} LIMIT %(limit)s"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query.encode(), parameters).fetchall()
    return Page(*page_of(found, limit))


def _conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    at = f"l.{wanted.axis}_at"
    known = {
        "ticket": "l.ticket = %(ticket)s",
        "number": "l.ticket = (SELECT ticket FROM audit.tickets WHERE number = %(number)s)",
        "stream": "l.stream = %(stream)s AND l.kind <> 'ticket'",
        "kind": "l.kind = %(kind)s",
        "actor": "l.actor = %(actor)s",
        "types": "l.type = ANY(%(types)s)",
        "since": f"{at} >= %(since)s",
        "until": f"{at} < %(until)s",
        "department": f"{_DEPARTMENT} = %(department)s",
        "scope": f"{_DEPARTMENT} = ANY(%(scope)s)",
    }
    asked = {name: getattr(wanted, name) for name in known if getattr(wanted, name) is not None}
    parameters = {name: list(value) if isinstance(value, tuple | frozenset) else value for name, value in asked.items()}
    return [known[name] for name in asked], parameters
