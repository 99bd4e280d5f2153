"""What each event does to the clocks of a ticket, in the order of a ticket's life."""

from typing import Any

from msgspec.structs import replace

from domain.clock.clocks import Clocks
from domain.clock.folding import advance
from domain.clock.hearing import IMPORTED, mark_of
from domain.clock.recording import next_owed_after
from domain.ticket import events as e
from projections.engine import Versions
from projections.sla.entries import Circumstances, Standing, TicketClocks, name_of, tickets


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
        standing=Standing(now=now, clocks=Clocks()),
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
    return moved(placed(row, assignee=event.assignee), event, versions)


@tickets.on(e.TicketReleased)
def leave_hands(row: TicketClocks, event: e.TicketReleased, versions: Versions) -> TicketClocks:
    return moved(placed(row, assignee=""), event, versions)


@tickets.on(e.TicketCorrected)
def put_right(row: TicketClocks, event: e.TicketCorrected, versions: Versions) -> TicketClocks:
    """A state that was put right moves the clocks as the act would have."""
    names = {"group", "assignee", "priority"} & event.new.keys()
    return moved(placed(row, **{name: event.new[name] for name in names}), event, versions)


@tickets.on(e.SlaRetargeted, e.SlaDetached)
def change_target(row: TicketClocks, event: e.SlaRetargeted | e.SlaDetached, versions: Versions) -> TicketClocks:
    """Another promise holds for the clocks that go on; each remembers why."""
    before = {name_of(clock): clock.policy for clock in row.standing.clocks}
    after = moved(row, event, versions)
    standing = after.standing
    names = (name_of(clock) for clock in standing.clocks if before.get(name_of(clock)) != clock.policy)
    return replace(after, standing=replace(standing, causes=standing.causes | dict.fromkeys(names, event.cause)))


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


def moved(row: TicketClocks, event: e.TicketEvent, versions: Versions) -> TicketClocks:
    """The ticket with its clocks moved on; a clock that ends keeps the circumstances it ended in."""
    mark = mark_of(event, row.requester)
    if mark is None:
        return row
    standing = row.standing
    clocks = advance(standing.clocks, mark, versions)
    going = {name_of(clock) for clock in standing.clocks if clock.unfinished}
    ended = [name for clock in clocks if not clock.unfinished and _is_news(name := name_of(clock), going, standing)]
    then = standing.then | dict.fromkeys(ended, standing.now) if ended else standing.then
    return replace(
        row,
        alarm_at=None if row.imported else next_owed_after(clocks),
        standing=Standing(now=standing.now, clocks=clocks, then=then, causes=standing.causes),
    )


def _is_news(name: str, going: set[str], standing: Standing) -> bool:
    return name in going or name not in standing.then


def placed(row: TicketClocks, **circumstances: Any) -> TicketClocks:
    """The ticket in other circumstances."""
    standing = row.standing
    return replace(row, standing=replace(standing, now=replace(standing.now, **circumstances)))
