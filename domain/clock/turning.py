"""What can happen to one clock: it starts, turns from stage to stage, stops, and gets another target.

Every function gives a new clock. An instant handed in is never before the clock's last change.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from msgspec.structs import replace

from domain.clock.clocks import (
    RUNNING,
    UNFINISHED,
    ZERO,
    Breach,
    Cause,
    Clock,
    Stage,
    StepDue,
    Stop,
    Turn,
    Warned,
    stretches,
)
from domain.clock.policy import PLAIN_TIME, Kind, Policy, Unit, Yardstick

Due = TypeVar("Due", Warned, StepDue)
Passed = tuple[datetime | None, datetime | None]
"""When a target was reached, and from when on it was exceeded."""


def started(kind: Kind, instance: int, turns: tuple[Turn, ...], policy: Policy | None) -> Clock:
    """A new clock, counting from the last of `turns`; it started at the first."""
    begun, now = turns[0].at, turns[-1].at
    target = None if policy is None else policy.targets.get(kind)
    clock = Clock(
        kind=kind,
        instance=instance,
        started_at=begun,
        turns=turns,
        counted_to=now,
        targeted_at=begun,
        policy=None if policy is None else policy.ref,
        target=None if policy is None else policy.length(kind, begun),
        unit=None if target is None else target.unit,
    )
    return _aim(clock, policy)


def turned(clock: Clock, at: datetime, stage: Stage, detail: str, policy: Policy | None) -> Clock:
    """The clock in another stage from `at` on; the same clock when that is how it stands."""
    last = clock.turns[-1]
    if last.stage is stage and last.detail == detail:
        return clock
    turns = (*clock.turns, Turn(at, stage, detail))
    if stage is RUNNING:
        if last.stage is RUNNING:
            return replace(clock, turns=turns)
        return _aim(replace(clock, turns=turns, counted_to=at), policy)
    # Reached at the instant of a pause is reached: a hold that lies in closed hours must not move the warning either,
    # and a step of the chain waits to be taken for as long as the clock may go on.
    told = _come(clock.warn_at, at) if stage in UNFINISHED else ()
    steps = _come(clock.steps_due, at) if stage in UNFINISHED else ()
    if last.stage is not RUNNING:
        return replace(clock, turns=turns, counted_to=at, warn_at=told, steps_due=steps)
    gone = clock.elapsed + _yardstick(clock.kind, policy).business_time(clock.counted_to, at)
    target = clock.target
    return replace(
        clock,
        turns=turns,
        counted_to=at,
        elapsed=gone,
        due_at=None,
        breaches_after=None,
        warn_at=told,
        reached=clock.due_at if target is not None and gone >= target else None,
        exceeded=clock.breaches_after if target is not None and gone > target else None,
        breaches=_contradicted(clock.breaches, at),
        steps_due=steps,
    )


def stopped(clock: Clock, at: datetime, detail: str, policy: Policy | None) -> Clock:
    """The clock at its end, a pause ended first. One that nobody waited for is cancelled instead."""
    if clock.stage is Stage.WAIVED:
        return turned(clock, at, Stage.CANCELLED, detail, policy)
    running = turned(clock, at, RUNNING, "", policy) if clock.stage is Stage.PAUSED else clock
    ended = turned(running, at, Stage.STOPPED, detail, policy)
    return replace(ended, stops=(*ended.stops, Stop(at, ended.elapsed, ended.target, running.due_at)))


def retargeted(clock: Clock, at: datetime, policy: Policy | None, silent: bool) -> Clock:
    """The clock under another policy: start and turns stay, elapsed and due follow from them anew.

    A clock that exceeds its new target breaches at the change. One that came under no policy before had its holds
    judged by none: they are judged now; and if it had ended already, it gets the verdict that nobody could give.
    """
    kind = clock.kind
    turns = clock.turns
    if clock.policy is None and policy is not None:
        turns = tuple(_judged(turn, clock, policy) for turn in turns)
    target = None if policy is None else policy.targets.get(kind)
    length = None if policy is None else policy.length(kind, clock.started_at)
    yardstick, alike = _yardstick(kind, policy), _counts_alike(clock, policy)
    clock = replace(
        clock,
        turns=turns,
        policy=None if policy is None else policy.ref,
        target=length,
        unit=None if target is None else target.unit,
        targeted_at=at,
    )
    if not alike:
        gone = sum((yardstick.business_time(a, b) for a, b in _counted(clock, at)), ZERO)
    elif clock.stage is RUNNING:
        gone = clock.elapsed + yardstick.business_time(clock.counted_to, at)
    else:
        gone = clock.elapsed
    return _reckoned(clock, at, gone, policy, silent, _passed_before(clock))


def restarted(clock: Clock, start: datetime, at: datetime, policy: Policy | None, silent: bool) -> Clock:
    """The unfinished clock as it stands at `at`, having begun at `start` instead: turns that ended before are none.

    Like one that gets another target it breaches at the change, if that is what makes it exceed its target.
    """
    begun = max((index for index, turn in enumerate(clock.turns) if turn.at <= start), default=0)
    turns = (replace(clock.turns[begun], at=start), *clock.turns[begun + 1 :])
    since = clock.targeted_at
    clock = replace(
        clock,
        started_at=start,
        turns=turns,
        targeted_at=start if since == clock.started_at else max(since, start),
        breaches=tuple(replace(breach, exceeded=None) for breach in clock.breaches),
        target=None if policy is None else policy.length(clock.kind, start),
    )
    yardstick = _yardstick(clock.kind, policy)
    gone = sum((yardstick.business_time(a, b) for a, b in _counted(clock, at)), ZERO)
    return _reckoned(clock, at, gone, policy, silent)


def _reckoned(
    clock: Clock, at: datetime, gone: timedelta, policy: Policy | None, silent: bool, passed: Passed | None = None
) -> Clock:
    """The clock that has counted `gone` by `at`, with all that follows from it for its target.

    ``passed``: when it passed that target, where this is known.
    """
    length, reached, exceeded = clock.target, None, None
    if length is not None and gone >= length:
        reached, exceeded = passed or _passed(_counted(clock, at), length, _yardstick(clock.kind, policy))
    ended = not clock.unfinished
    clock = replace(
        clock,
        elapsed=gone,
        counted_to=clock.counted_to if ended else at,
        reached=reached,
        exceeded=exceeded,
        stops=(*clock.stops[:-1], Stop(clock.turns[-1].at, gone, length, reached)) if ended else clock.stops,
        due_at=None,
        breaches_after=None,
        warn_at=(),
        steps_due=(),
    )
    if length is not None and gone > length and reached is not None and not _known(clock):
        cause, since = (Cause.TIME, exceeded or at) if ended else (Cause.RETARGET, at)
        breach = _breach(clock, since, reached, gone, cause, silent, exceeded)
        clock = replace(clock, breaches=(*clock.breaches, breach))
    return _aim(clock, policy, overtaken=policy is not None and policy.chain_on_retarget)


def noticed(clock: Clock, at: datetime, silent: bool) -> Clock:
    """The clock with the warnings and the breach that lie before `at` noted."""
    if clock.warn_at and clock.warn_at[0].at < at:
        passed = tuple(replace(warning, recorded=silent) for warning in clock.warn_at if warning.at < at)
        clock = replace(clock, warned=clock.warned + passed, warn_at=clock.warn_at[len(passed) :])
    if clock.breaches_after is not None and clock.breaches_after < at:
        return breached(clock, silent)
    return clock


def breached(clock: Clock, recorded: bool) -> Clock:
    """The running clock with its breach by time noted, once per target."""
    if not may_breach(clock):
        return clock
    assert clock.target is not None
    assert clock.due_at is not None
    assert clock.breaches_after is not None
    since = clock.breaches_after
    breach = _breach(clock, since, clock.due_at, clock.target, Cause.TIME, recorded, since)
    return replace(clock, breaches=(*clock.breaches, breach))


def may_breach(clock: Clock) -> bool:
    """Whether a breach by time lies ahead of the running clock that nothing has noted yet."""
    ahead = clock.breaches_after is not None and clock.due_at is not None and clock.target is not None
    return ahead and not _known(clock)


def _breach(
    clock: Clock,
    at: datetime,
    due_at: datetime,
    gone: timedelta,
    cause: Cause,
    recorded: bool,
    exceeded: datetime | None,
) -> Breach:
    assert clock.target is not None
    return Breach(
        target=clock.target,
        at=at,
        due_at=due_at,
        elapsed=gone,
        cause=cause,
        policy=clock.policy,
        exceeded=exceeded,
        recorded=recorded,
    )


def _aim(clock: Clock, policy: Policy | None, overtaken: bool = False) -> Clock:
    """A running clock with due time, breach, warnings and steps worked out from its last change.

    ``overtaken``: whether steps of the chain that lie behind it come now rather than not at all.
    """
    if policy is None or clock.target is None or clock.stage is not RUNNING:
        return clock
    yardstick = policy.yardstick(clock.kind)
    since, rest = clock.counted_to, clock.target - clock.elapsed
    if rest > ZERO:
        target, gone, warned = clock.target, clock.elapsed, clock.warned
        given = {warning.share for warning in warned if warning.target == target} if warned else ()
        warnings = [(share, mark) for share, mark in _thresholds(target, policy.warnings) if share not in given]
        # A warning that a change has already passed falls due at the change.
        lengths = [mark - gone if mark > gone else ZERO for _, mark in warnings]
        *instants, due = yardstick.ahead(since, [*lengths, rest])
        ahead = [Warned(share, at, target) for (share, _), at in zip(warnings, instants, strict=True) if at is not None]
        return replace(
            clock,
            due_at=due,
            breaches_after=None if due is None else yardstick.next_open(due),
            warn_at=tuple(ahead),
            reached=None,
            exceeded=None,
            steps_due=_steps_due(clock, policy, overtaken),
        )
    # Warnings about a target that has been reached would come too late to warn of anything.
    after = yardstick.next_open(since) if rest == ZERO else clock.exceeded
    steps = _steps_due(clock, policy, overtaken)
    return replace(clock, due_at=clock.reached, breaches_after=after, warn_at=(), steps_due=steps)


def _steps_due(clock: Clock, policy: Policy, overtaken: bool) -> tuple[StepDue, ...]:
    """The steps that were reached and not taken, and those ahead, by their instants."""
    chain = policy.chain.get(clock.kind)
    if not chain or clock.target is None:
        return ()
    since, gone, yardstick = clock.counted_to, clock.elapsed, policy.yardstick(clock.kind)
    known = {step.step for step in clock.steps_due}
    known |= {taken.step for taken in clock.taken if taken.policy == policy.name}
    found = list(clock.steps_due)
    for step in chain:
        point = step.point(clock.target)
        if step.name in known or (point <= gone and not overtaken):
            continue
        at = since if point <= gone else yardstick.reach(since, point - gone)
        if at is not None:
            found.append(StepDue(step.name, at, max(point, gone)))
    return tuple(sorted(found, key=lambda step: step.at))


@lru_cache(maxsize=1024)
def _thresholds(target: timedelta, warnings: tuple[float, ...]) -> tuple[tuple[float, timedelta], ...]:
    """Each share with the elapsed time that reaches it, in order."""
    return tuple((share, target * share) for share in sorted(warnings))


def _counts_alike(clock: Clock, policy: Policy | None) -> bool:
    """Whether the clock has counted what this policy would have it count: plain time, or that of the same calendar."""
    if clock.policy is None or policy is None:
        return False
    plain = policy.yardstick(clock.kind) is PLAIN_TIME
    if plain is not (clock.unit is Unit.CALENDAR_MINUTES):
        return False
    before, after = clock.policy, policy.ref
    return plain or (before.calendar, before.calendar_version) == (after.calendar, after.calendar_version)


def _counted(clock: Clock, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretches during which the clock ran."""
    return ((start, end) for start, end, turn in stretches(clock, until) if turn.stage is RUNNING)


def _passed_before(clock: Clock) -> Passed | None:
    """When the clock passed its target, if it did so under the same policy before: no later fact changes that."""
    for breach in clock.breaches:
        same = breach.target == clock.target and breach.policy == clock.policy
        if same and breach.exceeded is not None and not breach.contradicted:
            return breach.due_at, breach.exceeded
    return None


def _passed(counted: Iterable[tuple[datetime, datetime]], target: timedelta, yardstick: Yardstick) -> Passed:
    """When the counted intervals reached the target, and from when on they exceeded it."""
    gone, reached = ZERO, None
    for start, end in counted:
        here = yardstick.business_time(start, end)
        if gone + here >= target:
            point = yardstick.reach(start, target - gone)
            reached = point if reached is None else reached
            if gone + here > target and point is not None:
                return reached, yardstick.next_open(point)
        gone += here
    return reached, None


def _judged(turn: Turn, clock: Clock, policy: Policy) -> Turn:
    """A turn that no policy judged, judged: held for a reason that pauses this clock or not."""
    pauses = turn.at >= clock.targeted_at and bool(turn.detail) and policy.pauses_on(clock.kind, turn.detail)
    return Turn(turn.at, Stage.PAUSED, turn.detail) if pauses and turn.stage is RUNNING else turn


def _known(clock: Clock) -> bool:
    return any(breach.target == clock.target and not breach.contradicted for breach in clock.breaches)


def _come(ahead: tuple[Due, ...], at: datetime) -> tuple[Due, ...]:
    """What of that which is ahead, in order, has come by an instant."""
    if not ahead or ahead[0].at > at:
        return ()
    return tuple(one for one in ahead if one.at <= at)


def _contradicted(breaches: tuple[Breach, ...], at: datetime) -> tuple[Breach, ...]:
    """The breaches of a clock that stopped counting at `at`: those said to have come by time after that did not."""
    if not any(breach.cause is Cause.TIME and breach.at >= at for breach in breaches):
        return breaches
    return tuple(
        replace(breach, contradicted=True) if breach.cause is Cause.TIME and breach.at >= at else breach
        for breach in breaches
    )


def _yardstick(kind: Kind, policy: Policy | None) -> Yardstick:
    return PLAIN_TIME if policy is None else policy.yardstick(kind)
