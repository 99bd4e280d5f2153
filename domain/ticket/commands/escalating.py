"""Escalating: functionally to more skill, hierarchically to more authority."""

from typing import Literal

from pydantic import Field

from domain.errors import GroupNotFound, NobodyToEscalateTo, NothingChanges
from domain.ticket.commands.assigning import moved
from domain.ticket.commands.command import Command, Decision, Situation, decide, must_differ
from domain.ticket.events import TicketDeescalated, TicketEscalated
from domain.ticket.state import Ticket


class Escalate(Command):
    """Call in a group or a skill (functional), or a level of authority (hierarchical)."""

    VERB = "escalate"

    kind: Literal["functional", "hierarchical"] = Field(description="To other skill, or to more authority.")
    group: str = Field(default="", max_length=64, description="Functional: a group of the department.")
    skill: str = Field(default="", max_length=64, description="Functional: a skill that some group has.")
    level: int = Field(default=0, ge=0, le=9, description="Hierarchical: the level; 0 means the next one.")
    reason: str = Field(min_length=1, max_length=10_000, description="Why; not shown to the requester.")


class Deescalate(Command):
    """Let go of a level of authority."""

    VERB = "de-escalate"

    level: int = Field(default=0, ge=0, le=8)
    reason: str = Field(default="", max_length=10_000)


@decide.register
def escalate(command: Escalate, ticket: Ticket, situation: Situation) -> Decision:
    """Functional escalation moves the ticket; hierarchical raises its level."""
    if command.kind == "hierarchical":
        level = command.level or ticket.level + 1
        if level <= ticket.level:
            raise NothingChanges(level=ticket.level)
        yield TicketEscalated(kind="hierarchical", old_level=ticket.level, level=level, reason=command.reason)
        return
    group = _group_with(command, ticket, situation)
    must_differ(ticket.group, group)
    yield TicketEscalated(
        kind="functional",
        group=group,
        skill=command.skill,
        old_level=ticket.level,
        level=ticket.level,
        reason=command.reason,
    )
    yield from moved(ticket, group, command.reason, situation)


def _group_with(command: Escalate, ticket: Ticket, situation: Situation) -> str:
    """The named group, else the first of the department that has the skill."""
    if command.group:
        return situation.setup.group(command.group, ticket.department).group
    if not command.skill:
        raise NobodyToEscalateTo("A functional escalation names a group or a skill.", field="group")
    for name, group in sorted(situation.setup.groups.items()):
        if group.department == ticket.department and command.skill in group.skills and name != ticket.group:
            return name
    raise GroupNotFound("No other group of the department has this skill.", field="skill")


@decide.register
def de_escalate(command: Deescalate, ticket: Ticket, situation: Situation) -> Decision:
    """The level goes down, never up."""
    if command.level >= ticket.level:
        raise NothingChanges(level=ticket.level)
    yield TicketDeescalated(old_level=ticket.level, level=command.level, reason=command.reason)
