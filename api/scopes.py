"""Scopes: the part of a view that exists for a caller."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from api.edge import Edge
from api.looks import Look
from api.visibility import sight_of
from domain.access.principal import Principal
from domain.setup.events import EVERYWHERE
from projections.queue.queries import Scope

Row = dict[str, Any]

OWN_COLUMNS = frozenset(
    {
        "ticket",
        "version",
        "number",
        "department",
        "department_name",
        "assignee",
        "requester",
        "requester_name",
        "title",
        "status",
        "hold_reason",
        "hold_until",
        "priority",
        "category",
        "request_type",
        "opened_at",
        "updated_at",
        "resolved_at",
        "closed_at",
        "valid_from",
    }
)
"""What a requester sees of their ticket in a list."""


def departments(principal: Principal, permission: str) -> frozenset[str] | None:
    """The departments in which the caller has a permission; None: all of them."""
    granted = principal.departments(permission)
    return None if EVERYWHERE in granted else granted


def scope_of(principal: Principal, *, own: bool = False) -> Scope:
    """Which tickets a list may hold: those of the departments that the caller reads, else the caller's own.

    A search looks into notes only for those who may read them wherever the list reaches.
    """
    reads = principal.departments("ticket.read")
    if own or not reads:
        return Scope(departments=None, requester=principal.person or UUID(int=0))
    noted = principal.departments("ticket.read-notes")
    return Scope(departments=departments(principal, "ticket.read"), notes=EVERYWHERE in noted or reads <= noted)


def visible_today(edge: Edge, look: Look, rows: Iterable[Row], *, own: bool) -> list[Row]:
    """Rows of the past, without tickets that do not exist for the caller today; of one's own less is shown.

    That these are shown is recorded.
    """
    rows = list(rows)
    tickets = edge.tickets_today.of(row["ticket"] for row in rows)
    seen = {stream: sight for stream, ticket in tickets.items() if (sight := sight_of(ticket, look.caller))}
    look.shows("ticket.read-own" if own else "ticket.read", (tickets[stream] for stream in seen))
    return [
        {name: value for name, value in row.items() if name in OWN_COLUMNS}
        if own or seen[row["ticket"]] == "own"
        else row
        for row in rows
        if row["ticket"] in seen
    ]


def in_departments(edge: Edge, scope: frozenset[str] | None, rows: Iterable[Row]) -> list[Row]:
    """Rows whose ticket is in one of these departments today, wherever it was then."""
    rows = list(rows)
    if scope is None:
        return rows
    today = edge.tickets_today.of(row["ticket"] for row in rows)
    return [row for row in rows if today[row["ticket"]].department in scope]
