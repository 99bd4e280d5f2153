"""What happened to tickets, a row each time: for figures that count happenings rather than tickets."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from domain.ticket import events as e
from projections.reporting.facts import FINISHED, reporting


def _is(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


Ticket = Annotated[UUID, _is("The ticket it happened to.")]
At = Annotated[datetime, _is("When it happened (effective time).")]


class Milestone(msgspec.Struct, frozen=True):
    """One row each time a ticket was opened, finished or taken up again.

    Where a correction says that a ticket is finished, that counts; where it says that it is not after all, that is a
    reopening only if the correction counts it as one.
    """

    ticket: Ticket
    at: At
    what: Annotated[str, _is("opened, resolved, closed, cancelled or reopened.")]


class GroupChange(msgspec.Struct, frozen=True):
    """One row each time a ticket went from one group's queue to another's."""

    ticket: Ticket
    at: At
    old: Annotated[str, _is("The group it left.")]
    new: Annotated[str, _is("The group it went to; empty if to none.")]


class Reply(msgspec.Struct, frozen=True):
    """One row per message between the desk and the requester after the opening one."""

    ticket: Ticket
    at: At
    by_agent: Annotated[bool, _is("Whether the desk wrote it, rather than the requester.")]
    automatic: Annotated[bool, _is("Whether nobody wrote it: an acknowledgement, for example.")]
    author: Annotated[str, _is("The handle of the agent or, for the requester's, of who wrote it.")]


class Rating(msgspec.Struct, frozen=True):
    """One row each time a requester rated a ticket; a later one replaces those before."""

    ticket: Ticket
    at: At
    score: Annotated[int, _is("1 (bad) to 5 (good).")]


class TimeEntry(msgspec.Struct, frozen=True):
    """One row per time entry and one per correction of it; their sum is the time spent."""

    ticket: Ticket
    at: At
    entry: Annotated[int, _is("The number of the entry on its ticket.")]
    correction: Annotated[bool, _is("Whether this row corrects the entry; minutes are then the difference.")]
    author: Annotated[str, _is("The handle of whoever recorded it.")]
    minutes: Annotated[int, _is("Minutes spent; what a correction adds may be negative.")]
    billable: Annotated[bool | None, _is("Whether it can be billed; empty on a correction, which does not change it.")]


milestones = reporting.journal("milestones", Milestone, indexes=("(at)",))
group_changes = reporting.journal("group_changes", GroupChange, indexes=("(at)",))
replies = reporting.journal("replies", Reply, indexes=("(at)",))
ratings = reporting.journal("ratings", Rating, indexes=("(at)",))
time_entries = reporting.journal("time_entries", TimeEntry, indexes=("(at)", "(ticket, entry)"))


@milestones.on(e.TicketOpened)
def opened(event: e.TicketOpened) -> Milestone:
    return Milestone(event.stream, event.effective_at, "opened")


@milestones.on(e.TicketResolved)
def resolved(event: e.TicketResolved) -> Milestone:
    return Milestone(event.stream, event.effective_at, "resolved")


@milestones.on(e.TicketClosed)
def closed(event: e.TicketClosed) -> Milestone:
    return Milestone(event.stream, event.effective_at, "closed")


@milestones.on(e.TicketCancelled)
def cancelled(event: e.TicketCancelled) -> Milestone:
    return Milestone(event.stream, event.effective_at, "cancelled")


@milestones.on(e.TicketReopened)
def reopened(event: e.TicketReopened) -> Milestone:
    return Milestone(event.stream, event.effective_at, "reopened")


@milestones.on(e.TicketCorrected)
def put_right(event: e.TicketCorrected) -> Iterator[Milestone]:
    reopenings = int(event.new.get("reopen_count") or 0) - int(event.old.get("reopen_count") or 0)
    for _ in range(reopenings):
        yield Milestone(event.stream, event.effective_at, "reopened")
    status = event.new.get("status")
    if status in FINISHED and status != event.old.get("status"):
        yield Milestone(event.stream, event.effective_at, str(status))


@group_changes.on(e.TicketRouted)
def rerouted(event: e.TicketRouted) -> GroupChange | None:
    return GroupChange(event.stream, event.effective_at, event.old, event.new) if event.old else None


@group_changes.on(e.TicketCorrected)
def elsewhere_after_all(event: e.TicketCorrected) -> Iterator[GroupChange]:
    old, new = event.old.get("group"), event.new.get("group")
    if old and new is not None and new != old:
        yield GroupChange(event.stream, event.effective_at, str(old), str(new))


@replies.on(e.AgentReplied)
def answered(event: e.AgentReplied) -> Reply:
    return Reply(event.stream, event.effective_at, True, event.automatic, event.act.actor.id)


@replies.on(e.RequesterReplied)
def asked(event: e.RequesterReplied) -> Reply:
    return Reply(event.stream, event.effective_at, False, False, event.act.actor.id)


@ratings.on(e.TicketRated)
def rated(event: e.TicketRated) -> Rating:
    return Rating(event.stream, event.effective_at, event.score)


@time_entries.on(e.TimeLogged)
def spent(event: e.TimeLogged) -> TimeEntry:
    who = event.act.actor.id
    return TimeEntry(event.stream, event.effective_at, event.entry, False, who, event.minutes, event.billable)


@time_entries.on(e.TimeCorrected)
def recounted(event: e.TimeCorrected) -> TimeEntry:
    more = event.minutes - event.old_minutes
    return TimeEntry(event.stream, event.effective_at, event.entry, True, event.act.actor.id, more, None)
