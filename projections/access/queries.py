"""What an auditor asks: who looked at a ticket, at a person; at what did somebody look; paged by position."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row

from projections.engine.paging import one_more, page_of

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which looks; what is None does not matter.

    The period is [since, until). ``scope``: the departments that the caller may audit (None: all). A look belongs to
    every department of which it names a ticket, wherever that is today; it is found by those of its tickets that are in
    scope, and by its persons if all of its tickets are. One that names no ticket is for those who audit all of them.
    """

    ticket: UUID | None = None
    number: int | None = None
    person: UUID | None = None
    actor: str | None = None
    operation: str | None = None
    allowed: bool | None = None
    break_glass: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    scope: frozenset[str] | None = None


class Page(NamedTuple):
    """Some looks; ``next`` is the position to go on from, None on the last page."""

    looks: list[Row]
    next: int | None


_TICKETS = "SELECT FROM access.tickets_looked o LEFT JOIN access.tickets t USING (ticket) WHERE o.position = l.position"
_IN_SCOPE = "t.department = ANY(%(scope)s)"
_BY_TICKET_IN_SCOPE = f"EXISTS ({_TICKETS} AND o.ticket = s.ticket AND {_IN_SCOPE})"
_BY_PERSON_IN_SCOPE = f"NOT EXISTS ({_TICKETS} AND ({_IN_SCOPE}) IS NOT TRUE)"
_OF_TICKET = "JOIN access.tickets_looked s ON s.position = l.position AND s.ticket = "
_OF_NUMBER = f"{_OF_TICKET}(SELECT t.ticket FROM access.tickets t WHERE t.number = %(number)s)"
_JOINS = {
    "ticket": f"{_OF_TICKET}%(ticket)s",
    "number": _OF_NUMBER,
    "person": "JOIN access.persons_looked p ON p.position = l.position AND p.person = %(person)s",
}
_CONDITIONS = {
    "actor": "l.actor = %(actor)s",
    "operation": "l.operation = %(operation)s",
    "allowed": "l.allowed = %(allowed)s",
    "break_glass": "l.break_glass = %(break_glass)s",
    "since": "l.at >= %(since)s",
    "until": "l.at < %(until)s",
    "scope": f"EXISTS ({_TICKETS} AND {_IN_SCOPE})",
}
_NAMED = (
    "SELECT o.position, o.ticket, t.number, t.department FROM access.tickets_looked o"
    " LEFT JOIN access.tickets t USING (ticket) WHERE o.position = ANY(%s) ORDER BY o.position, o.n"
)


def looks(connection: Connection, wanted: Wanted, *, after: int | None = None, limit: int = 100) -> Page:
    """The looks that are ``wanted``, oldest first.

    Each has the columns of ``access.looks``, and ``named``: ticket, number and department today of its tickets. Of what
    is not in scope nothing is told.
    """
    asked = {name: value for name in Wanted.__struct_fields__ if (value := getattr(wanted, name)) is not None}
    joins = [_JOINS[name] for name in asked if name in _JOINS]
    conditions = [_CONDITIONS[name] for name in asked if name in _CONDITIONS]
    if wanted.scope is not None and (wanted.ticket is not None or wanted.number is not None):
        conditions.append(_BY_TICKET_IN_SCOPE)
    if wanted.scope is not None and wanted.person is not None:
        conditions.append(_BY_PERSON_IN_SCOPE)
    parameters = {name: list(value) if isinstance(value, frozenset) else value for name, value in asked.items()}
    if after is not None:
        conditions.append("l.position > %(after)s")
        parameters["after"] = after
    parameters["limit"] = one_more(limit)
    query = (
        f"SELECT l.* FROM access.looks l {' '.join(joins)} WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY l.position LIMIT %(limit)s"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query.encode(), parameters).fetchall()
        rows, following = page_of(found, limit)
        page = {row["position"]: row | {"named": []} for row in rows}
        for row in cursor.execute(_NAMED, (list(page),)).fetchall():
            if wanted.scope is None or row["department"] in wanted.scope:
                page[row.pop("position")]["named"].append(row)
    if wanted.scope is not None:
        for row in page.values():
            row["departments"] = [one for one in row["departments"] if one in wanted.scope]
            row["tickets"] = len(row["named"])
    return Page(list(page.values()), following)


def who_looked(connection: Connection, ticket: UUID, until: datetime) -> list[tuple[str, str]]:
    """Kind and handle of everybody who was shown a ticket until then."""
    query = (
        f"SELECT DISTINCT l.actor_kind, l.actor FROM access.looks l {_JOINS['ticket']}"
        " WHERE l.allowed AND l.at <= %(until)s ORDER BY l.actor, l.actor_kind"
    )
    return connection.execute(query.encode(), {"ticket": ticket, "until": until}).fetchall()


def positions_of(connection: Connection, ticket: UUID) -> list[int]:
    """The events of record that tell of somebody who was shown a ticket, or refused it, in order."""
    found = connection.execute(
        "SELECT position FROM access.tickets_looked WHERE ticket = %s ORDER BY position", (ticket,)
    )
    return [position for (position,) in found.fetchall()]
