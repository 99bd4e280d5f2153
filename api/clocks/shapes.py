"""Clocks as they are answered. Durations are numbers of minutes: of ISO 8601's "P1D" one would guess a day's hours."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from domain.clock.clocks import Cause, Stage, Verdict
from domain.clock.explain import Explanation, PartKind
from domain.clock.policy import PolicyRef, Unit

_MINUTE = timedelta(minutes=1)
_DURATIONS = frozenset({"target", "old_target", "elapsed", "left", "actual", "counted", "withheld"})


class PartShown(msgspec.Struct, frozen=True, kw_only=True):
    """One interval [start, end) of a clock's life: what it added, and the opening time that it left out."""

    start: datetime
    end: datetime
    counted_minutes: float
    withheld_minutes: float
    kind: PartKind
    detail: str
    reason: str


class BreachShown(msgspec.Struct, frozen=True, kw_only=True):
    """Elapsed exceeded this target from ``at`` on; recorded late facts may contradict it.

    ``claimant`` acted in time after all, as event ``claim_version`` of the ticket shows. ``exceeded``: since when it
    had been exceeded when a change of target made it a breach; null where that was not kept.
    """

    target_minutes: float
    at: datetime
    due_at: datetime
    elapsed_minutes: float
    cause: Cause
    exceeded: datetime | None
    policy: PolicyRef | None
    recorded: bool
    contradicted: bool
    claimant: str
    claim_version: int
    withdrawn: bool


class StopShown(msgspec.Struct, frozen=True, kw_only=True):
    """How a clock stood when it stopped, before it went on again."""

    at: datetime
    elapsed_minutes: float
    target_minutes: float | None
    due_at: datetime | None


class WarningShown(msgspec.Struct, frozen=True, kw_only=True):
    """Elapsed reaches this share of this target at that time; ``recorded`` once an event of the ticket says so."""

    share: float
    at: datetime
    target_minutes: float
    recorded: bool


class TakenShown(msgspec.Struct, frozen=True, kw_only=True):
    """A step of that policy's escalation chain came at that time, and was taken."""

    policy: str
    step: str
    at: datetime


class StepShown(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the escalation chain that comes at that time, when so much has counted."""

    step: str
    at: datetime
    elapsed_minutes: float


class ChangeShown(msgspec.Struct, frozen=True, kw_only=True):
    """Another policy or target came into force; ``cause`` is what was done to the ticket."""

    at: datetime
    cause: str
    elapsed_minutes: float
    old_policy: PolicyRef | None
    old_target_minutes: float | None
    old_due_at: datetime | None
    policy: PolicyRef | None
    target_minutes: float | None
    due_at: datetime | None


class ClockExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A clock at an instant with its parts, which add up to ``elapsed_minutes``; ``actual_minutes`` is plain time.

    ``days`` is the target if it was given in business days. ``stops`` are earlier ends of a clock that went on.
    """

    kind: str
    instance: int
    at: datetime
    started_at: datetime
    stopped_at: datetime | None
    zone: str
    policy: PolicyRef | None
    unit: Unit | None
    target_minutes: float | None
    days: int | None
    elapsed_minutes: float
    actual_minutes: float
    left_minutes: float | None
    stage: Stage
    verdict: Verdict
    due_at: datetime | None
    stops: tuple[StopShown, ...]
    warned: tuple[WarningShown, ...]
    ahead: tuple[WarningShown, ...]
    breaches: tuple[BreachShown, ...]
    taken: tuple[TakenShown, ...]
    steps: tuple[StepShown, ...]
    changes: tuple[ChangeShown, ...]
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
    each = {
        name: tuple(kind(**_in_minutes(msgspec.structs.asdict(one))) for one in fields[name])
        for name, kind in _LISTED.items()
    }
    return ClockExplained(**(fields | each))


def listed(row: dict[str, Any]) -> ClockListed:
    """A row of a list of clocks as it is answered."""
    return ClockListed(**_in_minutes(row))


def minutes(duration: timedelta) -> float:
    """A duration in minutes; whole ones without a fraction."""
    whole, rest = divmod(duration, _MINUTE)
    return duration / _MINUTE if rest else whole


_LISTED: dict[str, type[msgspec.Struct]] = {
    "stops": StopShown,
    "warned": WarningShown,
    "ahead": WarningShown,
    "breaches": BreachShown,
    "taken": TakenShown,
    "steps": StepShown,
    "changes": ChangeShown,
    "parts": PartShown,
}


def _in_minutes(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with durations in minutes, which their names say."""
    return {
        f"{name}_minutes" if name in _DURATIONS else name: minutes(value) if isinstance(value, timedelta) else value
        for name, value in fields.items()
    }
