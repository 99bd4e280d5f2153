"""Redacting: what single events of a ticket hold of persons is erased; the events stay, and so does their proof."""

from typing import Annotated

from pydantic import Field

from domain.errors import EventNotFound, NothingChanges
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide
from domain.ticket.events import TicketRedacted
from domain.ticket.state import Ticket


class Redact(Command):
    """Erase for good what the events of these versions say in words.

    Their keys are destroyed; who did what and when stays, and every proof holds. It cannot be undone.
    """

    VERB = "redact"
    PERMISSION = "record.erase"
    STATUSES = ALWAYS
    MERGED = "taken"

    versions: tuple[Annotated[int, Field(ge=1, le=999_999_999)], ...] = Field(
        min_length=1, max_length=10_000, description="The versions of the events, as the ticket's history numbers them."
    )
    reason: str = Field(min_length=1, max_length=200, description="A short public ground; it is stored readable.")


@decide.register
def redact(command: Redact, ticket: Ticket, situation: Situation) -> Decision:
    """Only what has not been redacted is; an event that is not there is no mistake to pass over."""
    if any(version > ticket.version for version in command.versions):
        raise EventNotFound("The ticket has no such version.", version=ticket.version)
    versions = tuple(sorted(set(command.versions) - ticket.redacted))
    if not versions:
        raise NothingChanges("These events were redacted.")
    yield TicketRedacted(versions=versions, ground=command.reason)
