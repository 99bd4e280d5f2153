"""Warnings and breaches as events: which are owed, and what it means that one was recorded.

What is owed follows from the events and an instant, not from who asks or when: a process that was down for a day
finds the same warnings and breaches, each with its true time, and one that asks twice finds nothing twice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.clock.clocks import RUNNING, Breach, Cause, Clock, Clocks, StepDue, Taken, Warned, in_utc
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, PolicyRef
from domain.clock.turning import breached, may_breach, noticed


class Owed(Struct, frozen=True, kw_only=True):
    """A warning, a breach, the withdrawal of one or a step of the chain that the ticket's events do not hold yet.

    `at` is the true instant, whenever it is recorded; `cause` says whether time or a change of target did it;
    `claimant` is who acted in time after all, as the ticket's event `claim_version` shows.
    """

    fact: Fact
    clock: Kind
    instance: int
    policy: PolicyRef | None
    target: timedelta
    elapsed: timedelta
    at: datetime
    due_at: datetime | None
    cause: Cause = Cause.TIME
    share: float = 0.0
    step: str = ""
    claimant: str = ""
    claim_version: int = 0


def owed(clocks: Clocks, now: datetime) -> tuple[Owed, ...]:
    """What is to be recorded as of `now`, oldest first."""
    now = in_utc(now)
    return tuple(sorted((item for clock in clocks for item in _owed(clock, now)), key=lambda item: item.at))


def next_owed_after(clocks: Clocks) -> datetime | None:
    """The instant at which `owed` next finds something more: a warning or a step then, a breach from then on.

    In the past when something is owed already; None when nothing will be unless the ticket changes.
    """
    return min([instant for clock in clocks for instant in _instants(clock)], default=None)


def claimed(before: Clocks, clocks: Clocks, mark: Mark) -> Clocks:
    """The clocks knowing that it is this mark, which moved those of `before`, that contradicts a breach."""
    first = _claimed(before.first, clocks.first, mark)
    following = _claimed(before.next, clocks.next, mark)
    resolution = _claimed(before.resolution, clocks.resolution, mark)
    if first is clocks.first and following is clocks.next and resolution is clocks.resolution:
        return clocks
    return replace(clocks, first=first, next=following, resolution=resolution)


def _claimed(before: Clock | None, clock: Clock | None, mark: Mark) -> Clock | None:
    if clock is before or clock is None or not clock.breaches or not any(map(_unclaimed, clock.breaches)):
        return clock
    told = (
        replace(breach, claimant=mark.who, claim_version=mark.version) if _unclaimed(breach) else breach
        for breach in clock.breaches
    )
    return replace(clock, breaches=tuple(told))


def _unclaimed(breach: Breach) -> bool:
    return breach.contradicted and not breach.claim_version


def recorded(clocks: Clocks, mark: Mark) -> Clocks:
    """The clocks knowing that a warning, a breach, a withdrawal or a step is among the ticket's events."""
    clocks = replace(clocks, version=mark.version)

    def known(clock: Clock | None) -> Clock | None:
        same = clock is not None and clock.kind is mark.clock and clock.instance == mark.instance
        return _noted(clock, mark) if clock is not None and same else clock

    past = tuple(_noted(c, mark) if (c.kind, c.instance) == (mark.clock, mark.instance) else c for c in clocks.past)
    first, following, resolution = known(clocks.first), known(clocks.next), known(clocks.resolution)
    return replace(clocks, first=first, next=following, resolution=resolution, past=past)


def _owed(clock: Clock, now: datetime) -> Iterator[Owed]:
    # A warning falls due at its instant, a breach only after it.
    due = tuple(warning for warning in clock.warn_at if warning.at <= now)
    for warning in (*(warning for warning in clock.warned if not warning.recorded), *due):
        yield Owed(
            fact=Fact.WARNED,
            clock=clock.kind,
            instance=clock.instance,
            policy=clock.policy,
            target=warning.target,
            elapsed=warning.target * warning.share,
            at=warning.at,
            due_at=clock.due_at,
            share=warning.share,
        )
    for breach in noticed(clock, now, silent=False).breaches:
        if breach.contradicted and breach.recorded and not breach.withdrawn:
            yield _of_breach(clock, breach, Fact.BREACH_WITHDRAWN)
        elif breach.stands and not breach.recorded:
            yield _of_breach(clock, breach, Fact.BREACHED)
    if clock.target is not None:
        for step in clock.steps_due:
            if step.at <= now:
                yield _of_step(clock, step, clock.target)


def _of_step(clock: Clock, step: StepDue, target: timedelta) -> Owed:
    return Owed(
        fact=Fact.STEP_TAKEN,
        clock=clock.kind,
        instance=clock.instance,
        policy=clock.policy,
        target=target,
        elapsed=step.elapsed,
        at=step.at,
        due_at=clock.due_at or clock.reached,
        step=step.step,
    )


def _of_breach(clock: Clock, breach: Breach, fact: Fact) -> Owed:
    return Owed(
        fact=fact,
        clock=clock.kind,
        instance=clock.instance,
        policy=breach.policy,
        target=breach.target,
        elapsed=breach.elapsed,
        at=breach.at,
        due_at=breach.due_at,
        cause=breach.cause,
        claimant=breach.claimant,
        claim_version=breach.claim_version,
    )


def _instants(clock: Clock) -> list[datetime]:
    found = [warning.at for warning in clock.warn_at[:1]]
    found += [step.at for step in clock.steps_due[:1]]
    if clock.warned:
        found += [warning.at for warning in clock.warned if not warning.recorded]
    if clock.breaches:
        found += [b.at for b in clock.breaches if b.stands != b.recorded and not b.withdrawn]
    if clock.breaches_after is not None and may_breach(clock):
        found.append(clock.breaches_after)
    return found


def _noted(clock: Clock, mark: Mark) -> Clock:
    if mark.fact is Fact.STEP_TAKEN:
        return _step_taken(clock, mark)
    target = mark.target or clock.target
    if target is None:
        return clock
    if mark.fact is Fact.WARNED:
        return _warned(clock, mark, target)
    for index, breach in enumerate(clock.breaches):
        if breach.target != target or breach.withdrawn:
            continue
        if mark.fact is Fact.BREACH_WITHDRAWN:
            return _changed(clock, index, replace(breach, withdrawn=True))
        if not breach.contradicted:
            return _changed(clock, index, replace(breach, recorded=True))
    return clock if mark.fact is Fact.BREACH_WITHDRAWN else _breached(clock, mark, target)


def _step_taken(clock: Clock, mark: Mark) -> Clock:
    policy = mark.policy or clock.policy
    taken = Taken("" if policy is None else policy.policy, mark.step, in_utc(mark.at))
    due = tuple(step for step in clock.steps_due if step.step != mark.step)
    return replace(clock, steps_due=due, taken=(*clock.taken, taken))


def _changed(clock: Clock, index: int, breach: Breach) -> Clock:
    return replace(clock, breaches=(*clock.breaches[:index], breach, *clock.breaches[index + 1 :]))


def _breached(clock: Clock, mark: Mark, target: timedelta) -> Clock:
    """A breach is recorded that no later fact has brought to notice yet."""
    if target == clock.target and clock.breaches_after is not None:
        return breached(clock, recorded=True)
    at = in_utc(mark.at)
    breach = Breach(
        target=target,
        at=at,
        due_at=clock.reached or clock.due_at or at,
        elapsed=clock.elapsed,
        cause=Cause.TIME,
        policy=mark.policy or clock.policy,
        recorded=True,
        contradicted=target == clock.target and clock.elapsed <= target and clock.stage is not RUNNING,
    )
    return replace(clock, breaches=(*clock.breaches, breach))


def _warned(clock: Clock, mark: Mark, target: timedelta) -> Clock:
    def same(warning: Warned) -> bool:
        return (warning.share, warning.target) == (mark.share, target)

    if any(same(warning) for warning in clock.warned):
        given = tuple(replace(warning, recorded=True) if same(warning) else warning for warning in clock.warned)
        return replace(clock, warned=given)
    at = next((warning.at for warning in clock.warn_at if same(warning)), in_utc(mark.at))
    ahead = tuple(warning for warning in clock.warn_at if not same(warning))
    return replace(clock, warn_at=ahead, warned=(*clock.warned, Warned(mark.share, at, target, recorded=True)))
