"""Correcting: putting right what was recorded wrong, or recording what another system did against our rules."""

from typing import Any, Literal

from pydantic import Field, JsonValue

from domain.errors import NotUnderstood
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide, must_differ
from domain.ticket.events import TicketCorrected
from domain.ticket.state import Ticket

Correctable = Literal[
    "status", "hold_reason", "group", "assignee", "priority", "impact", "urgency", "category", "opened_at"
]
STATUSES = ("new", "in_progress", "on_hold", "resolved", "closed", "cancelled")


class Correct(Command):
    """State what the ticket's fields really are, and why the ordinary commands cannot say it."""

    VERB = "correct"
    PERMISSION = "ticket.supervise"
    STATUSES = ALWAYS
    MERGED = "taken"

    fields: dict[Correctable, JsonValue] = Field(min_length=1)
    why: str = Field(min_length=1, max_length=200, description="A short public reason; it is stored readable.")


@decide.register
def correct(command: Correct, ticket: Ticket, situation: Situation) -> Decision:
    """Only differences are recorded; old and new stand side by side for ever."""
    new = {field: _checked(field, value) for field, value in command.fields.items()}
    old: dict[str, Any] = {field: _plain(getattr(ticket, field)) for field in new}
    changed = [field for field in new if new[field] != old[field]]
    must_differ(bool(changed), False)
    yield TicketCorrected(
        old={field: old[field] for field in changed}, new={field: new[field] for field in changed}, why=command.why
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _checked(field: str, value: Any) -> Any:
    numbers = {"impact": range(1, 4), "urgency": range(1, 4), "priority": range(1, 6)}
    if field in numbers:
        if value not in numbers[field]:
            raise NotUnderstood(field=field)
    elif not isinstance(value, str) or (field == "status" and value not in STATUSES):
        raise NotUnderstood(field=field)
    return value
