"""Whole tickets of the log, found by their openings, page by page; each page's histories are read at once.

So no more than a page of tickets is ever held, whatever the size of the log. Seals stay closed.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import cast
from uuid import UUID

import msgspec

from domain.desk import Desk
from domain.envelope import Event
from domain.ticket.events import TicketEvent, TicketOpened

PAGE = 200

History = list[TicketEvent]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets: opened (effective time) in [since, until), where None sets no bound, recorded by ``head``."""

    since: datetime | None = None
    until: datetime | None = None
    head: int

    def has(self, opened: TicketOpened) -> bool:
        """Whether a ticket that was opened by this event is meant."""
        return (self.since is None or self.since <= opened.effective_at) and (
            self.until is None or opened.effective_at < self.until
        )


def histories(desk: Desk, period: Period) -> Iterator[tuple[int, list[History]]]:
    """The tickets of a period in the order in which their openings were recorded, each with all that was recorded.

    They come in pages, with the position up to which tickets have been looked for; the last is the period's head.
    """
    after = 0
    while page := desk.store.page(after, PAGE, types=(TicketOpened.TYPE,), until=period.head, opened=False):
        openings = [event for event in map(desk.sealing.decoded, page) if isinstance(event, TicketOpened)]
        after = page[-1].position
        yield after, list(histories_of(desk, [one.stream for one in openings if period.has(one)], period.head))
    if after < period.head:
        yield period.head, []


def histories_of(desk: Desk, streams: list[UUID], head: int) -> Iterator[History]:
    """The events of several tickets, recorded by position ``head``, in the order in which the tickets are named."""
    found: dict[UUID, list[Event]] = {}
    for stream, stored in groupby(desk.store.newer([(stream, 0) for stream in streams]), lambda it: it.originator_id):
        events = [desk.sealing.decoded(event) for event in stored if event.position <= head]
        found[cast(UUID, stream)] = events
    for stream in streams:
        if found.get(stream):
            yield cast(History, found[stream])
