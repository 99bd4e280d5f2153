"""What a ticket says, in the words of the log: the way back, used to check an import column by column."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from consumers.importing.servicenow import layout as at
from consumers.importing.servicenow.reading import Row
from consumers.importing.telling import IMPORTER
from domain.envelope import Json
from domain.ticket.state import Ticket

_STATE_OF: dict[tuple[str, str], str] = {place: label for label, place in at.STATES.items()}
_LABEL_OF = {column: {level: label for label, level in levels.items()} for column, levels in at.LABELS.items()}
_TEXTS = tuple((column, at.COLUMNS[column]) for column in at.AS_THEY_STAND)
_FLAGS = tuple((column, at.COLUMNS[column]) for column in (at.MADE_SLA, at.KNOWLEDGE, at.PRIORITY_CONFIRMED))


def said(ticket: Ticket, row: Row, person_of: Callable[[str], UUID]) -> dict[int, str]:
    """The cells that speak of the moment of a row, as the ticket would write them."""
    fields: Mapping[str, Json] = ticket.fields
    cells = {
        at.NUMBER: ticket.external_id,
        at.STATE: _own_word(fields, at.STATE) or _STATE_OF.get((ticket.status, ticket.hold_reason), ticket.status),
        at.ACTIVE: _flag(fields.get("active", ticket.status != "closed")),
        at.REASSIGNMENTS: _text(fields.get("reassignment_count")),
        at.REOPENINGS: str(ticket.reopen_count),
        at.CALLER: _caller(ticket, row, person_of),
        at.OPENED_BY: _own_word(fields, at.OPENED_BY) or _opener(ticket),
        at.CATEGORY: ticket.category,
        at.GROUP: ticket.group,
        at.ASSIGNEE: ticket.assignee,
    }
    levels = {at.IMPACT: ticket.impact, at.URGENCY: ticket.urgency, at.PRIORITY: ticket.priority}
    for column, level in levels.items():
        cells[column] = _own_word(fields, column) or _LABEL_OF[column][level]
    for column, name in _TEXTS:
        cells[column] = _text(fields.get(name))
    for column, name in _FLAGS:
        cells[column] = _flag(fields.get(name))
    return {column: "" if cell == at.UNKNOWN else cell for column, cell in cells.items()}


def times_said(ticket: Ticket) -> dict[int, datetime | None]:
    """The times that speak of the whole."""
    created = ticket.fields.get("sys_created_at")
    return {
        at.OPENED_AT: ticket.opened_at,
        at.CREATED_AT: datetime.fromisoformat(created) if created else None,
        at.RESOLVED_AT: ticket.resolved_at,
        at.CLOSED_AT: ticket.closed_at,
    }


def _own_word(fields: Mapping[str, Json], column: int) -> str:
    """What a custom field keeps because the ticket's own field cannot say it."""
    return _text(fields.get(at.COLUMNS[column]))


def _text(value: Json) -> str:
    return "" if value is None else str(value)


def _flag(value: Json) -> str:
    return "" if value is None else "true" if value else "false"


def _opener(ticket: Ticket) -> str:
    return "" if ticket.opened_by == IMPORTER.actor.id else ticket.opened_by


def _caller(ticket: Ticket, row: Row, person_of: Callable[[str], UUID]) -> str:
    """A ticket knows its requester by id; whether that is the row's caller can be told, their name cannot."""
    kept = _own_word(ticket.fields, at.CALLER)
    if kept:
        return kept
    caller = row.cells[at.CALLER]
    return caller if ticket.requester == person_of(caller) else str(ticket.requester)
