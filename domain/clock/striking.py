"""Striking: what has fallen due on a ticket becomes facts of it.

The clock's process says which ticket and as of when; the ticket decides from its own events what is due by then, so
that two processes, a late one or one with a wrong watch record nothing twice and nothing untrue. Every fact happened
when it fell due, however late it is recorded. The command is no verb of the desk: nobody else gives it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from domain.clock.chain import Step
from domain.clock.clocks import policy_named
from domain.clock.deciding import Timed
from domain.clock.marks import Fact
from domain.clock.recording import Owed, owed
from domain.envelope import UNSTAMPED
from domain.errors import NothingChanges
from domain.moments import Moment
from domain.setup.state import Setup
from domain.ticket.commands.assigning import moved
from domain.ticket.commands.command import ALWAYS, Command, Decision, decide
from domain.ticket.events import (
    PriorityOverridden,
    ReminderDue,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaChainStepTaken,
    SlaWarned,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketResumed,
)
from domain.ticket.state import Ticket, evolve


class Strike(Command):
    """Record what has fallen due by ``as_of``, which neither the process's watch nor the store's may lie before."""

    VERB = "strike"
    PERMISSION = "ticket.supervise"
    STATUSES = ALWAYS
    MERGED = "taken"
    TIMED = True

    as_of: Moment


@decide.register
def strike(command: Strike, ticket: Ticket, situation: Timed) -> Decision:
    """In the order in which things fell due; what an end of a hold brings with it is found by the next stroke."""
    now = min(command.as_of, situation.now)
    due = [*_timers(ticket, situation.setup, now), *_records(ticket, situation, now)]
    if not due:
        raise NothingChanges()
    effects: list[TicketEvent] = []
    for event in sorted(due, key=lambda event: now if event.occurred_at is UNSTAMPED else event.occurred_at):
        if isinstance(event, SlaChainStepTaken):
            event = _weighed(event, ticket, situation)
            for fact in _carried_out(event, ticket, situation):
                ticket = evolve(ticket, fact)  # type: ignore[arg-type]
                effects.append(fact)
        yield event
        if isinstance(event, TicketResumed | TicketClosed):
            break
    # What steps do is done now; what fell due did so before.
    yield from effects


def closes_at(ticket: Ticket, setup: Setup) -> datetime | None:
    """When a resolved ticket closes by itself; None when it does not.

    Histories that were brought over never do, nor does what somebody has to sign.
    """
    department = setup.departments.get(ticket.department)
    if ticket.status != "resolved" or ticket.resolved_at is None or ticket.imported_from or department is None:
        return None
    if setup.meanings_of("close", ticket.department, ticket.request_type):
        return None
    days = department.close_after_days
    return ticket.resolved_at + timedelta(days=days) if days else None


def _timers(ticket: Ticket, setup: Setup, now: datetime) -> Iterator[TicketEvent]:
    for reminder in ticket.reminders:
        if reminder.at <= now:
            yield ReminderDue(reminder=reminder.reminder, at=reminder.at, agent=reminder.agent, occurred_at=reminder.at)
    if ticket.merged_into is not None:
        return
    if ticket.status == "on_hold" and ticket.hold_until is not None and ticket.hold_until <= now:
        yield TicketResumed(cause="until-reached", occurred_at=ticket.hold_until)
    closing = closes_at(ticket, setup)
    if closing is not None and closing <= now:
        yield TicketClosed(manner="automatic", occurred_at=closing)


def _records(ticket: Ticket, situation: Timed, now: datetime) -> Iterator[TicketEvent]:
    if ticket.imported_from:
        return
    for item in owed(situation.clocks, now):
        if item.policy is not None:
            yield _record(item, situation)


def _record(item: Owed, situation: Timed) -> TicketEvent:
    assert item.policy is not None
    ref = item.policy
    common = {
        "occurred_at": item.at,
        "clock": item.clock.value,
        "instance": item.instance,
        "policy": ref.policy,
        "policy_version": ref.version,
        "calendar": ref.calendar,
        "calendar_version": ref.calendar_version,
        "target": item.target,
        "elapsed": item.elapsed,
        "due_at": item.due_at,
    }
    match item.fact:
        case Fact.WARNED:
            return SlaWarned(**common, share=item.share)  # type: ignore[arg-type]
        case Fact.BREACHED:
            return SlaBreached(**common, cause=item.cause.value)  # type: ignore[arg-type]
        case Fact.STEP_TAKEN:
            step = _step_of(item, situation)
            does = {name: getattr(step, name) for name in ("notify", "level", "group", "assignee", "priority")}
            return SlaChainStepTaken(**common, step=step.name, **does)  # type: ignore[arg-type]
        case _:
            claim = {"claimant": item.claimant, "claim_version": item.claim_version, "breached_at": item.at}
            # It is known to be untrue only since the claim was heard of.
            del common["occurred_at"]
            return SlaBreachWithdrawn(**common, **claim)  # type: ignore[arg-type]


def _step_of(item: Owed, situation: Timed) -> Step:
    assert item.policy is not None
    chain = policy_named(item.policy, situation.policies).chain[item.clock]
    return next(step for step in chain if step.name == item.step)


def _weighed(step: SlaChainStepTaken, ticket: Ticket, situation: Timed) -> SlaChainStepTaken:
    """The step with what of it is not possible any more."""
    groups, agents = situation.setup.groups, situation.setup.agents
    impossible = []
    if step.group and (step.group not in groups or groups[step.group].department != ticket.department):
        impossible.append("group")
    group = ticket.group if "group" in impossible else step.group or ticket.group
    known = agents.get(step.assignee)
    if step.assignee and (known is None or (group and group not in known.groups)):
        impossible.append("assignee")
    return msgspec.structs.replace(step, impossible=tuple(impossible))


def _carried_out(step: SlaChainStepTaken, ticket: Ticket, situation: Timed) -> Iterator[TicketEvent]:
    """What the step changes. It raises levels and priorities and never lowers them."""
    reason = f"Service level {step.policy!r}, {step.clock.replace('_', ' ')}: {step.step}."
    if step.level > ticket.level:
        yield TicketEscalated(kind="hierarchical", old_level=ticket.level, level=step.level, reason=reason)
    if step.group and "group" not in step.impossible:
        for fact in moved(ticket, step.group, reason, situation):
            assert isinstance(fact, TicketEvent)
            ticket = evolve(ticket, fact)  # type: ignore[arg-type]
            yield fact
    if step.assignee not in ("", ticket.assignee) and "assignee" not in step.impossible:
        yield TicketAssigned(old=ticket.assignee, assignee=step.assignee, reason=reason)
    if 0 < step.priority < ticket.priority:
        yield PriorityOverridden(old=ticket.priority, new=step.priority, reason=reason)
