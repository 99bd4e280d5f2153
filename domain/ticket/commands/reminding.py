"""Reminding: somebody is to look at the ticket at a certain time."""

from pydantic import Field

from domain.errors import ReminderInThePast, ReminderNotFound
from domain.moments import Moment
from domain.ticket.commands.command import UNFINISHED, Command, Decision, Situation, decide
from domain.ticket.events import ReminderCancelled, ReminderSet
from domain.ticket.state import Ticket


class Remind(Command):
    """Have an agent reminded of the ticket at a time."""

    VERB = "remind"
    STATUSES = UNFINISHED

    at: Moment = Field(description="When.", examples=["2027-03-01T09:00:00Z"])
    agent: str = Field(default="", max_length=64, description="Who, if not the caller.")
    text: str = Field(default="", max_length=10_000)


class CancelReminder(Command):
    """Take a reminder back."""

    VERB = "cancel-reminder"
    STATUSES = UNFINISHED

    reminder: int = Field(ge=1, description="Its number, counted within the ticket.")


@decide.register
def remind(command: Remind, ticket: Ticket, situation: Situation) -> Decision:
    """A reminder lies ahead, and is for an agent of the desk or for the caller."""
    if command.at <= situation.now:
        raise ReminderInThePast(field="at")
    agent = command.agent or situation.who
    if agent != situation.who:
        situation.setup.agent(agent)
    yield ReminderSet(reminder=ticket.reminders_set + 1, at=command.at, agent=agent, text=command.text)


@decide.register
def cancel_reminder(command: CancelReminder, ticket: Ticket, situation: Situation) -> Decision:
    """Only a reminder that has not come can be taken back."""
    if all(reminder.reminder != command.reminder for reminder in ticket.reminders):
        raise ReminderNotFound(field="reminder")
    yield ReminderCancelled(reminder=command.reminder)
