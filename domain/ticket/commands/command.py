"""What every command on a ticket shares: its form, what a decision may know beside the ticket, and the guards.

A decision is a pure function ``(command, ticket, situation) -> events`` registered with ``@decide.register``. It yields
the facts that follow, in order; ``Elsewhere`` puts one into another ticket's stream, in the same append.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import singledispatch
from typing import ClassVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from domain.access.principal import Principal
from domain.envelope import NOWHERE
from domain.errors import NothingChanges, TicketIsElsewhere, TicketIsMerged
from domain.moments import Moment
from domain.setup.state import Setup
from domain.ticket.commands.signature import SignatureGiven
from domain.ticket.events import TicketEvent
from domain.ticket.file import File
from domain.ticket.state import Status, Ticket

OPEN: frozenset[Status] = frozenset({"new", "in_progress", "on_hold"})
UNFINISHED: frozenset[Status] = OPEN | {"resolved"}
ALWAYS: frozenset[Status] = UNFINISHED | {"closed", "cancelled"}

Ref = str
"""A ticket as people write it: its number ("3847", "#3847") or its UUID."""


class Command(BaseModel):
    """Something somebody wants done to a ticket.

    ``VERB`` is its name in URLs and refusals; ``PERMISSION`` what it takes, ``OWN`` what it takes on one's own request
    ("" if that makes no difference); ``STATUSES`` where in the life cycle it is possible; ``MERGED`` whether a ticket
    that was merged away takes it: no, yes itself, or it is passed on to the target; ``TIMED`` whether its decision asks
    about the ticket's clocks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    VERB: ClassVar[str]
    PERMISSION: ClassVar[str] = "ticket.work"
    OWN: ClassVar[str] = ""
    STATUSES: ClassVar[frozenset[Status]] = OPEN
    MERGED: ClassVar[str] = "refused"
    TIMED: ClassVar[bool] = False

    occurred_at: Moment | None = Field(
        default=None, description="When it happened, if earlier than now; only for callers who may backdate."
    )

    signature: SignatureGiven | None = Field(
        default=None, description="An electronic signature, recorded together with the act; some acts need one."
    )

    def others(self) -> tuple[Ref, ...]:
        """Further tickets that the decision needs to see."""
        return ()


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may know beside the ticket: the time (UTC), the configuration, who asks, other tickets.

    ``fresh`` and ``number`` are for a ticket that the decision may open; ``requester`` is the person whom the command
    names, found or registered; ``entrance`` is the ticket through which the caller came, when that one was merged
    into this one; ``file`` the one that the command names, if there is such an upload of the caller's.
    """

    now: datetime
    setup: Setup
    principal: Principal
    others: Mapping[str, Ticket] = {}
    fresh: UUID = NOWHERE
    number: int = 0
    requester: UUID = NOWHERE
    entrance: Ticket | None = None
    file: File | None = None

    @property
    def who(self) -> str:
        """The handle of the caller."""
        return self.principal.actor.id


class Elsewhere(msgspec.Struct, frozen=True):
    """An event for another ticket's stream."""

    stream: UUID
    event: TicketEvent


Decision = Iterator[TicketEvent | Elsewhere]


@singledispatch
def decide(command: Command, ticket: Ticket, situation: Situation) -> Decision:
    """The facts that follow from ``command``; raises ``Refused`` with the reason."""
    raise NotImplementedError(f"no decision for {type(command).__name__}")


def is_own(ticket: Ticket, principal: Principal) -> bool:
    """Whether the principal is the ticket's requester."""
    return principal.person is not None and principal.person == ticket.requester


def possible(ticket: Ticket, commands: Mapping[str, type[Command]]) -> list[str]:
    """The commands that the life cycle allows now."""
    if ticket.merged_into is not None:
        return sorted(verb for verb, command in commands.items() if command.MERGED != "refused")
    return sorted(
        verb
        for verb, command in commands.items()
        if ticket.status in command.STATUSES and verb not in ("open", "unmerge")
    )


def must_be_where_it_is_possible(command: Command, ticket: Ticket, commands: Mapping[str, type[Command]]) -> None:
    """Refuse what the life cycle does not allow, and say what it does."""
    if ticket.merged_into is not None and command.MERGED == "refused":
        raise TicketIsMerged(possible=possible(ticket, commands))
    if ticket.status not in command.STATUSES:
        raise TicketIsElsewhere(
            f"A ticket that is {ticket.status.replace('_', ' ')} cannot take '{command.VERB}'.",
            status=ticket.status,
            possible=possible(ticket, commands),
        )


def must_differ(old: object, new: object) -> None:
    """A command that comes to nothing new is a refusal, not an event."""
    if old == new:
        raise NothingChanges()
