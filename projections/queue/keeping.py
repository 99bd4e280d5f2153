"""How long tickets are kept: which closed ones have not been let go, by department or type of request, oldest first."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from projections.queue.entries import KEPT

Connection = psycopg.Connection[Any]


class Kept(NamedTuple):
    """A closed ticket that still holds what it held, and whose request it is."""

    ticket: UUID
    number: int
    department: str
    request_type: str
    requester: UUID
    closed_at: datetime


_COLUMNS = "ticket, number, department, request_type, requester, closed_at"


def kept(
    connection: Connection,
    before: datetime,
    limit: int,
    *,
    department: str = "",
    request_type: str = "",
    but_types: Collection[str] = (),
    after: Kept | None = None,
) -> list[Kept]:
    """At most ``limit`` tickets of a department, ``but`` for some types of request, or of a type, closed ``before``.

    ``after``: the last of the page before. Each is one index range.
    """
    parameters = {
        "name": request_type or department,
        "before": before,
        "types": list(but_types),
        "limit": limit,
        "after_at": after.closed_at if after else datetime.min.replace(tzinfo=before.tzinfo),
        "after": after.ticket if after else UUID(int=0),
    }
    column = "request_type" if request_type else "department"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM queue.entries WHERE {KEPT} AND {column} = %(name)s".encode()
        + b" AND closed_at < %(before)s AND request_type <> ALL (%(types)s)"
        + b" AND (closed_at, ticket) > (%(after_at)s, %(after)s) ORDER BY closed_at, ticket LIMIT %(limit)s",
        parameters,
    ).fetchall()
    return [Kept(*row) for row in rows]


def kept_of(connection: Connection, person: UUID) -> set[UUID]:
    """The tickets that are or were this person's requests and have not been let go."""
    rows = connection.execute(
        "SELECT e.ticket FROM queue.entries e WHERE NOT e.expired"
        " AND e.ticket IN (SELECT r.ticket FROM queue.requesters r WHERE r.requester = %s)",
        (person,),
    ).fetchall()
    return {ticket for (ticket,) in rows}
