"""Importing: what only an import may say of a ticket. These commands are no verbs of the desk: nobody else gives them.

An import retells another desk's history with the ordinary commands. Where the source did what our rules forbid, it
restates the ticket instead, which is recorded as a correction that says so; and it records how far it has come.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, Field, JsonValue

from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide
from domain.ticket.events import SourceUpdate, TicketCorrected, TicketImported
from domain.ticket.state import Ticket

Restatable = Literal[
    "status",
    "hold_reason",
    "group",
    "assignee",
    "priority",
    "impact",
    "urgency",
    "category",
    "opened_at",
    "resolved_at",
    "closed_at",
    "reopen_count",
]


class Restate(Command):
    """State what the source says where no ordinary command can; comes to nothing when the ticket stands like that.

    Times are RFC 3339. ``custom`` gives custom fields values that are stored readable; null clears one.
    """

    VERB = "restate"
    PERMISSION = "ticket.backdate"
    STATUSES = ALWAYS
    MERGED = "taken"

    fields: dict[Restatable, JsonValue] = {}
    custom: dict[str, JsonValue] = {}
    why: str = Field(min_length=1, max_length=200, description="A short public reason; it is stored readable.")


class TakeOver(Command):
    """Say that the source's history has been told up to here."""

    VERB = "take-over"
    PERMISSION = "ticket.backdate"
    STATUSES = ALWAYS
    MERGED = "taken"

    source: str = Field(min_length=1, max_length=64)
    external_id: str = Field(min_length=1, max_length=200)
    rows: int = Field(ge=1)
    digest: str = Field(min_length=64, max_length=64)
    updates: tuple[tuple[int, AwareDatetime, str], ...]
    custom: dict[str, JsonValue] = {}


@decide.register
def restate(command: Restate, ticket: Ticket, situation: Situation) -> Decision:
    """Only differences are recorded, so that stating again what is so already is harmless."""
    said = {name: (_plain(getattr(ticket, name)), value) for name, value in command.fields.items()}
    old: dict[str, Any] = {name: before for name, (before, value) in said.items() if before != value}
    new: dict[str, Any] = {name: value for name, (before, value) in said.items() if before != value}
    custom = {name: value for name, value in command.custom.items() if ticket.fields.get(name) != value}
    if custom:
        old["fields"] = {name: ticket.fields.get(name) for name in custom if name not in ticket.personal}
        new["fields"] = custom
    if new:
        yield TicketCorrected(old=old, new=new, why=command.why)


def _plain(value: Any) -> Any:
    """Times as they are written in commands, so that they can be compared."""
    return value.isoformat() if hasattr(value, "isoformat") else value


@decide.register
def take_over(command: TakeOver, ticket: Ticket, situation: Situation) -> Decision:
    """Custom fields that are the source's last word come with it; only differences are recorded."""
    yield TicketImported(
        source=command.source,
        external_id=command.external_id,
        rows=command.rows,
        digest=command.digest,
        updates=tuple(SourceUpdate(count, at, by) for count, at, by in command.updates),
        fields={name: value for name, value in command.custom.items() if ticket.fields.get(name) != value},
    )
