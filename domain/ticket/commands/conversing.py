"""Conversing: replies that both sides see, notes that only the desk sees, and who watches."""

from datetime import timedelta

from pydantic import Field

from domain.errors import NotAllowed, NothingChanges, TicketIsElsewhere
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide
from domain.ticket.commands.opening import opened_after
from domain.ticket.events import (
    AgentReplied,
    ParticipantAdded,
    ParticipantRemoved,
    RequesterReplied,
    TicketNoted,
    TicketReopened,
    TicketResumed,
)
from domain.ticket.state import Ticket


class Reply(Command):
    """Write to the other side: as the requester of one's own ticket, else as the desk."""

    VERB = "reply"
    PERMISSION = "ticket.reply"
    OWN = "ticket.reply-own"
    STATUSES = ALWAYS
    MERGED = "passed-on"

    text: str = Field(
        min_length=1,
        max_length=100_000,
        description="Both sides read it.",
        examples=["Please try the new profile."],
    )
    automatic: bool = Field(default=False, description="An acknowledgement nobody wrote; it counts for no clock.")


class Note(Command):
    """Write an internal note, which no requester sees."""

    VERB = "note"
    PERMISSION = "ticket.note"
    STATUSES = ALWAYS
    MERGED = "taken"

    text: str = Field(min_length=1, max_length=100_000, description="Only the desk reads it.")
    mentions: tuple[str, ...] = Field(default=(), max_length=50, description="Agents who should read it.")


class Watch(Command):
    """Follow the ticket."""

    VERB = "watch"
    PERMISSION = "ticket.watch"
    OWN = "ticket.watch-own"
    STATUSES = ALWAYS
    MERGED = "taken"

    participant: str = Field(default="", max_length=200, description="Who watches, if not the caller.")


class Unwatch(Command):
    """Follow the ticket no longer."""

    VERB = "unwatch"
    PERMISSION = "ticket.watch"
    OWN = "ticket.watch-own"
    STATUSES = ALWAYS
    MERGED = "taken"

    participant: str = Field(default="", max_length=200)


@decide.register
def reply(command: Reply, ticket: Ticket, situation: Situation) -> Decision:
    """What a requester writes wakes the ticket; what an agent writes does not change where it stands."""
    came_through = situation.entrance or ticket
    principal = situation.principal
    if principal.person is not None and principal.person == came_through.requester:
        yield from _requester_wrote(command.text, ticket, situation)
    elif principal.may("ticket.reply-as-agent", ticket.department):
        if ticket.status in ("closed", "cancelled"):
            raise TicketIsElsewhere(
                f"A ticket that is {ticket.status} takes no reply of an agent.",
                status=ticket.status,
                possible=["reopen", "follow-up", "note"],
            )
        yield AgentReplied(text=command.text, automatic=command.automatic)
    elif principal.may("ticket.reply-as-agent", came_through.department):
        # Their words would be told as the requester's.
        raise NotAllowed("Agents of another department answer this now.", permission="ticket.reply-as-agent")
    else:
        yield from _requester_wrote(command.text, ticket, situation)


def _requester_wrote(text: str, ticket: Ticket, situation: Situation) -> Decision:
    """A reply to a ticket closed too long ago, or cancelled, opens a linked follow-up."""
    if ticket.status == "cancelled" or (ticket.status == "closed" and not can_be_reopened(ticket, situation)):
        yield from opened_after(ticket, text, situation, requester=(situation.entrance or ticket).requester)
        return
    yield RequesterReplied(text=text)
    if ticket.status == "on_hold" and ticket.hold_reason == "requester":
        yield TicketResumed(cause="requester-replied")
    elif ticket.status in ("resolved", "closed"):
        yield TicketReopened(was="resolved" if ticket.status == "resolved" else "closed")


def can_be_reopened(ticket: Ticket, situation: Situation) -> bool:
    """Whether the department's window for reopening is still open."""
    if ticket.closed_at is None:
        return True
    department = situation.setup.departments.get(ticket.department)
    window = timedelta(days=department.reopen_days if department else 0)
    return situation.now <= ticket.closed_at + window


@decide.register
def note(command: Note, ticket: Ticket, situation: Situation) -> Decision:
    """Whoever is mentioned must be an agent."""
    for agent in command.mentions:
        situation.setup.agent(agent)
    yield TicketNoted(text=command.text, mentions=tuple(dict.fromkeys(command.mentions)))


@decide.register
def watch(command: Watch, ticket: Ticket, situation: Situation) -> Decision:
    """Whoever may work on the ticket may let others watch; anybody else only oneself."""
    participant = _participant(command.participant, ticket, situation)
    if participant in ticket.watchers:
        raise NothingChanges()
    yield ParticipantAdded(participant=participant)


@decide.register
def unwatch(command: Unwatch, ticket: Ticket, situation: Situation) -> Decision:
    """The mirror of watching."""
    participant = _participant(command.participant, ticket, situation)
    if participant not in ticket.watchers:
        raise NothingChanges()
    yield ParticipantRemoved(participant=participant)


def _participant(named: str, ticket: Ticket, situation: Situation) -> str:
    participant = named or situation.who
    if participant != situation.who:
        if not situation.principal.may("ticket.work", ticket.department):
            raise NotAllowed("You can only watch a ticket yourself.")
        situation.setup.agent(participant)
    return participant
