"""The shapes of the answers, as the OpenAPI document describes them."""

import msgspec

from api.problems import Problem, ProblemTold
from api.visibility import ActorShown, EventShown, EventTold
from domain.desk import Receipt
from domain.ticket.state import Ticket


class TicketShown(Ticket, frozen=True, kw_only=True):
    """A ticket as its reader may see it: members that they may not see are missing.

    ``possible`` are the commands that the life cycle and the reader's permissions allow now (not in a past state).
    ``requester_name`` is the requester's name today.
    """

    requester_name: str = ""
    possible: list[str] = []


class EventPage(msgspec.Struct, kw_only=True):
    """Some events; ``next`` is where to go on, null when there are no more yet."""

    events: list[EventTold]
    next: int | None


class FeedPage(msgspec.Struct, kw_only=True):
    """Some events of the whole log; ``next`` is the last position looked at, whether or not it is shown."""

    events: list[EventShown]
    next: int


class Health(msgspec.Struct, kw_only=True):
    """Whether it runs; ``failing`` names what does not."""

    status: str
    failing: list[str] = []


ANSWERS: list[type[msgspec.Struct]] = [
    Problem,
    ProblemTold,
    Receipt,
    TicketShown,
    EventPage,
    FeedPage,
    Health,
    ActorShown,
]
