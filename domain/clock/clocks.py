"""The clocks of one ticket as values, and the questions one can ask of them.

A clock remembers its turns: from each `at` on it was running, paused, stopped … for a reason. Everything else it
holds (elapsed, due, warnings) follows from the turns, the target and the calendar, and is kept beside them so that
a view can index it and a fold can go on from it. See `folding.py` for how marks change clocks.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from domain.clock.policy import PLAIN_TIME, Kind, Policies, Policy, PolicyRef, Unit, Yardstick

ZERO = timedelta()


class UnknownPolicy(LookupError):
    """The events name a policy version that was not handed over."""


class Stage(StrEnum):
    """What a clock does; that it is breached is a fact beside its stage."""

    RUNNING = "running"
    PAUSED = "paused"
    WAIVED = "waived"
    """The requester is the assignee: for as long as that lasts, there is no response clock."""
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    MERGED = "merged"
    REPLACED = "replaced"
    """Another instance took over, since the policy says that a change starts afresh."""
    EXEMPT = "exempt"
    """Somebody decided that it is measured no longer."""


RUNNING = Stage.RUNNING
"""The stage that is asked about most often: Python 3.11 takes long to look up the member of an enumeration."""
UNFINISHED = frozenset({RUNNING, Stage.PAUSED, Stage.WAIVED})
UNJUDGED = frozenset({Stage.CANCELLED, Stage.MERGED, Stage.EXEMPT})
"""Ends with no verdict, whatever was noticed before."""


class Verdict(StrEnum):
    """What is to be said of a clock at an instant."""

    MET = "met"
    BREACHED = "breached"
    UNDECIDED = "undecided"
    NONE = "none"
    """Nothing was promised, the ticket was cancelled or merged, or the clock exempted: neither met nor breached."""


class Cause(StrEnum):
    """What made elapsed exceed the target: time that passed, or a change of the target."""

    TIME = "time"
    RETARGET = "retarget"


class Turn(Struct, gc=False, frozen=True, array_like=True):
    """From `at` on the clock is in this stage; `detail` is the hold reason (also of a hold that does not pause it)."""

    at: datetime
    stage: Stage
    detail: str = ""


class Stop(Struct, gc=False, frozen=True):
    """How a clock stood when it stopped; a reopened clock keeps its earlier stops."""

    at: datetime
    elapsed: timedelta
    target: timedelta | None = None
    due_at: datetime | None = None


class Warned(Struct, gc=False, frozen=True):
    """Elapsed reached this share of this target at that instant; `recorded` once an event of the ticket says so."""

    share: float
    at: datetime
    target: timedelta
    recorded: bool = False


class Breach(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """Elapsed exceeded this target from `at` on.

    A breach is contradicted when the clock turns out to have stopped or paused by then (a fact recorded late), and
    withdrawn once an event of the ticket says so; otherwise it stands, whatever target comes later. `claimant` is who
    acted in time, as the ticket's event `claim_version` shows. Elapsed had exceeded the target from `exceeded` on,
    before `at` when a change of target made it a breach; None where that is to be counted again.
    """

    target: timedelta
    at: datetime
    due_at: datetime
    elapsed: timedelta
    cause: Cause
    policy: PolicyRef | None
    exceeded: datetime | None = None
    recorded: bool = False
    contradicted: bool = False
    claimant: str = ""
    claim_version: int = 0
    withdrawn: bool = False

    @property
    def stands(self) -> bool:
        return not (self.contradicted or self.withdrawn)


class StepDue(Struct, gc=False, frozen=True, array_like=True):
    """A step of the policy's escalation chain that comes at an instant, the clock having counted ``elapsed`` then."""

    step: str
    at: datetime
    elapsed: timedelta


class Taken(Struct, gc=False, frozen=True, array_like=True):
    """A step of the chain of that policy was taken, having come at an instant.

    No version of the policy takes the step again for the same clock.
    """

    policy: str
    step: str
    at: datetime


class Clock(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """One instance of one of the three clocks.

    `elapsed` is what it had counted at `counted_to`, the last change; `target`, with its `unit`, has been in force
    since `targeted_at`. `due_at`, `breaches_after` and `warn_at` say what comes if nothing more happens, and are
    empty unless it runs: `due_at` is the earliest instant at which elapsed reaches the target, `breaches_after` the
    one from which on it exceeds it, `warn_at` the warnings not yet passed (also of a clock that was paused at just that
    instant). `reached` and `exceeded` keep the first two once they have passed. `steps_due` are the steps of the chain
    not yet taken: while it runs those to come, and until it ends those that were reached and nobody has taken; `taken`
    those that were.
    """

    kind: Kind
    instance: int
    started_at: datetime
    turns: tuple[Turn, ...]
    counted_to: datetime
    targeted_at: datetime
    elapsed: timedelta = ZERO
    policy: PolicyRef | None = None
    target: timedelta | None = None
    unit: Unit | None = None
    due_at: datetime | None = None
    breaches_after: datetime | None = None
    warn_at: tuple[Warned, ...] = ()
    reached: datetime | None = None
    exceeded: datetime | None = None
    stops: tuple[Stop, ...] = ()
    breaches: tuple[Breach, ...] = ()
    warned: tuple[Warned, ...] = ()
    steps_due: tuple[StepDue, ...] = ()
    taken: tuple[Taken, ...] = ()

    @property
    def stage(self) -> Stage:
        return self.turns[-1].stage

    @property
    def unfinished(self) -> bool:
        return self.turns[-1].stage in UNFINISHED

    @property
    def running_since(self) -> datetime | None:
        return self.turns[-1].at if self.stage is RUNNING else None

    @property
    def stopped_at(self) -> datetime | None:
        """When it came to its end, whichever; None while it may go on."""
        return None if self.unfinished else self.turns[-1].at

    @property
    def breached(self) -> bool:
        """Whether a breach that was noticed stands; `verdict` also sees one that nothing has noticed yet."""
        return bool(self.breaches) and any(breach.stands for breach in self.breaches)

    @property
    def pauses(self) -> tuple[tuple[datetime, datetime | None, Turn], ...]:
        """Every stretch that does not count, with its end (None: still so) and the turn that began it."""
        ends = [*(turn.at for turn in self.turns[1:]), None]
        return tuple(
            (turn.at, end, turn) for turn, end in zip(self.turns, ends, strict=True) if turn.stage is not RUNNING
        )


class Phase(StrEnum):
    """Where the ticket is in its life, as far as clocks care."""

    UNOPENED = "unopened"
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Clocks(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """All clocks of one ticket, and what the next mark needs to know; JSON by `encode`, back by `decode`.

    `first`, `next` and `resolution` are the newest instance of each kind, `past` the earlier ones, oldest first.
    """

    version: int = 0
    latest: datetime | None = None
    phase: Phase = Phase.UNOPENED
    before_merge: Phase = Phase.UNOPENED
    policy: PolicyRef | None = None
    held: str | None = None
    self_served: bool = False
    unanswered: datetime | None = None
    exempt: tuple[Kind, ...] = ()
    first: Clock | None = None
    next: Clock | None = None
    resolution: Clock | None = None
    past: tuple[Clock, ...] = ()

    @property
    def current(self) -> tuple[Clock, ...]:
        return tuple([clock for clock in (self.first, self.next, self.resolution) if clock is not None])

    @property
    def due_at(self) -> datetime | None:
        """The combined due: the earliest of the running clocks."""
        return min((clock.due_at for clock in self.current if clock.due_at is not None), default=None)

    def __iter__(self) -> Iterator[Clock]:
        return iter(self.past + self.current)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Clocks)


def encode(clocks: Clocks) -> bytes:
    """The state as JSON, for a row of a view."""
    return _ENCODER.encode(clocks)


def decode(stored: bytes | str) -> Clocks:
    """The state that `encode` wrote."""
    return _DECODER.decode(stored)


def policy_of(clock: Clock, policies: Policies) -> Policy | None:
    """The policy version a clock goes by; None when it goes by none. Raises UnknownPolicy."""
    return None if clock.policy is None else policy_named(clock.policy, policies)


def policy_named(ref: PolicyRef, policies: Policies) -> Policy:
    """The policy of this name and versions. Raises UnknownPolicy."""
    policy = policies.get(ref)
    if policy is None:
        raise UnknownPolicy(
            f"policy {ref.policy!r} version {ref.version} with calendar {ref.calendar!r} version "
            f"{ref.calendar_version} was not handed over"
        )
    return policy


def yardstick_of(clock: Clock, policies: Policies) -> Yardstick:
    """What the clock is measured with; plain time without a policy."""
    policy = policy_of(clock, policies)
    return PLAIN_TIME if policy is None else policy.yardstick(clock.kind)


def stretches(clock: Clock, until: datetime) -> Iterator[tuple[datetime, datetime, Turn]]:
    """The clock's life from its start to `until` as (start, end, turn), without holes; empty ones are left out."""
    for index, turn in enumerate(clock.turns):
        end = min(clock.turns[index + 1].at, until) if index + 1 < len(clock.turns) else until
        if turn.at < end:
            yield turn.at, end, turn


def elapsed(clock: Clock, at: datetime, policies: Policies) -> timedelta:
    """What the clock has counted at an instant, by the target and the calendar it has now."""
    if at >= clock.counted_to:
        running = clock.stage is RUNNING
        more = yardstick_of(clock, policies).business_time(clock.counted_to, at) if running else ZERO
        return clock.elapsed + more
    yardstick = yardstick_of(clock, policies)
    counted = (yardstick.business_time(a, b) for a, b, turn in stretches(clock, at) if turn.stage is RUNNING)
    return sum(counted, ZERO)


def left(clock: Clock, at: datetime, policies: Policies) -> timedelta | None:
    """What remains of the target, negative when exceeded; None without a target."""
    return None if clock.target is None else clock.target - elapsed(clock, at, policies)


def verdict(clock: Clock, at: datetime) -> Verdict:
    """Met, breached, or neither (yet), for any instant from the clock's last change on.

    Elapsed decides: at exactly the target, met; any longer, breached. For an earlier instant, ask the clocks that
    were folded up to it.
    """
    stage = clock.turns[-1].stage
    if stage in UNJUDGED:
        return Verdict.NONE
    exceeded = stage is RUNNING and clock.breaches_after is not None and clock.breaches_after < at
    if exceeded or clock.breached:
        # Also when nothing is promised any more: a promise that was broken stays so.
        return Verdict.BREACHED
    if clock.target is None:
        return Verdict.NONE
    if stage is Stage.STOPPED:
        return Verdict.MET
    return Verdict.NONE if stage is Stage.REPLACED else Verdict.UNDECIDED


def at_risk(clock: Clock, at: datetime) -> bool:
    """Whether an unfinished clock has passed its first warning and is not breached."""
    if not clock.unfinished or verdict(clock, at) is Verdict.BREACHED:
        return False
    given = any(warning.target == clock.target for warning in clock.warned)
    return given or any(warning.at <= at for warning in clock.warn_at)


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC; ValueError for a naive one."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise ValueError(f"at: {instant.isoformat()} has no time zone")
    return instant.astimezone(UTC)
