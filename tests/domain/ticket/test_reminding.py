"""Reminders: set, taken back, and never in the past."""

from datetime import timedelta

from domain.errors import AgentNotFound, ReminderInThePast, ReminderNotFound
from domain.ticket.commands.reminding import CancelReminder, Remind
from domain.ticket.events import ReminderCancelled, ReminderDue, ReminderSet
from examples import MONDAY
from given_when_then import given, opened

LATER = MONDAY + timedelta(days=7)


def reminder(number: int = 1, agent: str = "alice") -> ReminderSet:
    return ReminderSet(reminder=number, at=LATER, agent=agent, text="Has it come?")


def test_whoever_asks_is_reminded_unless_another_agent_is_named():
    given(opened()).when(Remind(at=LATER, text="Has it come?")).then(reminder())
    given(opened()).when(Remind(at=LATER, agent="bob", text="Has it come?")).then(reminder(agent="bob"))


def test_nobody_is_reminded_in_the_past_nor_a_stranger():
    given(opened()).when(Remind(at=MONDAY)).then_refused(ReminderInThePast)
    given(opened()).when(Remind(at=LATER, agent="nobody")).then_refused(AgentNotFound)


def test_a_number_is_never_used_again():
    given(opened(), reminder(), ReminderCancelled(reminder=1)).when(Remind(at=LATER, text="Has it come?")).then(
        reminder(2)
    )


def test_only_a_reminder_to_come_can_be_taken_back():
    given(opened(), reminder()).when(CancelReminder(reminder=1)).then(ReminderCancelled(reminder=1))
    given(opened()).when(CancelReminder(reminder=1)).then_refused(ReminderNotFound)
    given(opened(), reminder(), ReminderDue(reminder=1, at=LATER, agent="alice")).when(
        CancelReminder(reminder=1)
    ).then_refused(ReminderNotFound)
