"""What each event does to the clocks of a ticket, in the order of a ticket's life."""

from typing import Any

from msgspec.structs import replace

from domain.clock.clocks import Clocks
from domain.clock.folding import advance
from domain.clock.hearing import IMPORTED, mark_of
from domain.clock.recording import next_owed_after
from domain.ticket import events as e
from projections.engine import Versions
from projections.sla.entries import Circumstances, Entries, Reminder, Reminders, TicketClocks, shown, tickets


@tickets.on(e.TicketOpened)
def start(row: TicketClocks | None, event: e.TicketOpened, versions: Versions) -> TicketClocks:
    """First response and resolution are waited for."""
    now = Circumstances(event.department, event.group, "", event.priority, event.request_type, event.tier)
    fresh = TicketClocks(
        ticket=event.stream,
        number=event.number,
        imported=bool(event.imported_from) or event.act.channel == IMPORTED,
        alarm_at=None,
        held_until=None,
        reminders=Reminders(),
        resolved_at=None,
        circumstances=now,
        clocks=Clocks(),
        entries=Entries(),
    )
    return moved(fresh, event, versions)


@tickets.on(e.RequestTypeChanged)
def be_another_request(row: TicketClocks, event: e.RequestTypeChanged) -> TicketClocks:
    return placed(row, request_type=event.new)


@tickets.on(e.ImpactUrgencyAssessed)
def weigh(row: TicketClocks, event: e.ImpactUrgencyAssessed) -> TicketClocks:
    return placed(row, priority=event.priority)


@tickets.on(e.PriorityOverridden)
def weigh_otherwise(row: TicketClocks, event: e.PriorityOverridden) -> TicketClocks:
    return placed(row, priority=event.new)


@tickets.on(e.TicketTransferred)
def change_department(row: TicketClocks, event: e.TicketTransferred) -> TicketClocks:
    return placed(row, department=event.new)


@tickets.on(e.TicketRouted)
def change_group(row: TicketClocks, event: e.TicketRouted) -> TicketClocks:
    return placed(row, group=event.new)


@tickets.on(e.TicketAssigned, e.TicketClaimed)
def change_hands(row: TicketClocks, event: e.TicketAssigned | e.TicketClaimed, versions: Versions) -> TicketClocks:
    """Whoever is asked by themselves is not waited for."""
    return moved(row, event, versions, assignee=event.assignee)


@tickets.on(e.TicketReleased)
def leave_hands(row: TicketClocks, event: e.TicketReleased, versions: Versions) -> TicketClocks:
    return moved(row, event, versions, assignee="")


@tickets.on(e.TicketCorrected)
def put_right(row: TicketClocks, event: e.TicketCorrected, versions: Versions) -> TicketClocks:
    """A state that was put right moves the clocks as the act would have, another opening those that began with it."""
    names = {"group", "assignee", "priority"} & event.new.keys()
    return moved(row, event, versions, **{name: event.new[name] for name in names})


@tickets.on(e.ReminderSet)
def wait_for(row: TicketClocks, event: e.ReminderSet) -> TicketClocks:
    return alarmed(replace(row, reminders=Reminders((*row.reminders.each, Reminder(event.reminder, event.at)))))


@tickets.on(e.ReminderCancelled, e.ReminderDue)
def wait_no_longer(row: TicketClocks, event: e.ReminderCancelled | e.ReminderDue) -> TicketClocks:
    kept = tuple(reminder for reminder in row.reminders.each if reminder.reminder != event.reminder)
    return alarmed(replace(row, reminders=Reminders(kept)))


@tickets.on(e.SlaRecalculated)
def be_recalculated(row: TicketClocks, event: e.SlaRecalculated, versions: Versions) -> TicketClocks:
    return moved(row, event, versions, "recalculate")


@tickets.on(e.SlaRetargeted, e.SlaDetached)
def change_target(row: TicketClocks, event: e.SlaRetargeted | e.SlaDetached, versions: Versions) -> TicketClocks:
    """Another promise holds for the clocks that go on; each remembers why."""
    return moved(row, event, versions, event.cause)


@tickets.on(
    e.RequesterChanged,
    e.RequesterReplied,
    e.AgentReplied,
    e.WorkStarted,
    e.TicketPutOnHold,
    e.TicketResumed,
    e.TicketResolved,
    e.TicketClosed,
    e.TicketReopened,
    e.TicketCancelled,
    e.TicketMergedInto,
    e.MergeReversed,
    e.SlaAttached,
    e.SlaWarned,
    e.SlaBreached,
    e.SlaBreachWithdrawn,
    e.SlaChainStepTaken,
    e.SlaExempted,
)
def move(row: TicketClocks, event: e.TicketEvent, versions: Versions) -> TicketClocks:
    """What the clocks hear of."""
    return moved(row, event, versions)


def moved(
    row: TicketClocks, event: e.TicketEvent, versions: Versions, cause: str | None = None, **changes: Any
) -> TicketClocks:
    """The ticket with its clocks moved on, and in other circumstances if ``changes`` names some."""
    mark = mark_of(event)
    if mark is None:
        return placed(row, **changes) if changes else row
    clocks = advance(row.clocks, mark, versions)
    circumstances = replace(row.circumstances, **changes) if changes else row.circumstances
    return alarmed(
        replace(
            row,
            circumstances=circumstances,
            clocks=clocks,
            entries=shown(row, clocks, circumstances, cause),
            **_waiting(row, event),
        )
    )


def alarmed(row: TicketClocks) -> TicketClocks:
    """The ticket with the alarm that follows from its clocks, its hold and its reminders."""
    owed = None if row.imported else next_owed_after(row.clocks)
    moments = (owed, row.held_until, *(reminder.at for reminder in row.reminders.each))
    return replace(row, alarm_at=min((at for at in moments if at is not None), default=None))


def _waiting(row: TicketClocks, event: e.TicketEvent) -> dict[str, Any]:
    """Until when it is held, and since when it waits to be closed; what an import says of either wakes nobody."""
    told_here = event.act.channel != IMPORTED
    match event:
        case e.TicketPutOnHold():
            return {"held_until": event.until if told_here else None}
        case e.TicketResumed() | e.WorkStarted() | e.TicketMergedInto():
            return {"held_until": None}
        case e.TicketResolved():
            return {"held_until": None, "resolved_at": None if row.imported else event.effective_at}
        case e.TicketReopened():
            return {"resolved_at": None}
        case e.TicketClosed() | e.TicketCancelled():
            return {"held_until": None, "resolved_at": None}
        case e.TicketCorrected() if "status" in event.new:
            resolved = event.new["status"] == "resolved" and not row.imported
            return {"held_until": None, "resolved_at": event.effective_at if resolved else None}
        case _:
            return {}


def placed(row: TicketClocks, **changes: Any) -> TicketClocks:
    """The ticket in other circumstances."""
    circumstances = replace(row.circumstances, **changes)
    return replace(row, circumstances=circumstances, entries=shown(row, row.clocks, circumstances))
