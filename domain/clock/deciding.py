"""Decisions that ask about a ticket's clocks: exempting them, and applying other versions to them."""

from datetime import datetime

from domain.clock.attaching import facts
from domain.clock.clocks import Clock, Clocks
from domain.clock.folding import advance
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, Policies, PolicyRef
from domain.errors import NoPolicyApplies, NothingChanges
from domain.setup.policies import policy_for
from domain.setup.state import Setup
from domain.ticket.commands.command import Decision, Situation, decide
from domain.ticket.commands.promising import Exempt, Recalculate
from domain.ticket.events import SlaExempted, SlaRecalculated
from domain.ticket.sla import Recalculated
from domain.ticket.state import Ticket


class Timed(Situation, frozen=True, kw_only=True):
    """A situation in which the clocks of the ticket are known, as of its latest event."""

    clocks: Clocks
    policies: Policies


@decide.register
def exempt(command: Exempt, ticket: Ticket, situation: Timed) -> Decision:
    """What has ended keeps its verdict; a next response can be exempted before it is asked for."""
    clocks = situation.clocks
    open_still = {clock.kind for clock in clocks.current if clock.unfinished} | {Kind.NEXT_RESPONSE}
    kinds = tuple(kind for kind in command.clocks if kind in open_still and kind not in ticket.exempt)
    if not kinds:
        raise NothingChanges("These clocks have ended, or are exempt already.")
    attached = ticket.sla
    if attached is None:
        yield SlaExempted(clocks=kinds, reason=command.reason)
        return
    yield SlaExempted(
        clocks=kinds,
        reason=command.reason,
        policy=attached.policy,
        policy_version=attached.policy_version,
        calendar=attached.calendar,
        calendar_version=attached.calendar_version,
    )


@decide.register
def recalculate(command: Recalculate, ticket: Ticket, situation: Timed) -> Decision:
    """Finished clocks are never touched."""
    ref, changes = recalculated(ticket, situation.clocks, situation.setup, situation.policies, situation.now)
    if not changes:
        raise NothingChanges("The clocks that go on are under the newest versions already.")
    yield SlaRecalculated(
        policy=ref.policy,
        policy_version=ref.version,
        calendar=ref.calendar,
        calendar_version=ref.calendar_version,
        clocks=changes,
        reason=command.reason,
    )


def recalculated(
    ticket: Ticket, clocks: Clocks, setup: Setup, policies: Policies, now: datetime
) -> tuple[PolicyRef, tuple[Recalculated, ...]]:
    """What applying the newest versions of policy and calendar would do to each clock that goes on.

    No changes when all that have a target are under these versions. Raises ``NoPolicyApplies``.
    """
    policy = policy_for(setup, facts(ticket))
    if policy is None:
        raise NoPolicyApplies()
    calendar = setup.latest_calendars[policy.calendar]
    ref = PolicyRef(policy.policy, policy.policy_version, calendar.calendar, calendar.calendar_version)
    after = advance(clocks, Mark(fact=Fact.RECALCULATED, at=now, policy=ref), policies)
    before = {(clock.kind, clock.instance): clock for clock in clocks.current if clock.unfinished}
    changed = (clock for clock in after.current if (clock.kind, clock.instance) in before)
    pairs = ((before[clock.kind, clock.instance], clock) for clock in changed)
    promised = ((old, new) for old, new in pairs if old.target is not None or new.target is not None)
    return ref, tuple(_change(old, new) for old, new in promised if old.policy != new.policy)


def _change(old: Clock, new: Clock) -> Recalculated:
    return Recalculated(
        clock=new.kind.value,
        instance=new.instance,
        old_target=old.target,
        new_target=new.target,
        old_due_at=old.due_at,
        new_due_at=new.due_at,
        breached=new.breached and not old.breached,
    )
