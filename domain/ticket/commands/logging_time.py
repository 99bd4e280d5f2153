"""Logging time spent, in minutes, and putting an entry right."""

from pydantic import Field

from domain.errors import EventNotFound
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide, must_differ
from domain.ticket.events import TimeCorrected, TimeLogged
from domain.ticket.state import Ticket


class LogTime(Command):
    """State time spent on the ticket."""

    VERB = "log-time"
    STATUSES = ALWAYS

    minutes: int = Field(ge=1, le=100_000)
    billable: bool = False
    comment: str = Field(default="", max_length=10_000)


class CorrectTime(Command):
    """Put a time entry right; 0 minutes takes it back."""

    VERB = "correct-time"
    STATUSES = ALWAYS

    entry: int = Field(ge=1)
    minutes: int = Field(ge=0, le=100_000)
    reason: str = Field(min_length=1, max_length=10_000)


@decide.register
def log_time(command: LogTime, ticket: Ticket, situation: Situation) -> Decision:
    """Entries are numbered within their ticket."""
    yield TimeLogged(
        entry=len(ticket.time_entries) + 1,
        minutes=command.minutes,
        billable=command.billable,
        comment=command.comment,
    )


@decide.register
def correct_time(command: CorrectTime, ticket: Ticket, situation: Situation) -> Decision:
    """The wrong entry stays in the history."""
    entry = next((entry for entry in ticket.time_entries if entry.entry == command.entry), None)
    if entry is None:
        raise EventNotFound("There is no such time entry on this ticket.", entry=command.entry)
    must_differ(entry.minutes, command.minutes)
    yield TimeCorrected(entry=command.entry, old_minutes=entry.minutes, minutes=command.minutes, reason=command.reason)
