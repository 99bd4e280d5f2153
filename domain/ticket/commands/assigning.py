"""Assigning: which department, which group, and who is answerable."""

from pydantic import Field

from domain.errors import AlreadyAssigned, NotAssigned, NotInGroup
from domain.ticket.commands.command import Command, Decision, Situation, decide, must_differ
from domain.ticket.events import TicketAssigned, TicketClaimed, TicketReleased, TicketRouted, TicketTransferred
from domain.ticket.state import Ticket


class Assign(Command):
    """Make one agent answerable."""

    VERB = "assign"

    assignee: str = Field(min_length=1, max_length=200, examples=["alice"])
    reason: str = Field(default="", max_length=10_000)


class Claim(Command):
    """Take the ticket on oneself."""

    VERB = "claim"


class Release(Command):
    """Give the ticket back to its group's queue."""

    VERB = "release"

    reason: str = Field(default="", max_length=10_000)


class Route(Command):
    """Move the ticket to another group of its department."""

    VERB = "route"

    group: str = Field(min_length=1, max_length=64)
    reason: str = Field(default="", max_length=10_000)


class Transfer(Command):
    """Hand the ticket over to another department."""

    VERB = "transfer"

    department: str = Field(min_length=1, max_length=64)
    group: str = Field(default="", max_length=64, description="Its group there; else that department's default.")
    reason: str = Field(default="", max_length=10_000)


@decide.register
def assign(command: Assign, ticket: Ticket, situation: Situation) -> Decision:
    """Naming the same agent twice is a refusal, not an event."""
    must_differ(ticket.assignee, command.assignee)
    must_work_in_group(command.assignee, ticket.group, situation)
    yield TicketAssigned(old=ticket.assignee, assignee=command.assignee, reason=command.reason)


@decide.register
def claim(command: Claim, ticket: Ticket, situation: Situation) -> Decision:
    """Nobody is robbed of a ticket: what is assigned must be assigned away, not claimed."""
    must_differ(ticket.assignee, situation.who)
    if ticket.assignee:
        raise AlreadyAssigned(assignee=ticket.assignee)
    must_work_in_group(situation.who, ticket.group, situation)
    yield TicketClaimed(assignee=situation.who)


@decide.register
def release(command: Release, ticket: Ticket, situation: Situation) -> Decision:
    """The ticket keeps its group."""
    if not ticket.assignee:
        raise NotAssigned()
    yield TicketReleased(old=ticket.assignee, reason=command.reason)


@decide.register
def route(command: Route, ticket: Ticket, situation: Situation) -> Decision:
    """An assignee who does not work in the new group lets the ticket go."""
    must_differ(ticket.group, command.group)
    situation.setup.group(command.group, ticket.department)
    yield from moved(ticket, command.group, command.reason, situation)


@decide.register
def transfer(command: Transfer, ticket: Ticket, situation: Situation) -> Decision:
    """The ticket keeps its number and history."""
    must_differ(ticket.department, command.department)
    department = situation.setup.department(command.department)
    group = command.group or department.default_group
    if group:
        situation.setup.group(group, command.department)
    yield TicketTransferred(old=ticket.department, new=command.department, reason=command.reason)
    yield from moved(ticket, group, command.reason, situation)


def moved(ticket: Ticket, group: str, reason: str, situation: Situation) -> Decision:
    """The assignee lets go, unless they work there, too; then the ticket is in another group's queue."""
    if ticket.assignee and not _works_in(ticket.assignee, group, situation):
        yield TicketReleased(old=ticket.assignee, reason=reason)
    if group != ticket.group:
        yield TicketRouted(old=ticket.group, new=group, reason=reason)


def must_work_in_group(agent: str, group: str, situation: Situation) -> None:
    """Only an agent of the group can be answerable; a ticket without a group takes any agent."""
    situation.setup.agent(agent)
    if group and not _works_in(agent, group, situation):
        raise NotInGroup(agent=agent, group=group)


def _works_in(agent: str, group: str, situation: Situation) -> bool:
    known = situation.setup.agents.get(agent)
    return known is not None and group in known.groups
