"""The clocks of a ticket, asked from its events."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from domain.clock.clocks import Clocks, elapsed
from domain.clock.explain import Change, Explanation, explain
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.clock.marks import Fact
from domain.clock.policy import Kind, Policies
from domain.envelope import Event
from domain.ticket.events import SlaDetached, SlaRecalculated, SlaRetargeted

_RETARGETING = frozenset({Fact.ATTACHED, Fact.RECALCULATED, Fact.REOPENED, Fact.MERGE_REVERSED})
"""The facts through which a clock may come under another policy."""

Name = tuple[Kind, int]


def clocks_of(events: Iterable[Event], policies: Policies) -> Clocks:
    """The clocks of the ticket whose events these are, from the first on. Raises UnknownPolicy."""
    clocks = Clocks()
    for _, moved, _ in _moves(events, policies):
        clocks = moved
    return clocks


def explanations_of(events: Iterable[Event], at: datetime, policies: Policies) -> tuple[Explanation, ...]:
    """Every clock of a ticket as it stood at an instant, with the intervals it counted and those it left out.

    In the order of their start; what happened after ``at`` (by effective time) is left aside. Raises UnknownPolicy.
    """
    changes: dict[Name, tuple[Change, ...]] = {}
    before = clocks = Clocks()
    for event, clocks, fact in _moves((event for event in events if event.effective_at <= at), policies):
        if fact in _RETARGETING:
            for name, change in _changes(event, before, clocks, policies):
                changes[name] = (*changes.get(name, ()), change)
        before = clocks
    return tuple(
        explain(clock, at, policies, changes.get((clock.kind, clock.instance), ()))
        for clock in sorted(clocks, key=lambda clock: clock.started_at)
    )


def _moves(events: Iterable[Event], policies: Policies) -> Iterator[tuple[Event, Clocks, Fact]]:
    """The clocks after each event that tells them something."""
    clocks = Clocks()
    for event in events:
        mark = mark_of(event)
        if mark is not None:
            clocks = advance(clocks, mark, policies)
            yield event, clocks, mark.fact


def _cause(event: Event) -> str:
    if isinstance(event, SlaRecalculated):
        return "recalculate"
    return event.cause if isinstance(event, SlaRetargeted | SlaDetached) else ""


def _changes(event: Event, before: Clocks, after: Clocks, policies: Policies) -> Iterator[tuple[Name, Change]]:
    """Whose target or policy is another after an event; that a fresh ticket comes under its first is no change."""
    known = {(clock.kind, clock.instance): clock for clock in before}
    for clock in after:
        name = (clock.kind, clock.instance)
        old = known.get(name)
        if old is None or (old.policy, old.target) == (clock.policy, clock.target):
            continue
        if old.policy is None and clock.targeted_at == clock.started_at:
            continue
        yield (
            name,
            Change(
                at=clock.targeted_at,
                cause=_cause(event),
                elapsed=elapsed(clock, clock.targeted_at, policies),
                old_policy=old.policy,
                old_target=old.target,
                old_due_at=old.due_at or old.reached,
                policy=clock.policy,
                target=clock.target,
                due_at=clock.due_at or clock.reached,
            ),
        )
