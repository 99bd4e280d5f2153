"""Tickets as they stand today, without their personal fields: what access to them is decided by."""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import groupby
from threading import Lock
from uuid import UUID

from domain.desk import Desk
from domain.ticket import state as ticket_state
from domain.ticket.state import Ticket

_REMEMBERED = 20_000


class TicketsToday:
    """The newest states of tickets, remembered and brought up to date by what is newer: one query for any number."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: OrderedDict[UUID, Ticket] = OrderedDict()
        self._lock = Lock()

    def of(self, streams: Iterable[UUID]) -> dict[UUID, Ticket]:
        """The tickets of these streams; a stream that is none is left out."""
        wanted = set(streams)
        if not wanted:
            return {}
        with self._lock:
            tickets = {stream: self._known.get(stream, Ticket()) for stream in wanted}
        stored = self._desk.store.newer([(stream, ticket.version) for stream, ticket in tickets.items()])
        newer = (self._desk.sealing.decoded(event) for event in stored)
        for stream, events in groupby(newer, key=lambda event: event.stream):
            tickets[stream] = ticket_state.fold(events, tickets[stream])
        found = {stream: ticket for stream, ticket in tickets.items() if ticket.version}
        with self._lock:
            self._known.update(found)
            for stream in found:
                self._known.move_to_end(stream)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found
