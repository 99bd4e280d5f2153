"""What each event does to the clocks of a ticket, in the order of a ticket's life."""

from typing import Any

from msgspec.structs import replace

from domain.clock.clocks import Clocks
from domain.clock.folding import advance
from domain.clock.hearing import IMPORTED, mark_of
from domain.clock.recording import next_owed_after
from domain.ticket import events as e
from projections.engine import Versions
from projections.sla.entries import Circumstances, Entries, TicketClocks, shown, tickets


@tickets.on(e.TicketOpened)
def start(row: TicketClocks | None, event: e.TicketOpened, versions: Versions) -> TicketClocks:
    """First response and resolution are waited for."""
    now = Circumstances(event.department, event.group, "", event.priority, event.request_type, event.tier)
    fresh = TicketClocks(
        ticket=event.stream,
        number=event.number,
        requester=event.requester,
        imported=bool(event.imported_from) or event.act.channel == IMPORTED,
        alarm_at=None,
        circumstances=now,
        clocks=Clocks(),
        entries=Entries(),
    )
    return moved(fresh, event, versions)


@tickets.on(e.RequesterChanged)
def be_asked_by_another(row: TicketClocks, event: e.RequesterChanged) -> TicketClocks:
    return replace(row, requester=event.new)


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
    """A state that was put right moves the clocks as the act would have."""
    names = {"group", "assignee", "priority"} & event.new.keys()
    return moved(row, event, versions, **{name: event.new[name] for name in names})


@tickets.on(e.SlaRetargeted, e.SlaDetached)
def change_target(row: TicketClocks, event: e.SlaRetargeted | e.SlaDetached, versions: Versions) -> TicketClocks:
    """Another promise holds for the clocks that go on; each remembers why."""
    return moved(row, event, versions, event.cause)


@tickets.on(
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
)
def move(row: TicketClocks, event: e.TicketEvent, versions: Versions) -> TicketClocks:
    """What the clocks hear of."""
    return moved(row, event, versions)


def moved(
    row: TicketClocks, event: e.TicketEvent, versions: Versions, cause: str | None = None, **changes: Any
) -> TicketClocks:
    """The ticket with its clocks moved on, and in other circumstances if ``changes`` names some."""
    mark = mark_of(event, row.requester)
    if mark is None:
        return placed(row, **changes) if changes else row
    clocks = advance(row.clocks, mark, versions)
    circumstances = replace(row.circumstances, **changes) if changes else row.circumstances
    return replace(
        row,
        alarm_at=None if row.imported else next_owed_after(clocks),
        circumstances=circumstances,
        clocks=clocks,
        entries=shown(row, clocks, circumstances, cause),
    )


def placed(row: TicketClocks, **changes: Any) -> TicketClocks:
    """The ticket in other circumstances."""
    circumstances = replace(row.circumstances, **changes)
    return replace(row, circumstances=circumstances, entries=shown(row, row.clocks, circumstances))
