"""Resolving: the matter is answered, closed, taken up again, withdrawn, rated."""

from typing import Literal

from pydantic import Field

from domain.errors import NotAllowed, ReopenWindowOver
from domain.ticket.commands.command import OPEN, UNFINISHED, Command, Decision, Situation, decide
from domain.ticket.commands.conversing import can_be_reopened
from domain.ticket.events import (
    TicketCancelled,
    TicketClosed,
    TicketRated,
    TicketReopened,
    TicketResolved,
    TicketResumed,
)
from domain.ticket.state import Ticket


class Resolve(Command):
    """Say that the request is answered, and how."""

    VERB = "resolve"

    code: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$", examples=["fixed"])
    notes: str = Field(default="", max_length=100_000)


class Close(Command):
    """Finish the ticket; the requester may confirm their own."""

    VERB = "close"
    OWN = "ticket.finish-own"
    STATUSES = UNFINISHED


class Reopen(Command):
    """Take a resolved ticket up again, or a closed one within the department's window."""

    VERB = "reopen"
    OWN = "ticket.finish-own"
    STATUSES = frozenset({"resolved", "closed"})

    reason: str = Field(default="", max_length=10_000)


class Cancel(Command):
    """Withdraw the request."""

    VERB = "cancel"
    OWN = "ticket.finish-own"
    STATUSES = OPEN

    reason: str = Field(default="", max_length=10_000)


class Rate(Command):
    """Say how well it went; only the requester can."""

    VERB = "rate"
    PERMISSION = "ticket.rate-own"
    OWN = "ticket.rate-own"
    STATUSES = frozenset({"resolved", "closed"})

    score: int = Field(ge=1, le=5, description="From 1 (bad) to 5 (good).")
    comment: str = Field(default="", max_length=10_000)


@decide.register
def resolve(command: Resolve, ticket: Ticket, situation: Situation) -> Decision:
    """Resolving straight from hold ends the hold first, so that no pause outlives its ticket."""
    if ticket.status == "on_hold":
        yield TicketResumed(cause="resolved")
    yield TicketResolved(code=command.code, notes=command.notes)


@decide.register
def close(command: Close, ticket: Ticket, situation: Situation) -> Decision:
    """A requester who closes confirms; the clock's process closes automatically."""
    if ticket.status == "on_hold":
        yield TicketResumed(cause="resolved")
    yield TicketClosed(manner=_manner(ticket, situation))


def _manner(ticket: Ticket, situation: Situation) -> Literal["by-hand", "confirmed", "automatic"]:
    if situation.principal.actor.kind == "system":
        return "automatic"
    return "confirmed" if situation.principal.person == ticket.requester else "by-hand"


@decide.register
def reopen(command: Reopen, ticket: Ticket, situation: Situation) -> Decision:
    """After the window a follow-up goes on with the matter."""
    if ticket.status == "closed" and not can_be_reopened(ticket, situation):
        raise ReopenWindowOver(possible=["follow-up"])
    yield TicketReopened(was="resolved" if ticket.status == "resolved" else "closed", reason=command.reason)


@decide.register
def cancel(command: Cancel, ticket: Ticket, situation: Situation) -> Decision:
    """Nothing more is to be done."""
    yield TicketCancelled(reason=command.reason)


@decide.register
def rate(command: Rate, ticket: Ticket, situation: Situation) -> Decision:
    """A later rating replaces the earlier one; both stay in the history."""
    if situation.principal.person is None or situation.principal.person != ticket.requester:
        raise NotAllowed("Only the requester can rate a ticket.")
    yield TicketRated(score=command.score, comment=command.comment)
