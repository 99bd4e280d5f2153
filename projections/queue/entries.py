"""The row of the queue, and what every event of a ticket does to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.clock.clocks import Clocks
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.envelope import Personal
from domain.ticket.events import TicketEvent, TicketRedacted
from projections.engine import History, Versions, View

OPEN = ("new", "in_progress", "on_hold")
"""The states in which work is still to be done."""

DUE = "coalesce(due_at, 'infinity'::timestamptz)"
"""What lists are sorted by: tickets without a due time come last."""

COUNTED = "status IN ('new', 'in_progress', 'on_hold') AND merged_into IS NULL AND NOT spam"
"""The tickets that are counted as open; an index has all that the counts need."""

KEPT = "closed_at IS NOT NULL AND NOT expired AND merged_into IS NULL"
"""The tickets that are kept for a time after they closed; indexes have them by when they did."""

queue = View("queue", 5)


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A ticket as queues show it; all times are effective.

    ``waiting_since``: since when the requester waits for an answer. ``due_at`` is the earliest of its running clocks,
    ``breaches_after`` the first instant at which one of them exceeds its target if nothing more happens; ``breached``
    says that one has. ``expired``: what it held of persons was let go, and nothing has come since. ``clocks`` is what
    the next event needs to work these out.
    """

    ticket: UUID
    version: int
    number: int
    department: str
    group: str
    assignee: str = ""
    requester: UUID
    title: Personal[str]
    status: str = "new"
    hold_reason: str = ""
    hold_until: datetime | None = None
    priority: int
    impact: int
    urgency: int
    category: str
    request_type: str
    tier: str
    tags: tuple[str, ...]
    level: int = 0
    opened_at: datetime
    updated_at: datetime
    waiting_since: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    due_at: datetime | None = None
    breaches_after: datetime | None = None
    breached: bool = False
    merged_into: UUID | None = None
    spam: bool = False
    expired: bool = False
    clocks: Clocks


entries = queue.table(
    "entries",
    QueueEntry,
    key="ticket",
    history=History(
        by=(("group", "status"), ("department", "status"), ("assignee", "status")),
        without=("clocks", "expired"),
    ),
    indexes=(
        f'("group", status, ({DUE}), number)',
        f"(department, status, ({DUE}), number)",
        f"(assignee, status, ({DUE}), number) WHERE assignee <> ''",
        f"(status, ({DUE}), number)",
        "(requester, number)",
        "(number)",
        f"(department, closed_at, ticket) WHERE {KEPT}",
        f"(request_type, closed_at, ticket) WHERE {KEPT}",
        f'(department, "group", status, assignee, breaches_after, breached) WHERE {COUNTED}',
    ),
)


def changed(entry: QueueEntry, event: TicketEvent, versions: Versions, **changes: Any) -> QueueEntry:
    """The entry after ``event``, with its clocks moved on."""
    mark = mark_of(event)
    if mark is not None:
        changes |= shown(advance(entry.clocks, mark, versions))
    if entry.expired and not isinstance(event, TicketRedacted):
        changes.setdefault("expired", False)
    return replace(entry, version=event.version, updated_at=event.effective_at, **changes)


def shown(clocks: Clocks) -> dict[str, Any]:
    """The columns that show what the clocks say."""
    due_at, breaches_after = None, None
    # Only a clock that runs has these times.
    for clock in clocks.current:
        due, after = clock.due_at, clock.breaches_after
        if due is not None and (due_at is None or due < due_at):
            due_at = due
        if after is not None and (breaches_after is None or after < breaches_after):
            breaches_after = after
    breached = any(clock.breached for clock in clocks if clock.breaches)
    return {"clocks": clocks, "due_at": due_at, "breaches_after": breaches_after, "breached": breached}


def worked_on(entry: QueueEntry) -> str:
    """The state after an agent's act: the first one takes a new ticket into work."""
    return "in_progress" if entry.status == "new" else entry.status
