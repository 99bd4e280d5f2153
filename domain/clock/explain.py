"""Why a clock shows what it shows: every interval it counted and every one it left out, adding up to its figure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from domain.clock.calendar import Calendar, Why
from domain.clock.clocks import (
    ZERO,
    Breach,
    Clock,
    Stage,
    Turn,
    Verdict,
    in_utc,
    policy_of,
    stretches,
    verdict,
    yardstick_of,
)
from domain.clock.policy import PLAIN_TIME, Policies, PolicyRef, Unit, Yardstick

LEFT_OUT = {
    Stage.PAUSED: "on hold: ",
    Stage.WAIVED: "the requester is the assignee",
    Stage.STOPPED: "stopped: ",
    Stage.CANCELLED: "cancelled",
    Stage.MERGED: "merged",
    Stage.REPLACED: "replaced by a new clock",
}
CLOSED = {Why.CLOSED: "closed", Why.HOLIDAY: "holiday: ", Why.SPECIAL_DAY: "special hours on "}


class Part(Struct, frozen=True, kw_only=True):
    """One interval [start, end) of a clock's life.

    `counted` is what it added: its whole length, or nothing. `withheld` is the opening time that it left out, which
    is what a hold or a reopened ticket's rest spared the clock; closed hours withhold nothing.
    """

    start: datetime
    end: datetime
    counted: timedelta
    withheld: timedelta
    reason: str


class Explanation(Struct, frozen=True, kw_only=True):
    """A clock at an instant with its parts; the `counted` of the parts add up to `elapsed` exactly.

    `actual` is the plain time since the start, beside what counted.
    """

    kind: str
    instance: int
    at: datetime
    started_at: datetime
    zone: str
    policy: PolicyRef | None
    unit: Unit | None
    target: timedelta | None
    elapsed: timedelta
    actual: timedelta
    left: timedelta | None
    stage: Stage
    verdict: Verdict
    due_at: datetime | None
    breaches: tuple[Breach, ...]
    parts: tuple[Part, ...]


def explain(clock: Clock, at: datetime, policies: Policies) -> Explanation:
    """The clock's figure at an instant from its last change on, and where it comes from.

    What follows the end of a clock is left out: a stopped clock is explained up to its stop.
    """
    at = in_utc(at)
    policy = policy_of(clock, policies)
    until = at if clock.stopped_at is None else min(at, clock.stopped_at)
    parts = tuple(
        part for start, end, turn in stretches(clock, until) for part in _parts(clock, start, end, turn, policies)
    )
    counted = sum((part.counted for part in parts), ZERO)
    return Explanation(
        kind=clock.kind.value,
        instance=clock.instance,
        at=at,
        started_at=clock.started_at,
        zone="UTC" if policy is None else policy.calendar.zone,
        policy=clock.policy,
        unit=clock.unit,
        target=clock.target,
        elapsed=counted,
        actual=max(until - clock.started_at, ZERO),
        left=None if clock.target is None else clock.target - counted,
        stage=clock.stage,
        verdict=verdict(clock, at),
        due_at=clock.due_at or clock.reached,
        breaches=clock.breaches,
        parts=parts,
    )


def _parts(clock: Clock, start: datetime, end: datetime, turn: Turn, policies: Policies) -> Iterator[Part]:
    yardstick = yardstick_of(clock, policies)
    if turn.stage is not Stage.RUNNING:
        reason = LEFT_OUT[turn.stage]
        reason = f"{reason}{turn.detail}" if reason.endswith(" ") else reason
        yield Part(start=start, end=end, counted=ZERO, withheld=yardstick.business_time(start, end), reason=reason)
        return
    held = f" (on hold: {turn.detail}, which does not pause this clock)" if turn.detail else ""
    for a, b, why, detail in _intervals(yardstick, start, end):
        if why is Why.OPEN:
            yield Part(start=a, end=b, counted=b - a, withheld=ZERO, reason=f"counted{held}")
        else:
            reason = f"{CLOSED[why]}{detail}"
            yield Part(start=a, end=b, counted=ZERO, withheld=ZERO, reason=reason)


def _intervals(yardstick: Yardstick, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Why, str]]:
    if isinstance(yardstick, Calendar):
        for interval in yardstick.intervals(start, end):
            yield interval.start, interval.end, interval.why, interval.detail
    else:
        assert yardstick is PLAIN_TIME
        yield start, end, Why.OPEN, ""


def render(explanation: Explanation) -> str:
    """The explanation as plain text, times on the wall of the calendar's zone."""
    zone = ZoneInfo(explanation.zone)
    lines = [_title(explanation, zone)]
    if explanation.policy is not None:
        ref = explanation.policy
        unit = {Unit.CALENDAR_MINUTES: "calendar time"}.get(explanation.unit or Unit.BUSINESS_MINUTES, "business time")
        lines.append(
            f"  by policy {ref.policy} version {ref.version}, calendar {ref.calendar} version "
            f"{ref.calendar_version} ({explanation.zone}), in {unit}"
        )
    for part in explanation.parts:
        withheld = f" (of it opening hours: {shown(part.withheld)})" if part.withheld else ""
        figure = f"+{shown(part.counted)}" if part.counted else "-"
        times = f"{_wall(part.start, zone)} – {_wall(part.end, zone)}"
        lines.append(f"  {times}  {figure:>10}  {part.reason}{withheld}")
    lines.append(f"  elapsed {shown(explanation.elapsed)} of {shown(explanation.actual)} since the start")
    lines.extend(_breach(breach, zone) for breach in explanation.breaches)
    return "\n".join(lines)


def shown(length: timedelta) -> str:
    """Hours and minutes; seconds and fractions only where there are any, so that nothing is rounded away."""
    sign = "-" if length < ZERO else ""
    seconds, fraction = divmod(abs(length) // timedelta(microseconds=1), 1_000_000)
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}"
    if seconds % 60 or fraction:
        text += f":{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text


def _title(explanation: Explanation, zone: ZoneInfo) -> str:
    name = explanation.kind.replace("_", " ").capitalize()
    if explanation.target is None or explanation.left is None:
        return f"{name} {explanation.instance}: {explanation.stage}, {shown(explanation.elapsed)}, no target"
    rest = f"{shown(explanation.left)} left" if explanation.left >= ZERO else f"{shown(-explanation.left)} over"
    due = "" if explanation.due_at is None else f", due {_wall(explanation.due_at, zone)}"
    word = {Verdict.UNDECIDED: "", Verdict.NONE: ", no verdict"}.get(explanation.verdict, f", {explanation.verdict}")
    used = f"{shown(explanation.elapsed)} of {shown(explanation.target)}"
    return f"{name} {explanation.instance}: {explanation.stage}{word}, {used}, {rest}{due}"


def _breach(breach: Breach, zone: ZoneInfo) -> str:
    how = f"target {shown(breach.target)}, due {_wall(breach.due_at, zone)}, {breach.cause}"
    stands = "" if breach.stands else " (withdrawn)" if breach.withdrawn else " (contradicted by a fact recorded late)"
    return f"  breached {_wall(breach.at, zone)}: {how}{stands}"


def _wall(instant: datetime, zone: ZoneInfo) -> str:
    local = instant.astimezone(zone)
    pattern = "%a %Y-%m-%d %H:%M:%S" if local.second or local.microsecond else "%a %Y-%m-%d %H:%M"
    if local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset():
        pattern += " %z"  # the hour of a change is on the wall twice
    return local.strftime(pattern)
