"""The row of a ticket that figures are counted from."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from domain.clock.policy import PolicyRef
from domain.envelope import Event
from projections.engine import History, Versions, View

MINUTE = timedelta(minutes=1)
FINISHED = ("resolved", "closed", "cancelled")

reporting = View("reporting", 1)


def _is(text: str) -> msgspec.Meta:
    """What a column says, for the data dictionary."""
    return msgspec.Meta(description=text)


class TicketFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row per ticket: where it belongs, how far it has come, and how long that took.

    All times are effective times: when it happened, never before what had happened to the ticket already. Minutes of
    business time are counted by the calendar that the ticket's service level named at that moment, holds included;
    they are empty where no service level applied. The past of what the other tables of this schema tell (replies,
    ratings, time spent) is not kept here again.
    """

    ticket: Annotated[UUID, _is("The ticket's stream.")]
    number: Annotated[int, _is("The number people know it by.")]
    status: Annotated[str, _is("new, in_progress, on_hold, resolved, closed or cancelled.")] = "new"
    department: Annotated[str, _is("The department responsible for it.")]
    group: Annotated[str, _is("The group in whose queue it is; empty if in none.")]
    assignee: Annotated[str, _is("The agent answerable for it; empty if nobody is.")] = ""
    requester: Annotated[UUID, _is("The person who asks, as a pseudonym.")]
    category: Annotated[str, _is("What it is about; empty if not classified.")]
    request_type: Annotated[str, _is("The type of request it was opened as; empty if none.")]
    channel: Annotated[str, _is("The door through which it came.")]
    priority: Annotated[int, _is("1 (highest) to 5.")]
    tier: Annotated[str, _is("The requester's tier of service when it was opened; empty if none.")]
    level: Annotated[int, _is("How far up it is escalated; 0: not at all.")] = 0
    imported: Annotated[bool, _is("Whether it was brought over from another desk.")]
    merged: Annotated[bool, _is("Whether another ticket speaks for it.")] = False
    spam: Annotated[bool, _is("Whether it was found to be no request at all.")] = False
    policy: Annotated[str, _is("The service level policy that applies; empty if none.")] = ""
    policy_version: Annotated[int, _is("The version of that policy; 0 if none.")] = 0
    calendar: Annotated[str, _is("The business calendar that applies; empty if none.")] = ""
    calendar_version: Annotated[int, _is("The version of that calendar; 0 if none.")] = 0
    opened_at: Annotated[datetime, _is("When it was opened.")]
    first_response_at: Annotated[
        datetime | None, _is("When an agent first replied to the requester; automatic replies do not count.")
    ] = None
    first_response_business_minutes: Annotated[
        float | None, _is("Business minutes from opened_at to first_response_at.")
    ] = None
    waiting_since: Annotated[
        datetime | None, _is("The requester's oldest message after the first response that nobody has answered.")
    ] = None
    asked_at: Annotated[datetime | None, _is("When the message was written that answered_at is the answer to.")] = None
    answered_at: Annotated[datetime | None, _is("When an agent last answered a waiting requester.")] = None
    answer_business_minutes: Annotated[float | None, _is("Business minutes from asked_at to answered_at.")] = None
    first_resolved_at: Annotated[datetime | None, _is("When it was resolved for the first time.")] = None
    resolved_at: Annotated[datetime | None, _is("When it was resolved; empty again once reopened.")] = None
    resolution_business_minutes: Annotated[float | None, _is("Business minutes from opened_at to resolved_at.")] = None
    closed_at: Annotated[datetime | None, _is("When it was closed or cancelled; empty again once reopened.")] = None
    reopenings: Annotated[int, _is("How often it was reopened.")] = 0
    group_changes: Annotated[int, _is("How often it went from one group to another.")] = 0
    assignee_changes: Annotated[int, _is("How often it went from one agent to another, also by way of nobody.")] = 0
    last_assignee: Annotated[str, _is("The agent who is or was last answerable for it; empty if nobody ever was.")] = ""
    agent_replies: Annotated[int, _is("Replies by agents, automatic ones included.")] = 0
    requester_replies: Annotated[int, _is("Replies by the requester after the opening message.")] = 0
    rating: Annotated[int | None, _is("The requester's latest rating, 1 (bad) to 5 (good).")] = None
    minutes: Annotated[int, _is("Time spent on it, in minutes.")] = 0
    billable_minutes: Annotated[int, _is("The part of minutes that can be billed.")] = 0
    billable_entries: Annotated[
        tuple[int, ...], _is("The numbers of its time entries that can be billed, so that a correction finds them.")
    ] = ()


PRESENT_ONLY = (
    "policy",
    "policy_version",
    "calendar",
    "calendar_version",
    "last_assignee",
    "agent_replies",
    "requester_replies",
    "rating",
    "minutes",
    "billable_minutes",
    "billable_entries",
)
"""Columns without a past: only the fold needs it, or the journals have it. Most of what happens changes only these."""

tickets = reporting.table(
    "tickets", TicketFacts, key="ticket", history=History(without=PRESENT_ONLY), indexes=("(number)",)
)


def business_minutes(row: TicketFacts, since: datetime, until: datetime, versions: Versions) -> float | None:
    """Open time between two instants by the calendar that the ticket has; None if it has none."""
    if not row.policy:
        return None
    policy = versions[PolicyRef(row.policy, row.policy_version, row.calendar, row.calendar_version)]
    return policy.calendar.business_time(since, until) / MINUTE


def owned(row: TicketFacts, assignee: str) -> dict[str, Any]:
    """What changes when ``assignee`` becomes answerable (empty: nobody is)."""
    if not assignee:
        return {"assignee": ""}
    passed_on = bool(row.last_assignee) and row.last_assignee != assignee
    return {
        "assignee": assignee,
        "last_assignee": assignee,
        "assignee_changes": row.assignee_changes + passed_on,
    }


def resolved(row: TicketFacts, event: Event, versions: Versions) -> dict[str, Any]:
    """What changes when the request is answered, in the view of the desk."""
    at = event.effective_at
    return {
        "status": "resolved",
        "first_resolved_at": row.first_resolved_at or at,
        "resolved_at": at,
        "resolution_business_minutes": business_minutes(row, row.opened_at, at, versions),
        "waiting_since": None,
    }


REOPENED: dict[str, Any] = {"resolved_at": None, "resolution_business_minutes": None, "closed_at": None}
"""What is undone when a finished ticket is taken up again."""


def worked_on(row: TicketFacts) -> str:
    """The state after an agent's act: the first one takes a new ticket into work."""
    return "in_progress" if row.status == "new" else row.status
