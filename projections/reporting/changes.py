"""What each event does to a ticket's row, in the order of a ticket's life."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from domain.ticket import events as e
from projections.engine import Versions
from projections.reporting.facts import FINISHED, REOPENED, TicketFacts, business_minutes, owned, tickets, worked_on
from projections.reporting.facts import resolved as resolved_by


@tickets.on(e.TicketOpened)
def begin(row: TicketFacts | None, event: e.TicketOpened) -> TicketFacts:
    return TicketFacts(
        ticket=event.stream,
        number=event.number,
        department=event.department,
        group=event.group,
        requester=event.requester,
        category=event.category,
        request_type=event.request_type,
        channel=event.act.channel,
        priority=event.priority,
        tier=event.tier,
        imported=bool(event.imported_from),
        opened_at=event.effective_at,
    )


@tickets.on(e.RequesterChanged)
def belong_to_another(row: TicketFacts, event: e.RequesterChanged) -> TicketFacts:
    return replace(row, requester=event.new)


@tickets.on(e.TicketMarkedSpam)
def set_aside(row: TicketFacts, event: e.TicketMarkedSpam) -> TicketFacts:
    return replace(row, spam=True)


@tickets.on(e.TicketUnmarkedSpam)
def take_back_in(row: TicketFacts, event: e.TicketUnmarkedSpam) -> TicketFacts:
    return replace(row, spam=False)


@tickets.on(e.RequestTypeChanged)
def ask_otherwise(row: TicketFacts, event: e.RequestTypeChanged) -> TicketFacts:
    return replace(row, request_type=event.new)


@tickets.on(e.CategoryChanged)
def recategorise(row: TicketFacts, event: e.CategoryChanged) -> TicketFacts:
    return replace(row, category=event.new)


@tickets.on(e.ImpactUrgencyAssessed)
def reassess(row: TicketFacts, event: e.ImpactUrgencyAssessed) -> TicketFacts:
    return replace(row, priority=event.priority)


@tickets.on(e.PriorityOverridden)
def override(row: TicketFacts, event: e.PriorityOverridden) -> TicketFacts:
    return replace(row, priority=event.new)


@tickets.on(e.TicketTransferred)
def move_house(row: TicketFacts, event: e.TicketTransferred) -> TicketFacts:
    return replace(row, department=event.new)


@tickets.on(e.TicketRouted)
def change_queue(row: TicketFacts, event: e.TicketRouted) -> TicketFacts:
    """The first group a ticket gets is no change of group."""
    return replace(row, group=event.new, group_changes=row.group_changes + bool(event.old))


@tickets.on(e.TicketAssigned, e.TicketClaimed)
def hand_over(row: TicketFacts, event: e.TicketAssigned | e.TicketClaimed) -> TicketFacts:
    return replace(row, status=worked_on(row), **owned(row, event.assignee))


@tickets.on(e.TicketReleased)
def let_go(row: TicketFacts, event: e.TicketReleased) -> TicketFacts:
    return replace(row, **owned(row, ""))


@tickets.on(e.RequesterReplied)
def ask_again(row: TicketFacts, event: e.RequesterReplied) -> TicketFacts:
    """Before the first response the requester waits for that, and after the end for nothing."""
    waits = row.first_response_at is not None and row.status not in FINISHED
    since = row.waiting_since or (event.effective_at if waits else None)
    return replace(row, requester_replies=row.requester_replies + 1, waiting_since=since)


@tickets.on(e.AgentReplied)
def answer(row: TicketFacts, event: e.AgentReplied, versions: Versions) -> TicketFacts:
    """An automatic acknowledgement is counted, but answers nothing."""
    changes: dict[str, Any] = {"agent_replies": row.agent_replies + 1}
    if event.automatic:
        return replace(row, **changes)
    at = event.effective_at
    if row.first_response_at is None:
        changes["first_response_at"] = at
        changes["first_response_business_minutes"] = business_minutes(row, row.opened_at, at, versions)
    if row.waiting_since is not None:
        spent = business_minutes(row, row.waiting_since, at, versions)
        changes |= {"asked_at": row.waiting_since, "answered_at": at, "answer_business_minutes": spent}
    return replace(row, status=worked_on(row), waiting_since=None, **changes)


@tickets.on(e.WorkStarted, e.TicketResumed)
def work(row: TicketFacts, event: e.WorkStarted | e.TicketResumed) -> TicketFacts:
    return replace(row, status="in_progress")


@tickets.on(e.TicketPutOnHold)
def hold(row: TicketFacts, event: e.TicketPutOnHold) -> TicketFacts:
    return replace(row, status="on_hold")


@tickets.on(e.TimeLogged)
def spend(row: TicketFacts, event: e.TimeLogged) -> TicketFacts:
    if not event.billable:
        return replace(row, minutes=row.minutes + event.minutes)
    return replace(
        row,
        minutes=row.minutes + event.minutes,
        billable_minutes=row.billable_minutes + event.minutes,
        billable_entries=(*row.billable_entries, event.entry),
    )


@tickets.on(e.TimeCorrected)
def recount(row: TicketFacts, event: e.TimeCorrected) -> TicketFacts:
    more = event.minutes - event.old_minutes
    billed = more if event.entry in row.billable_entries else 0
    return replace(row, minutes=row.minutes + more, billable_minutes=row.billable_minutes + billed)


@tickets.on(e.TicketEscalated)
def escalate(row: TicketFacts, event: e.TicketEscalated) -> TicketFacts:
    return replace(row, level=max(row.level, event.level))


@tickets.on(e.TicketDeescalated)
def calm_down(row: TicketFacts, event: e.TicketDeescalated) -> TicketFacts:
    return replace(row, level=event.level)


@tickets.on(e.TicketResolved)
def resolve(row: TicketFacts, event: e.TicketResolved, versions: Versions) -> TicketFacts:
    return replace(row, **resolved_by(row, event, versions))


@tickets.on(e.TicketClosed)
def close(row: TicketFacts, event: e.TicketClosed) -> TicketFacts:
    return replace(row, status="closed", closed_at=event.effective_at, waiting_since=None)


@tickets.on(e.TicketReopened)
def reopen(row: TicketFacts, event: e.TicketReopened) -> TicketFacts:
    return replace(row, status="in_progress", reopenings=row.reopenings + 1, **REOPENED)


@tickets.on(e.TicketCancelled)
def cancel(row: TicketFacts, event: e.TicketCancelled) -> TicketFacts:
    return replace(row, status="cancelled", closed_at=event.effective_at, waiting_since=None)


@tickets.on(e.TicketRated)
def rate(row: TicketFacts, event: e.TicketRated) -> TicketFacts:
    return replace(row, rating=event.score)


@tickets.on(e.TicketMergedInto)
def merge(row: TicketFacts, event: e.TicketMergedInto) -> TicketFacts:
    return replace(row, merged=True)


@tickets.on(e.MergeReversed)
def part_again(row: TicketFacts, event: e.MergeReversed) -> TicketFacts:
    return replace(row, merged=False)


@tickets.on(e.SlaAttached, e.SlaRetargeted, e.SlaRecalculated)
def fall_under(row: TicketFacts, event: e.SlaAttached | e.SlaRetargeted | e.SlaRecalculated) -> TicketFacts:
    return replace(
        row,
        policy=event.policy,
        policy_version=event.policy_version,
        calendar=event.calendar,
        calendar_version=event.calendar_version,
    )


@tickets.on(e.SlaDetached)
def fall_under_none(row: TicketFacts, event: e.SlaDetached) -> TicketFacts:
    return replace(row, policy="", policy_version=0, calendar="", calendar_version=0)


@tickets.on(e.TicketCorrected)
def put_right(row: TicketFacts, event: e.TicketCorrected, versions: Versions) -> TicketFacts:
    """The fields named have these values now; what follows from the state follows here, too."""
    plain = {"group", "priority", "category"}
    changes: dict[str, Any] = {name: value for name, value in event.new.items() if name in plain}
    if row.group and changes.get("group", row.group) != row.group:
        changes["group_changes"] = row.group_changes + 1
    if "assignee" in event.new:
        changes |= owned(row, str(event.new["assignee"]))
    if "reopen_count" in event.new:
        changes["reopenings"] = event.new["reopen_count"]
    row = replace(row, **changes)
    row = replace(row, **_state_put_right(row, str(event.new.get("status", row.status)), event, versions))
    return _times_put_right(row, event, versions)


def _times_put_right(row: TicketFacts, event: e.TicketCorrected, versions: Versions) -> TicketFacts:
    """Times that the correction names, and what is counted from or to them, anew."""
    times = {name: event.new[name] for name in ("opened_at", "resolved_at", "closed_at") if name in event.new}
    if not times:
        return row
    row = replace(row, **{name: value and datetime.fromisoformat(str(value)) for name, value in times.items()})
    opened, response, resolution = row.opened_at, row.first_response_at, row.resolved_at
    return replace(
        row,
        first_response_business_minutes=response and business_minutes(row, opened, response, versions),
        resolution_business_minutes=resolution and business_minutes(row, opened, resolution, versions),
    )


def _state_put_right(row: TicketFacts, status: str, event: e.TicketCorrected, versions: Versions) -> dict[str, Any]:
    if status == row.status:
        return {}
    if status == "resolved":
        return {**resolved_by(row, event, versions), "closed_at": None}
    if status in FINISHED:
        return {"status": status, "closed_at": event.effective_at, "waiting_since": None}
    return {"status": status, **(REOPENED if row.status in FINISHED else {})}
