"""The clocks of a ticket, asked from its events."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from domain.clock.clocks import Clocks
from domain.clock.explain import Explanation, explain
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.clock.policy import Policies
from domain.envelope import Event
from domain.ticket.events import RequesterChanged, TicketOpened


def clocks_of(events: Iterable[Event], policies: Policies) -> Clocks:
    """The clocks of the ticket whose events these are, from the first on. Raises UnknownPolicy."""
    clocks = Clocks()
    requester: UUID | None = None
    for event in events:
        if isinstance(event, TicketOpened):
            requester = event.requester
        elif isinstance(event, RequesterChanged):
            requester = event.new
        mark = mark_of(event, requester)
        if mark is not None:
            clocks = advance(clocks, mark, policies)
    return clocks


def explanations_of(events: Iterable[Event], at: datetime, policies: Policies) -> tuple[Explanation, ...]:
    """Every clock of a ticket as it stood at an instant, with the intervals it counted and those it left out.

    In the order of their start; what happened after ``at`` (by effective time) is left aside. Raises UnknownPolicy.
    """
    clocks = clocks_of((event for event in events if event.effective_at <= at), policies)
    return tuple(explain(clock, at, policies) for clock in sorted(clocks, key=lambda clock: clock.started_at))
