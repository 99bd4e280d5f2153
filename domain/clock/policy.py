"""Service level policies as the clock needs them: targets, pauses, warnings, and what a change does."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from msgspec import Struct, field

from domain.clock.calendar import Calendar
from domain.clock.chain import Step

# More than ten years is a slip of the keyboard.
_LONGEST_DAYS = 10 * 366
_LONGEST_MINUTES = _LONGEST_DAYS * 24 * 60
_MINUTE = timedelta(minutes=1)


class Kind(StrEnum):
    """The three clocks."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"


class Unit(StrEnum):
    """What a target is counted in. A "day" without saying which does not exist."""

    BUSINESS_MINUTES = "business_minutes"
    CALENDAR_MINUTES = "calendar_minutes"
    BUSINESS_DAYS = "business_days"


class OnReopen(StrEnum):
    """What reopening does to the resolution clock: go on from what had elapsed, or start afresh."""

    RESUME = "resume"
    RESTART = "restart"


class OnRetarget(StrEnum):
    """What this policy does to clocks that run when it takes over a ticket.

    Recompute: start, elapsed time and pauses stay, the target changes. Keep: running clocks keep their old policy,
    later ones get this one. Restart: running clocks are replaced by new ones that start at the change.
    """

    RECOMPUTE = "recompute"
    KEEP = "keep"
    RESTART = "restart"


class Target(Struct, frozen=True):
    """How long a clock may run."""

    amount: int
    unit: Unit = Unit.BUSINESS_MINUTES

    def __post_init__(self) -> None:
        longest = _LONGEST_DAYS if self.unit is Unit.BUSINESS_DAYS else _LONGEST_MINUTES
        if not 1 <= self.amount <= longest:
            raise ValueError(f"amount: {self.amount} {self.unit} is not between 1 and {longest}")


class PolicyRef(Struct, gc=False, frozen=True, array_like=True):
    """Names one policy version with one calendar version: all that a figure depends on besides the events."""

    policy: str
    version: int
    calendar: str
    calendar_version: int


class Yardstick(Protocol):
    """What a clock is measured with: a business calendar, or plain time."""

    def business_time(self, a: datetime, b: datetime) -> timedelta: ...

    def reach(self, a: datetime, length: timedelta) -> datetime | None: ...

    def ahead(self, a: datetime, lengths: Sequence[timedelta]) -> list[datetime | None]: ...

    def next_open(self, a: datetime) -> datetime | None: ...


class PlainTime:
    """Calendar time: every instant counts."""

    def business_time(self, a: datetime, b: datetime) -> timedelta:
        return max(b - a, timedelta())

    def reach(self, a: datetime, length: timedelta) -> datetime | None:
        try:
            return a + length
        except OverflowError:
            return None

    def ahead(self, a: datetime, lengths: Sequence[timedelta]) -> list[datetime | None]:
        return [self.reach(a, length) for length in lengths]

    def next_open(self, a: datetime) -> datetime | None:
        return a


PLAIN_TIME = PlainTime()


def _usual_pauses() -> dict[Kind, frozenset[str]]:
    return {Kind.RESOLUTION: frozenset({"requester"})}


class Policy(Struct, frozen=True, dict=True):
    """One version of a policy with the calendar version it counts by.

    A kind without a target is followed but never due. `pauses` lists, per kind, the hold reasons during which it
    does not count: by default only resolution, only while the requester is awaited. `warnings` are shares of the
    target. `chain` are the steps of escalation per kind; those that a change of the target has overtaken are left out
    unless `chain_on_retarget`. Raises ValueError naming the field.
    """

    name: str
    version: int
    calendar: Calendar
    targets: dict[Kind, Target]
    pauses: dict[Kind, frozenset[str]] = field(default_factory=_usual_pauses)
    warnings: tuple[float, ...] = (0.75, 0.9)
    on_reopen: OnReopen = OnReopen.RESUME
    on_retarget: OnRetarget = OnRetarget.RECOMPUTE
    chain: dict[Kind, tuple[Step, ...]] = field(default_factory=dict)
    chain_on_retarget: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name: a policy needs a name")
        if self.version < 1:
            raise ValueError(f"version: {self.version} is not a positive number")
        for share in self.warnings:
            if not 0 < share < 1:
                raise ValueError(f"warnings: {share} is not a share between 0 and 1")
        if len(set(self.warnings)) < len(self.warnings):
            raise ValueError("warnings: the same share is given twice")
        for kind, steps in self.chain.items():
            self._must_make_sense(kind, steps)

    def _must_make_sense(self, kind: Kind, steps: tuple[Step, ...]) -> None:
        target = self.targets.get(kind)
        if target is None:
            raise ValueError(f"chain.{kind}: the policy has no target for this clock")
        length = None if target.unit is Unit.BUSINESS_DAYS else timedelta(minutes=target.amount)
        for n, step in enumerate(steps):
            if step.name in (other.name for other in steps[:n]):
                raise ValueError(f"chain.{kind}.{n}: two steps come {step.name!r}; make them one")
            if length is not None and step.before is not None and step.before >= length:
                raise ValueError(f"chain.{kind}.{n}: {step.name!r} would come before the clock starts")

    @cached_property
    def ref(self) -> PolicyRef:
        return PolicyRef(self.name, self.version, self.calendar.name, self.calendar.version)

    def pauses_on(self, kind: Kind, reason: str) -> bool:
        """Whether a hold for this reason stops the clock from counting."""
        return reason in self.pauses.get(kind, ())

    def yardstick(self, kind: Kind) -> Yardstick:
        """What a clock of this kind is measured with; plain time only where the target says so."""
        return PLAIN_TIME if kind in self._plain else self.calendar

    @cached_property
    def _plain(self) -> frozenset[Kind]:
        return frozenset(kind for kind, target in self.targets.items() if target.unit is Unit.CALENDAR_MINUTES)

    def length(self, kind: Kind, started_at: datetime) -> timedelta | None:
        """The target as an exact length for a clock that started then; None without a target or never reached.

        Business days are a number of hours only once it is known from when they count.
        """
        target = self.targets.get(kind)
        if target is None:
            return None
        if target.unit is Unit.BUSINESS_DAYS:
            return self.calendar.business_days(started_at, target.amount)
        return target.amount * _MINUTE


Policies = Mapping[PolicyRef, Policy]
"""The policy versions that a ticket's events name."""
