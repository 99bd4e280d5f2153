"""How marks move the clocks of a ticket: `advance` by one, `fold` by many, with the same result.

The rules in one place, each as sla.md has it where it speaks and with our choice where it is silent:

* First response stops at the first public reply by an agent, or when resolved. A ticket closed without either has
  nobody to credit: its response clocks are cancelled, while the resolution clock stops.
* Next response starts with a requester's message when the first response is done and nothing is waiting. A message
  to a resolved ticket is remembered; if the ticket is reopened, its round starts there, and counts from the reopening.
* While the requester is the assignee the response clocks are waived; they go on when somebody else takes over.
* A clock that was exempted stays so, and no later one of its kind is started.
* When a correction says that the ticket was opened at another time, the clocks that started with it and have not
  finished start then; what was noticed of them until the correction stays noticed.
* Between resolved and reopened, and between a merge and its reversal, nothing counts. A clock that comes back to life
  comes under the policy that the ticket has by then.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from operator import attrgetter

from msgspec.structs import replace

from domain.clock.clocks import RUNNING, UNFINISHED, Clock, Clocks, Phase, Stage, Turn, in_utc, policy_named, policy_of
from domain.clock.marks import RECORDS, Fact, Mark
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policies, Policy, PolicyRef
from domain.clock.recording import claimed, recorded
from domain.clock.turning import noticed, restarted, retargeted, started, stopped, turned

FINISHED = (Phase.RESOLVED, Phase.CLOSED)
_POLICY = attrgetter("policy")


def fold(marks: Iterable[Mark], policies: Policies) -> Clocks:
    """The clocks of a ticket with these marks, given in the order of their versions."""
    clocks = Clocks()
    for mark in marks:
        clocks = advance(clocks, mark, policies)
    return clocks


def advance(clocks: Clocks, mark: Mark, policies: Policies) -> Clocks:
    """The clocks after one more mark. Raises UnknownPolicy; no order of marks is an error."""
    if mark.fact in RECORDS:
        return recorded(clocks, mark)
    at = in_utc(mark.at)
    if clocks.latest is not None and at < clocks.latest:
        at = clocks.latest
    clocks = replace(_noticed(clocks, at, mark.silent), version=mark.version, latest=at)
    if mark.opened_at is not None:
        clocks = _redated(clocks, min(in_utc(mark.opened_at), at), at, mark.silent, policies)
    return claimed(clocks, _MOVES[mark.fact](clocks, at, mark, policies), mark)


def _noticed(clocks: Clocks, at: datetime, silent: bool) -> Clocks:
    """The clocks with every warning and breach that lies before `at` noted."""
    first, following, resolution = clocks.first, clocks.next, clocks.resolution
    if first is not None and (first.due_at is not None or first.warn_at):
        first = noticed(first, at, silent)
    if following is not None and (following.due_at is not None or following.warn_at):
        following = noticed(following, at, silent)
    if resolution is not None and (resolution.due_at is not None or resolution.warn_at):
        resolution = noticed(resolution, at, silent)
    if first is clocks.first and following is clocks.next and resolution is clocks.resolution:
        return clocks
    return replace(clocks, first=first, next=following, resolution=resolution)


def _opened(clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    if clocks.phase is not Phase.UNOPENED:
        return clocks
    clocks = replace(clocks, phase=Phase.OPEN)
    first = _new(clocks, Kind.FIRST_RESPONSE, 1, at, policies)
    return replace(clocks, first=first, resolution=_new(clocks, Kind.RESOLUTION, 1, at, policies))


def _redated(clocks: Clocks, opened_at: datetime, at: datetime, silent: bool, policies: Policies) -> Clocks:
    """The ticket was opened at another time, as is known from `at` on."""

    def redated(clock: Clock | None) -> Clock | None:
        if clock is None or clock.instance > 1 or not clock.unfinished:
            return clock
        return restarted(clock, opened_at, at, policy_of(clock, policies), silent)

    return replace(clocks, first=redated(clocks.first), resolution=redated(clocks.resolution))


def _requester_replied(clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    if clocks.phase in FINISHED:
        return replace(clocks, unanswered=clocks.unanswered or at)
    waiting = _unfinished(clocks.first) or _unfinished(clocks.next)
    if waiting or clocks.phase is not Phase.OPEN:
        return clocks
    return _next_round(clocks, at, (), policies)


def _agent_replied(clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    if clocks.unanswered is None and not _unfinished(clocks.first) and not _unfinished(clocks.next):
        return clocks
    return replace(
        clocks,
        unanswered=None,
        first=clocks.first and _stop(clocks.first, at, "answered", policies),
        next=clocks.next and _stop(clocks.next, at, "answered", policies),
    )


def _held(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    held = mark.reason if clocks.phase in (Phase.OPEN, Phase.MERGED) else clocks.held
    return _stood(replace(clocks, held=held), at, policies)


def _resumed(clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    return _stood(replace(clocks, held=None), at, policies)


def _assigned(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    if mark.to_requester is clocks.self_served:
        return clocks
    return _stood(replace(clocks, self_served=mark.to_requester), at, policies)


def _finished(phase: Phase, clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    """Resolved or closed: what still runs ends; closing what is resolved changes no clock."""
    if clocks.phase is Phase.RESOLVED:
        return replace(clocks, phase=phase)
    if clocks.phase is not Phase.OPEN:
        return clocks
    end = _stop if phase is Phase.RESOLVED else _cancel
    return replace(
        clocks,
        phase=phase,
        held=None,
        first=clocks.first and end(clocks.first, at, phase.value, policies),
        next=clocks.next and end(clocks.next, at, phase.value, policies),
        resolution=clocks.resolution and _stop(clocks.resolution, at, phase.value, policies),
    )


def _reopened(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    if clocks.phase not in (*FINISHED, Phase.CANCELLED):
        return clocks
    waiting = clocks.unanswered
    clocks = replace(clocks, phase=Phase.OPEN, unanswered=None)
    clocks = _revived(clocks, at, Stage.CANCELLED, mark.silent, policies)
    resolution = clocks.resolution
    if resolution is not None and resolution.stage is Stage.STOPPED:
        policy = policy_of(resolution, policies)
        if policy is not None and policy.on_reopen is OnReopen.RESTART:
            again = _new(clocks, Kind.RESOLUTION, resolution.instance + 1, at, policies)
            clocks = replace(clocks, resolution=again, past=(*clocks.past, resolution))
        else:
            clocks = replace(clocks, resolution=_back(clocks, resolution, at, mark.silent, policies))
    if waiting is None or _unfinished(clocks.first) or _unfinished(clocks.next):
        return clocks
    return _next_round(clocks, at, (Turn(waiting, Stage.STOPPED, "resolved"),), policies)


def _put_away(phase: Phase, stage: Stage, clocks: Clocks, at: datetime, _: Mark, policies: Policies) -> Clocks:
    """Cancelled or merged: what still runs ends with no verdict."""
    if clocks.phase in (Phase.UNOPENED, Phase.CANCELLED, Phase.MERGED):
        return clocks

    def ended(clock: Clock | None) -> Clock | None:
        if clock is None or not clock.unfinished:
            return clock
        return turned(clock, at, stage, "", policy_of(clock, policies))

    if phase is Phase.MERGED:
        clocks = replace(clocks, before_merge=clocks.phase)
    held = clocks.held if phase is Phase.MERGED else None
    first, following, resolution = ended(clocks.first), ended(clocks.next), ended(clocks.resolution)
    return replace(clocks, phase=phase, held=held, first=first, next=following, resolution=resolution)


def _merge_reversed(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    if clocks.phase is not Phase.MERGED:
        return clocks
    return _revived(replace(clocks, phase=clocks.before_merge), at, Stage.MERGED, mark.silent, policies)


def _attached(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    """The ticket comes under another policy; finished clocks are never touched, unless none ever applied to them."""
    policy = None if mark.policy is None else policy_named(mark.policy, policies)
    clocks = replace(clocks, policy=mark.policy)
    mode = OnRetarget.RECOMPUTE if policy is None or mark.fact is Fact.RECALCULATED else policy.on_retarget
    past = clocks.past
    changed: list[Clock | None] = []
    for clock in (clocks.first, clocks.next, clocks.resolution):
        if clock is not None and _takes_over(clock, mark.policy, mode):
            if mode is OnRetarget.RESTART and clock.policy is not None:
                past = (*past, turned(clock, at, Stage.REPLACED, "", policy_of(clock, policies)))
                clock = _new(clocks, clock.kind, clock.instance + 1, at, policies)
            else:
                clock = _under(clocks, clock, at, policy, mark.silent, policies)
        changed.append(clock)
    first, following, resolution = changed
    if not all(map(_POLICY, past)):
        past = tuple(
            _under(clocks, clock, at, policy, mark.silent, policies) if _takes_over(clock, mark.policy, mode) else clock
            for clock in past
        )
    return replace(clocks, first=first, next=following, resolution=resolution, past=past)


def _exempted(clocks: Clocks, at: datetime, mark: Mark, policies: Policies) -> Clocks:
    kinds = mark.kinds

    def ended(clock: Clock | None) -> Clock | None:
        if clock is None or not clock.unfinished or clock.kind not in kinds:
            return clock
        return turned(clock, at, Stage.EXEMPT, "", policy_of(clock, policies))

    exempt = tuple(kind for kind in Kind if kind in clocks.exempt or kind in kinds)
    first, following, resolution = ended(clocks.first), ended(clocks.next), ended(clocks.resolution)
    return replace(clocks, exempt=exempt, first=first, next=following, resolution=resolution)


def _takes_over(clock: Clock, ref: PolicyRef | None, mode: OnRetarget) -> bool:
    if clock.policy == ref:
        return False
    if clock.policy is None:
        return clock.unfinished or clock.stage is Stage.STOPPED
    return clock.unfinished and mode is not OnRetarget.KEEP


def _under(
    clocks: Clocks, clock: Clock, at: datetime, policy: Policy | None, silent: bool, policies: Policies
) -> Clock:
    """The clock under another policy, which may judge differently of the hold it is in.

    One that pauses with the change warns, as any that is paused, when it goes on.
    """
    if clock.unfinished:
        before = policy_of(clock, policies)
        clock = turned(clock, at, *_standing(clocks, clock.kind, policy), before)
    return retargeted(clock, at, policy, silent)


def _revived(clocks: Clocks, at: datetime, stage: Stage, silent: bool, policies: Policies) -> Clocks:
    """The clocks that ended in this stage go on."""

    def back(clock: Clock | None) -> Clock | None:
        if clock is None or clock.stage is not stage or clock.kind in clocks.exempt:
            return clock
        return _back(clocks, clock, at, silent, policies)

    first, following, resolution = back(clocks.first), back(clocks.next), back(clocks.resolution)
    return replace(clocks, first=first, next=following, resolution=resolution)


def _back(clocks: Clocks, clock: Clock, at: datetime, silent: bool, policies: Policies) -> Clock:
    """An ended clock goes on from what had elapsed, by the policy the ticket has now if that takes over."""
    policy = policy_of(clock, policies)
    clock = turned(clock, at, *_standing(clocks, clock.kind, policy), policy)
    today = None if clocks.policy is None else policy_named(clocks.policy, policies)
    kept = clock.policy is not None and today is not None and today.on_retarget is OnRetarget.KEEP
    if clocks.policy == clock.policy or kept:
        return clock
    return _under(clocks, clock, at, today, silent, policies)


def _next_round(clocks: Clocks, at: datetime, before: tuple[Turn, ...], policies: Policies) -> Clocks:
    if Kind.NEXT_RESPONSE in clocks.exempt:
        return clocks
    number = 1 if clocks.next is None else clocks.next.instance + 1
    past = clocks.past if clocks.next is None else (*clocks.past, clocks.next)
    clock = _new(clocks, Kind.NEXT_RESPONSE, number, at, policies, before)
    return replace(clocks, next=clock, past=past)


def _new(
    clocks: Clocks, kind: Kind, instance: int, at: datetime, policies: Policies, before: tuple[Turn, ...] = ()
) -> Clock:
    policy = None if clocks.policy is None else policy_named(clocks.policy, policies)
    return started(kind, instance, (*before, Turn(at, *_standing(clocks, kind, policy))), policy)


def _stood(clocks: Clocks, at: datetime, policies: Policies) -> Clocks:
    """Every unfinished clock in the stage that the ticket's hold and assignee ask for."""

    def stood(clock: Clock | None) -> Clock | None:
        if clock is None or not clock.unfinished:
            return clock
        policy = policy_of(clock, policies)
        return turned(clock, at, *_standing(clocks, clock.kind, policy), policy)

    first, following, resolution = stood(clocks.first), stood(clocks.next), stood(clocks.resolution)
    return replace(clocks, first=first, next=following, resolution=resolution)


def _standing(clocks: Clocks, kind: Kind, policy: Policy | None) -> tuple[Stage, str]:
    if clocks.self_served and kind is not Kind.RESOLUTION:
        return Stage.WAIVED, ""
    if clocks.held is None:
        return RUNNING, ""
    pauses = policy is not None and policy.pauses_on(kind, clocks.held)
    return (Stage.PAUSED if pauses else RUNNING), clocks.held


def _stop(clock: Clock, at: datetime, detail: str, policies: Policies) -> Clock:
    return stopped(clock, at, detail, policy_of(clock, policies)) if clock.unfinished else clock


def _cancel(clock: Clock, at: datetime, detail: str, policies: Policies) -> Clock:
    return turned(clock, at, Stage.CANCELLED, detail, policy_of(clock, policies)) if clock.unfinished else clock


def _unfinished(clock: Clock | None) -> bool:
    return clock is not None and clock.turns[-1].stage in UNFINISHED


_MOVES: dict[Fact, Callable[[Clocks, datetime, Mark, Policies], Clocks]] = {
    Fact.OPENED: _opened,
    Fact.REQUESTER_REPLIED: _requester_replied,
    Fact.AGENT_REPLIED: _agent_replied,
    Fact.HELD: _held,
    Fact.RESUMED: _resumed,
    Fact.ASSIGNED: _assigned,
    Fact.RESOLVED: partial(_finished, Phase.RESOLVED),
    Fact.CLOSED: partial(_finished, Phase.CLOSED),
    Fact.REOPENED: _reopened,
    Fact.CANCELLED: partial(_put_away, Phase.CANCELLED, Stage.CANCELLED),
    Fact.MERGED: partial(_put_away, Phase.MERGED, Stage.MERGED),
    Fact.MERGE_REVERSED: _merge_reversed,
    Fact.REDATED: lambda clocks, *_: clocks,
    Fact.ATTACHED: _attached,
    Fact.RECALCULATED: _attached,
    Fact.EXEMPTED: _exempted,
}
"""What each fact does to the clocks, but for those that only record what the clocks did."""
