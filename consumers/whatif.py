"""What if: the history of tickets as recorded beside the same history under another configuration. Nothing is written.

Tickets are found by their openings, page by page of the whole log, and each page's histories are read at once; so no
more than a page of tickets is ever held, whatever the size of the log.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec

from domain.clock.comparing import Comparison, judged
from domain.clock.configured import Configured
from domain.clock.supposing import supposed
from domain.desk import Desk
from domain.envelope import Event
from domain.setup.state import Setup
from domain.store.upcasts import UPCASTS
from domain.ticket.events import TicketOpened

PAGE = 200
_OPENINGS = (TicketOpened.TYPE, *UPCASTS)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets: opened (effective time) in [since, until), recorded by position ``head``; judged as of ``at``."""

    since: datetime
    until: datetime
    at: datetime
    head: int


def compare(
    desk: Desk,
    question: Question,
    setup: Setup,
    comparison: Comparison,
    progress: Callable[[int], None] = lambda position: None,
) -> None:
    """Add to a comparison, ticket by ticket, what was recorded and what ``setup`` would have made of it.

    ``setup`` MUST hold every version of policies and calendars that tickets name by then. ``progress`` gets the
    position up to which tickets have been looked for.
    """
    policies = Configured(lambda: setup)
    after = 0
    while page := desk.store.page(after, PAGE, types=_OPENINGS, until=question.head, opened=False):
        openings = [event for event in map(desk.sealing.decoded, page) if isinstance(event, TicketOpened)]
        wanted = [event for event in openings if question.since <= event.effective_at < question.until]
        histories = dict(_histories(desk, wanted, question.head))
        for opened in wanted:
            history = histories[opened.stream]
            recorded = judged(history, question.at, policies)
            otherwise = judged(supposed(history, setup), question.at, policies)
            comparison.add(opened.number, opened.effective_at, recorded, otherwise)
        after = page[-1].position
        progress(after)
    progress(question.head)


def _histories(desk: Desk, openings: list[TicketOpened], head: int) -> Iterator[tuple[UUID, list[Event]]]:
    stored = desk.store.newer([(opening.stream, 0) for opening in openings])
    events = (desk.sealing.decoded(event) for event in stored if event.position <= head)
    for stream, history in groupby(events, key=lambda event: event.stream):
        yield stream, list(history)
