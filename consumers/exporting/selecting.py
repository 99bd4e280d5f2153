"""Which tickets an export holds, and those tickets one after another, each with what it was after every event."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, cast
from uuid import UUID

from consumers.histories import History, Period, histories, histories_of
from domain.desk import Desk
from domain.ticket import state
from domain.ticket.events import TicketEvent, TicketFact, TicketOpened
from domain.ticket.others import OTHER_TICKETS
from domain.ticket.state import Ticket


class Selection(Period, frozen=True, kw_only=True):
    """Tickets opened in a period that are in one of these departments by ``head`` (None: in any), each whole.

    Whole, since a history that is cut at a date looks like a process that nobody has.
    """

    departments: frozenset[str] | None = None

    def holds(self, ticket: Ticket, opened: TicketOpened) -> bool:
        """Whether the ticket, as it stands by ``head``, is selected."""
        return self.has(opened) and (self.departments is None or ticket.department in self.departments)


class Step(NamedTuple):
    """An event, and the ticket before and after it."""

    event: TicketEvent
    before: Ticket
    after: Ticket


class Life:
    """A ticket's history; of ``others``, the tickets that it names, those are given that are selected as well."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.others: frozenset[UUID] = frozenset()

    @property
    def opened(self) -> TicketOpened:
        return cast(TicketOpened, self.history[0])

    @cached_property
    def ticket(self) -> Ticket:
        """The ticket as its last event leaves it."""
        return state.fold(self.history)

    def steps(self) -> Iterator[Step]:
        """Event by event."""
        before = Ticket()
        for event in self.history:
            after = state.evolve(before, cast(TicketFact, event))
            yield Step(event, before, after)
            before = after

    def named(self) -> set[UUID]:
        """The other tickets that its events name."""
        return {getattr(event, OTHER_TICKETS[type(event)]) for event in self.history if type(event) in OTHER_TICKETS}

    def hides(self, event: TicketEvent) -> frozenset[str]:
        """The fields of an event that would tell of a ticket which is not selected."""
        field = OTHER_TICKETS.get(type(event))
        return frozenset() if field is None or getattr(event, field) in self.others else frozenset({field, "number"})


def lives(desk: Desk, selection: Selection) -> Iterator[tuple[int, list[Life]]]:
    """The selected tickets, in pages, with the position up to which tickets have been looked for."""
    for position, page in histories(desk, selection):
        selected = [life for life in map(Life, page) if selection.holds(life.ticket, life.opened)]
        known = _selected(desk, selection, set().union(*(life.named() for life in selected)), selected)
        for life in selected:
            life.others = frozenset(life.named() & known)
        yield position, selected


def _selected(desk: Desk, selection: Selection, named: set[UUID], near: Sequence[Life]) -> set[UUID]:
    """Those of the named tickets that are selected."""
    known = {life.ticket.ticket for life in near} & named
    for history in histories_of(desk, sorted(named - known), selection.head):
        life = Life(history)
        if selection.holds(life.ticket, life.opened):
            known.add(life.ticket.ticket)
    return known
