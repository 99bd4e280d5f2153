"""What if: the history of tickets as recorded, beside the same under another configuration. Nothing is written."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from consumers.histories import Period, histories
from domain.clock.comparing import Comparison, judged
from domain.clock.configured import Configured
from domain.clock.supposing import supposed
from domain.desk import Desk
from domain.setup.state import Setup
from domain.ticket.events import TicketOpened


class Question(Period, frozen=True, kw_only=True):
    """Which tickets, and as of when they are judged."""

    at: datetime


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
    for position, page in histories(desk, question):
        for history in page:
            opened = cast(TicketOpened, history[0])
            recorded = judged(history, question.at, policies)
            otherwise = judged(supposed(history, setup), question.at, policies)
            comparison.add(opened.number, opened.effective_at, recorded, otherwise)
        progress(position)
