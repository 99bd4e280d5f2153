"""Correcting: putting right what was recorded wrong, or recording what another system did against our rules."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import NotUnderstood, TimeInTheFuture
from domain.moments import Moment
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide, must_differ
from domain.ticket.events import HoldReason, Level, TicketCorrected
from domain.ticket.state import Status, Ticket


class Corrections(BaseModel):
    """What the ticket's fields really are; what is not stated stays."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, json_schema_extra={"minProperties": 1}
    )

    status: Status | None = None
    hold_reason: HoldReason | None = Field(default=None, description="Only of a ticket on hold, which needs one.")
    group: str | None = Field(default=None, max_length=64, description="Empty: none.")
    assignee: str | None = Field(default=None, max_length=200, description="Empty: nobody.")
    priority: int | None = Field(default=None, ge=1, le=5)
    impact: Level | None = None
    urgency: Level | None = None
    category: str | None = Field(default=None, max_length=200)
    opened_at: Moment | None = None


class Correct(Command):
    """State what the ticket's fields really are, and why the ordinary commands cannot say it."""

    VERB = "correct"
    PERMISSION = "ticket.supervise"
    STATUSES = ALWAYS
    MERGED = "taken"

    fields: Corrections
    why: str = Field(min_length=1, max_length=200, description="A short public reason; it is stored readable.")


@decide.register
def correct(command: Correct, ticket: Ticket, situation: Situation) -> Decision:
    """Only differences are recorded; old and new stand side by side for ever."""
    stated = command.fields.model_dump(exclude_none=True)
    if not stated:
        raise NotUnderstood("A correction states at least one field.", field="fields")
    _must_be_configured(command.fields, ticket, situation)
    _must_be_held_for_a_reason(command.fields, ticket)
    _must_have_been_opened_first(command.fields, ticket, situation)
    new = {field: _plain(value) for field, value in stated.items()}
    old: dict[str, Any] = {field: _plain(getattr(ticket, field)) for field in new}
    changed = [field for field in new if new[field] != old[field]]
    must_differ(bool(changed), False)
    yield TicketCorrected(
        old={field: old[field] for field in changed}, new={field: new[field] for field in changed}, why=command.why
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _must_be_configured(fields: Corrections, ticket: Ticket, situation: Situation) -> None:
    if fields.group:
        situation.setup.group(fields.group, ticket.department)
    if fields.assignee:
        situation.setup.agent(fields.assignee)


def _must_be_held_for_a_reason(fields: Corrections, ticket: Ticket) -> None:
    """What pauses a clock is a reason to hold; one without a hold, or a hold without one, says nothing."""
    held = (fields.status or ticket.status) == "on_hold"
    if held and not (fields.hold_reason or ticket.hold_reason):
        raise NotUnderstood("A ticket on hold needs the reason.", field="hold_reason")
    if fields.hold_reason and not held:
        raise NotUnderstood("Only a ticket on hold has a reason for it.", field="hold_reason")


def _must_have_been_opened_first(fields: Corrections, ticket: Ticket, situation: Situation) -> None:
    if fields.opened_at is None:
        return
    if fields.opened_at > situation.now:
        raise TimeInTheFuture(field="opened_at")
    if any(end is not None and end < fields.opened_at for end in (ticket.resolved_at, ticket.closed_at)):
        raise NotUnderstood("A ticket is opened before it is resolved or closed.", field="opened_at")
