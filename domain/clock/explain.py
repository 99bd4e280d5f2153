"""Why a clock shows what it shows: every interval it counted and every one it left out, adding up to its figure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from domain.clock.calendar import Calendar, Interval, Why
from domain.clock.clocks import (
    ZERO,
    Breach,
    Clock,
    Stage,
    StepDue,
    Stop,
    Taken,
    Turn,
    Verdict,
    Warned,
    in_utc,
    policy_of,
    stretches,
    verdict,
    yardstick_of,
)
from domain.clock.policy import PLAIN_TIME, Policies, PolicyRef, Unit, Yardstick
from domain.clock.turning import noticed


class PartKind(StrEnum):
    """What became of an interval: counted, closed for one reason, or left out for another."""

    COUNTED = "counted"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    SPECIAL_DAY = "special_day"
    PAUSED = "paused"
    WAIVED = "waived"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    MERGED = "merged"
    REPLACED = "replaced"
    EXEMPT = "exempt"


class Part(Struct, frozen=True, kw_only=True):
    """One interval [start, end) of a clock's life; `reason` says in words what `kind` and `detail` say.

    `counted` is what it added: its whole length, or nothing. `withheld` is the opening time that it left out, which
    is what a hold or a reopened ticket's rest spared the clock; closed hours withhold nothing. `detail` is the hold
    reason (also of a hold that does not pause the clock), the holiday's name, or the special day's date.
    """

    start: datetime
    end: datetime
    counted: timedelta
    withheld: timedelta
    kind: PartKind
    detail: str = ""
    reason: str


class Change(Struct, frozen=True, kw_only=True):
    """Another policy, version or target came into force for the clock, `cause` says through what."""

    at: datetime
    cause: str
    elapsed: timedelta
    old_policy: PolicyRef | None
    old_target: timedelta | None
    old_due_at: datetime | None
    policy: PolicyRef | None
    target: timedelta | None
    due_at: datetime | None


class Explanation(Struct, frozen=True, kw_only=True):
    """A clock at an instant with its parts; the `counted` of the parts add up to `elapsed` exactly.

    `actual` is the plain time since the start, beside what counted. `days` is the target as it was given if it was
    given in business days. `warned` are the warnings whose instant has come, `ahead` those to come if nothing
    happens; `stops` are the earlier ends of a clock that went on afterwards; `breaches` are all of them, those that a
    late fact contradicted or an event withdrew included. `taken` are the steps of escalation that were taken, `steps`
    those that are still to be.
    """

    kind: str
    instance: int
    at: datetime
    started_at: datetime
    stopped_at: datetime | None
    zone: str
    policy: PolicyRef | None
    unit: Unit | None
    target: timedelta | None
    days: int | None
    elapsed: timedelta
    actual: timedelta
    left: timedelta | None
    stage: Stage
    verdict: Verdict
    due_at: datetime | None
    stops: tuple[Stop, ...]
    warned: tuple[Warned, ...]
    ahead: tuple[Warned, ...]
    breaches: tuple[Breach, ...]
    taken: tuple[Taken, ...]
    steps: tuple[StepDue, ...]
    changes: tuple[Change, ...]
    parts: tuple[Part, ...]


def explain(clock: Clock, at: datetime, policies: Policies, changes: tuple[Change, ...] = ()) -> Explanation:
    """The clock's figure at an instant from its last change on, and where it comes from.

    What follows the end of a clock is left out: a stopped clock is explained up to its stop. ``changes`` are those of
    its target, which the clock itself does not remember.
    """
    at = in_utc(at)
    policy = policy_of(clock, policies)
    target = None if policy is None or clock.unit is not Unit.BUSINESS_DAYS else policy.targets.get(clock.kind)
    until = at if clock.stopped_at is None else min(at, clock.stopped_at)
    parts = tuple(
        part for start, end, turn in stretches(clock, until) for part in _parts(clock, start, end, turn, policies)
    )
    counted = sum((part.counted for part in parts), ZERO)
    stands = noticed(clock, at, silent=False)
    return Explanation(
        kind=clock.kind.value,
        instance=clock.instance,
        at=at,
        started_at=clock.started_at,
        stopped_at=clock.stopped_at,
        zone="UTC" if policy is None else policy.calendar.zone,
        policy=clock.policy,
        unit=clock.unit,
        target=clock.target,
        days=None if target is None else target.amount,
        elapsed=counted,
        actual=max(until - clock.started_at, ZERO),
        left=None if clock.target is None else clock.target - counted,
        stage=clock.stage,
        verdict=verdict(clock, at),
        due_at=_due(clock),
        stops=clock.stops[:-1] if clock.stage is Stage.STOPPED else clock.stops,
        warned=(*stands.warned, *(warning for warning in stands.warn_at if warning.at <= at)),
        ahead=tuple(warning for warning in stands.warn_at if warning.at > at),
        breaches=stands.breaches,
        taken=clock.taken,
        steps=clock.steps_due,
        changes=changes,
        parts=parts,
    )


def hours_of(explanation: Explanation, start: datetime, end: datetime, policies: Policies) -> tuple[Interval, ...]:
    """[start, end) as the clock would count it if it ran: open and closed intervals, without holes."""
    policy = None if explanation.policy is None else policies[explanation.policy]
    if policy is None or explanation.unit is Unit.CALENDAR_MINUTES:
        return (Interval(start, end, Why.OPEN),) if start < end else ()
    return policy.calendar.intervals(start, end)


def _due(clock: Clock) -> datetime | None:
    """When the target was or will be reached; of a clock that was met, when it would have been."""
    if clock.stage is Stage.STOPPED and clock.stops:
        return clock.stops[-1].due_at or clock.reached
    return clock.due_at or clock.reached


def _parts(clock: Clock, start: datetime, end: datetime, turn: Turn, policies: Policies) -> Iterator[Part]:
    yardstick = yardstick_of(clock, policies)
    if turn.stage is not Stage.RUNNING:
        yield Part(
            start=start,
            end=end,
            counted=ZERO,
            withheld=yardstick.business_time(start, end),
            kind=PartKind(turn.stage.value),
            detail=turn.detail,
            reason=_left_out(turn),
        )
        return
    held = f" (on hold: {turn.detail}, which does not pause this clock)" if turn.detail else ""
    for hours in _intervals(yardstick, start, end):
        yield Part(
            start=hours.start,
            end=hours.end,
            counted=hours.length if hours.open else ZERO,
            withheld=ZERO,
            kind=PartKind.COUNTED if hours.open else PartKind(hours.why.value),
            detail=turn.detail if hours.open else hours.detail,
            reason=f"counted{held}" if hours.open else _closed(hours),
        )


def _intervals(yardstick: Yardstick, start: datetime, end: datetime) -> tuple[Interval, ...]:
    if isinstance(yardstick, Calendar):
        return yardstick.intervals(start, end)
    assert yardstick is PLAIN_TIME
    return (Interval(start, end, Why.OPEN),)


def _left_out(turn: Turn) -> str:
    """Why a stretch did not count; what had ended went on afterwards, else it would be no part of the clock's life."""
    match turn.stage:
        case Stage.PAUSED:
            return f"on hold: {turn.detail}"
        case Stage.WAIVED:
            return "the requester is the assignee"
        case Stage.STOPPED | Stage.CANCELLED:
            return f"{turn.detail or turn.stage}, until reopened"
        case Stage.MERGED:
            return "merged into another ticket, until that was reversed"
        case Stage.REPLACED:
            return "replaced by a new clock"
        case Stage.EXEMPT:
            return "exempted"
        case Stage.RUNNING:
            return "counted"
        case _:
            assert_never(turn.stage)


def _closed(hours: Interval) -> str:
    match hours.why:
        case Why.HOLIDAY:
            return f"holiday: {hours.detail}"
        case Why.SPECIAL_DAY:
            return f"special hours on {hours.detail}"
        case Why.CLOSED | Why.OPEN:
            return hours.why.value
        case _:
            assert_never(hours.why)
