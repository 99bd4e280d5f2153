"""Holding: work starts, rests while somebody else has to move, and goes on."""

from pydantic import Field

from domain.errors import HoldEndsInThePast, NotUnderstood
from domain.moments import Moment
from domain.ticket.commands.command import Command, Decision, Situation, decide
from domain.ticket.events import HoldReason, TicketPutOnHold, TicketResumed, WorkStarted
from domain.ticket.state import Ticket


class Start(Command):
    """Begin to work on a new ticket."""

    VERB = "start"
    STATUSES = frozenset({"new"})


class Hold(Command):
    """Let the ticket rest until the requester, a vendor … has moved, or until a date."""

    VERB = "hold"
    STATUSES = frozenset({"new", "in_progress"})

    reason: HoldReason = Field(examples=["requester"])
    until: Moment | None = Field(default=None, description="When it resumes by itself.")
    comment: str = Field(default="", max_length=10_000)


class Resume(Command):
    """End the hold."""

    VERB = "resume"
    STATUSES = frozenset({"on_hold"})


@decide.register
def start(command: Start, ticket: Ticket, situation: Situation) -> Decision:
    """Work has begun, whoever does it."""
    yield WorkStarted()


@decide.register
def hold(command: Hold, ticket: Ticket, situation: Situation) -> Decision:
    """A hold for a date needs the date, and it must lie ahead."""
    if command.reason == "date" and command.until is None:
        raise NotUnderstood("A hold until a date needs 'until'.", field="until")
    if command.until is not None and command.until <= situation.now:
        raise HoldEndsInThePast(field="until")
    yield TicketPutOnHold(reason=command.reason, until=command.until, comment=command.comment)


@decide.register
def resume(command: Resume, ticket: Ticket, situation: Situation) -> Decision:
    """Whatever the hold waited for."""
    yield TicketResumed()
