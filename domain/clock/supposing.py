"""What a ticket's history would be under another configuration: what people did stays, the service level does not.

The level is attached anew as the desk does it whenever what a condition asks for has changed, at the times at which
that happened; what was recorded of levels, warnings, breaches and chains is left out. An exemption was somebody's
decision about the ticket and stays, and so does what a chain did to it: who would have acted otherwise is not guessed.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import cast

import msgspec

from domain.clock.attaching import service_level
from domain.clock.hearing import IMPORTED, mark_of
from domain.clock.marks import RECORDS, Fact
from domain.envelope import Event
from domain.setup.state import Setup
from domain.ticket.events import TicketEvent, TicketFact
from domain.ticket.state import Ticket, evolve

_OF_LEVELS = RECORDS | {Fact.ATTACHED, Fact.RECALCULATED}


def supposed(events: Iterable[Event], setup: Setup) -> Iterator[TicketEvent]:
    """The events of one ticket, with the service levels that follow from ``setup`` in place of those recorded."""
    ticket = Ticket()
    for act in _acts(event for event in events if isinstance(event, TicketEvent) and not _is_of_levels(event)):
        before = ticket
        for event in act:
            ticket = evolve(ticket, cast(TicketFact, event))
            yield event
        for level in service_level(before, ticket, setup, event.TYPE):
            placed = msgspec.structs.replace(
                level,
                stream=event.stream,
                version=event.version,
                recorded_at=event.recorded_at,
                occurred_at=event.occurred_at,
                effective_at=event.effective_at,
                act=event.act,
            )
            ticket = evolve(ticket, cast(TicketFact, placed))
            yield placed


def _is_of_levels(event: TicketEvent) -> bool:
    mark = mark_of(event)
    return mark is not None and mark.fact in _OF_LEVELS


def _acts(events: Iterable[TicketEvent]) -> Iterator[list[TicketEvent]]:
    """The events of each command together: a level was decided once after all of them."""
    for _, together in groupby(events, key=_act_of):
        yield list(together)


def _act_of(event: TicketEvent) -> object:
    """What the events of one command have in common and the next command's have not.

    An import gives many commands at once; none of them changes more than one thing that a condition asks about.
    """
    return event.version if event.act.channel == IMPORTED else (event.act, event.recorded_at)
