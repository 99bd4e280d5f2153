"""An explanation in words: what a person reads who asks why a clock shows what it shows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.clock.clocks import ZERO, Breach, Cause, Stop, Verdict, Warned
from domain.clock.explain import Change, Explanation
from domain.clock.policy import PolicyRef, Unit


def render(explanation: Explanation, zone: str | None = None) -> str:
    """The explanation as plain text, times on the wall of ``zone`` (IANA), else of the calendar's."""
    wall = ZoneInfo(zone or explanation.zone)
    return "\n".join([title(explanation, wall), *(f"  {line}" for line in _lines(explanation, wall))])


def title(explanation: Explanation, zone: ZoneInfo) -> str:
    """The clock and its figures in a line."""
    name = name_of(explanation)
    if explanation.target is None or explanation.left is None:
        return f"{name}: {explanation.stage}, {shown(explanation.elapsed)}, no target"
    rest = f"{shown(explanation.left)} left" if explanation.left >= ZERO else f"{shown(-explanation.left)} over"
    due = "" if explanation.due_at is None else f", due {wall_time(explanation.due_at, zone)}"
    word = {Verdict.UNDECIDED: "", Verdict.NONE: ", no verdict"}.get(explanation.verdict, f", {explanation.verdict}")
    days = "" if explanation.days is None else f" ({_days(explanation.days)})"
    used = f"{shown(explanation.elapsed)} of {shown(explanation.target)}{days}"
    return f"{name}: {explanation.stage}{word}, {used}, {rest}{due}"


def name_of(explanation: Explanation) -> str:
    """What people call the clock; further ones of its kind have a number."""
    name = explanation.kind.replace("_", " ").capitalize()
    return f"{name} {explanation.instance}" if explanation.instance > 1 else name


def terms(explanation: Explanation) -> str:
    """What the clock is measured by; empty if it goes by no policy."""
    if explanation.policy is None:
        return ""
    unit = "calendar time" if explanation.unit is Unit.CALENDAR_MINUTES else "business time"
    calendar, version = explanation.policy.calendar, explanation.policy.calendar_version
    zone = explanation.zone
    return f"by policy {_policy(explanation.policy)}, calendar {calendar} version {version} ({zone}), in {unit}"


def shown(length: timedelta) -> str:
    """Hours and minutes; seconds and fractions only where there are any, so that nothing is rounded away."""
    sign = "-" if length < ZERO else ""
    seconds, fraction = divmod(abs(length) // timedelta(microseconds=1), 1_000_000)
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}"
    if seconds % 60 or fraction:
        text += f":{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text


def wall_time(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as the wall of a zone shows it."""
    local = instant.astimezone(zone)
    pattern = "%a %Y-%m-%d %H:%M:%S" if local.second or local.microsecond else "%a %Y-%m-%d %H:%M"
    if local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset():
        pattern += " %z"  # the hour of a change is on the wall twice
    return local.strftime(pattern)


def _lines(explanation: Explanation, zone: ZoneInfo) -> Iterator[str]:
    if explanation.policy is not None:
        yield terms(explanation)
    for part in explanation.parts:
        withheld = f" (of it opening hours: {shown(part.withheld)})" if part.withheld else ""
        figure = f"+{shown(part.counted)}" if part.counted else "-"
        times = f"{wall_time(part.start, zone)} – {wall_time(part.end, zone)}"
        yield f"{times}  {figure:>10}  {part.reason}{withheld}"
    yield f"elapsed {shown(explanation.elapsed)} of {shown(explanation.actual)} since the start"
    happened = (
        *((stop.at, _stop(stop, zone)) for stop in explanation.stops),
        *((change.at, _change(change, zone)) for change in explanation.changes),
        *((warning.at, f"warned {_warning(warning, zone)}") for warning in explanation.warned),
        *((breach.at, _breach(breach, zone)) for breach in explanation.breaches),
        *((step.at, f"took the step “{step.step}” {wall_time(step.at, zone)}") for step in explanation.taken),
    )
    yield from (line for _, line in sorted(happened, key=lambda one: one[0]))
    yield from (f"warns {_warning(warning, zone)}" for warning in explanation.ahead)
    yield from (f"takes the step “{step.step}” {wall_time(step.at, zone)}" for step in explanation.steps)


def _stop(stop: Stop, zone: ZoneInfo) -> str:
    target = "" if stop.target is None else f" of {shown(stop.target)}"
    return f"had stopped {wall_time(stop.at, zone)} at {shown(stop.elapsed)}{target}"


def _change(change: Change, zone: ZoneInfo) -> str:
    old, new = _promise(change.old_policy, change.old_target), _promise(change.policy, change.target)
    cause = f" ({change.cause})" if change.cause else ""
    moved = ""
    if change.old_due_at != change.due_at:
        before, after = ("none" if due is None else wall_time(due, zone) for due in (change.old_due_at, change.due_at))
        moved = f"; due {before} → {after}"
    return f"retargeted {wall_time(change.at, zone)}{cause} at {shown(change.elapsed)}: {old} → {new}{moved}"


def _promise(policy: PolicyRef | None, target: timedelta | None) -> str:
    if policy is None:
        return "no policy"
    return f"{'no target' if target is None else shown(target)} by {_policy(policy)}"


def _policy(policy: PolicyRef) -> str:
    return f"{policy.policy} version {policy.version}"


def _warning(warning: Warned, zone: ZoneInfo) -> str:
    return f"{wall_time(warning.at, zone)}: {warning.share * 100:.4g} % of {shown(warning.target)}"


def _breach(breach: Breach, zone: ZoneInfo) -> str:
    how = "" if breach.cause is Cause.TIME else ", by the change of target"
    stands = "" if breach.stands else " (contradicted by a fact recorded late)"
    if breach.withdrawn:
        stands = f" (withdrawn, since {breach.claimant or 'somebody'} had acted in time)"
    due = wall_time(breach.due_at, zone)
    return f"breached {wall_time(breach.at, zone)}: target {shown(breach.target)}, due {due}{how}{stands}"


def _days(days: int) -> str:
    return "1 business day" if days == 1 else f"{days} business days"
