"""What has been told of an incident so far: what a log can change of a ticket, as our rules have left it."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.envelope import NOWHERE, UNSTAMPED, Json
from domain.ticket.state import Ticket


class Told(msgspec.Struct, kw_only=True):
    """A ticket as the desk will have it once it has carried out the orders so far; times are UTC and effective.

    ``requester`` is the person who asks; ``caller`` the source's handle of them, None if it is somebody else by now.
    """

    version: int = 0
    status: str = "new"
    hold_reason: str = ""
    group: str = ""
    assignee: str = ""
    requester: UUID = NOWHERE
    caller: str | None = ""
    opened_by: str = ""
    category: str = ""
    impact: int = 3
    urgency: int = 3
    priority: int = 0
    overridden: bool = False
    reopenings: int = 0
    opened_at: datetime = UNSTAMPED
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    effective_at: datetime = UNSTAMPED
    custom: dict[str, Json] = msgspec.field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return self.status in ("resolved", "closed", "cancelled")

    def moves(self, status: str, hold_reason: str = "") -> None:
        """Take what follows from a change of status, as the fold of a ticket does."""
        self.status, self.hold_reason = status, hold_reason
        if status == "resolved":
            self.resolved_at, self.closed_at = self.effective_at, None
        elif status in ("closed", "cancelled"):
            self.closed_at = self.effective_at
        else:
            self.resolved_at = self.closed_at = None


def told_of(ticket: Ticket, caller: str | None) -> Told:
    """Where a ticket of the desk stands, to go on from there."""
    return Told(
        version=ticket.version,
        status=ticket.status,
        hold_reason=ticket.hold_reason,
        group=ticket.group,
        assignee=ticket.assignee,
        requester=ticket.requester,
        caller=caller,
        opened_by=ticket.opened_by,
        category=ticket.category,
        impact=ticket.impact,
        urgency=ticket.urgency,
        priority=ticket.priority,
        overridden=ticket.priority_overridden,
        reopenings=ticket.reopen_count,
        opened_at=ticket.opened_at,
        resolved_at=ticket.resolved_at,
        closed_at=ticket.closed_at,
        effective_at=ticket.updated_at,
        custom=dict(ticket.fields),
    )
