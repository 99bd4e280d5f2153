"""Clocks as they are answered. Durations are numbers of minutes: of ISO 8601's "P1D" one would guess a day's hours."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from domain.clock.clocks import Breach, Cause, Stage, Verdict
from domain.clock.explain import Explanation, Part
from domain.clock.policy import PolicyRef, Unit

_MINUTE = timedelta(minutes=1)
_DURATIONS = frozenset({"target", "elapsed", "left", "actual", "counted", "withheld"})


class PartShown(msgspec.Struct, frozen=True, kw_only=True):
    """One interval [start, end) of a clock's life: what it added, and the opening time that it left out."""

    start: datetime
    end: datetime
    counted_minutes: float
    withheld_minutes: float
    reason: str


class BreachShown(msgspec.Struct, frozen=True, kw_only=True):
    """Elapsed exceeded this target from ``at`` on; recorded late facts may contradict it."""

    target_minutes: float
    at: datetime
    due_at: datetime
    elapsed_minutes: float
    cause: Cause
    policy: PolicyRef | None
    recorded: bool
    contradicted: bool
    withdrawn: bool


class ClockExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A clock at an instant with its parts, which add up to ``elapsed_minutes``; ``actual_minutes`` is plain time."""

    kind: str
    instance: int
    at: datetime
    started_at: datetime
    zone: str
    policy: PolicyRef | None
    unit: Unit | None
    target_minutes: float | None
    elapsed_minutes: float
    actual_minutes: float
    left_minutes: float | None
    stage: Stage
    verdict: Verdict
    due_at: datetime | None
    breaches: tuple[BreachShown, ...]
    parts: tuple[PartShown, ...]


class ClockListed(msgspec.Struct, frozen=True, kw_only=True):
    """A clock as of the moment asked about; a negative ``left_minutes`` is how far the target was exceeded.

    Department, group and so on of a clock that ended are those it ended in.
    """

    ticket: UUID
    number: int
    clock: str
    instance: int
    department: str
    group: str
    assignee: str
    priority: int
    request_type: str
    tier: str
    policy: str | None
    policy_version: int | None
    calendar: str | None
    calendar_version: int | None
    unit: str | None
    target_minutes: float | None
    targeted_at: datetime
    target_cause: str
    stage: str
    since: datetime
    reason: str
    verdict: str
    at_risk: bool
    started_at: datetime
    stopped_at: datetime | None
    elapsed_minutes: float
    left_minutes: float | None
    counted_to: datetime
    due_at: datetime | None
    breaches_after: datetime | None
    warns_at: datetime | None
    at_risk_from: datetime | None
    decided_at: datetime | None


def explained(explanation: Explanation) -> ClockExplained:
    """An explanation as it is answered."""
    fields = _in_minutes(msgspec.structs.asdict(explanation))
    parts = tuple(_part(part) for part in explanation.parts)
    return ClockExplained(**{**fields, "parts": parts, "breaches": tuple(map(_breach, explanation.breaches))})


def listed(row: dict[str, Any]) -> ClockListed:
    """A row of a list of clocks as it is answered."""
    return ClockListed(**_in_minutes(row))


def minutes(duration: timedelta) -> float:
    """A duration in minutes; whole ones without a fraction."""
    whole, rest = divmod(duration, _MINUTE)
    return duration / _MINUTE if rest else whole


def _part(part: Part) -> PartShown:
    return PartShown(**_in_minutes(msgspec.structs.asdict(part)))


def _breach(breach: Breach) -> BreachShown:
    return BreachShown(**_in_minutes(msgspec.structs.asdict(breach)))


def _in_minutes(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with durations in minutes, which their names say."""
    return {
        f"{name}_minutes" if name in _DURATIONS else name: minutes(value) if isinstance(value, timedelta) else value
        for name, value in fields.items()
    }
