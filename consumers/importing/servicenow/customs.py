"""The columns that become custom fields: those the ticket has no field for, and those its own field cannot say."""

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter

from consumers.importing.servicenow import layout as at
from consumers.importing.servicenow.reading import Row
from consumers.importing.told import Told
from domain.envelope import Json

_FLAGS = {"true": True, "false": False}
_NAMES_AS_THEY_STAND = tuple((column, at.COLUMNS[column]) for column in at.AS_THEY_STAND)

watched = itemgetter(
    at.STATE,
    at.ACTIVE,
    at.REASSIGNMENTS,
    at.MADE_SLA,
    at.CALLER,
    at.OPENED_BY,
    at.CREATED_AT,
    at.IMPACT,
    at.URGENCY,
    at.PRIORITY,
    at.KNOWLEDGE,
    at.PRIORITY_CONFIRMED,
    *at.AS_THEY_STAND,
)
"""The cells from which the custom fields follow; while they stay, so do the fields."""

MANAGED = frozenset(at.FORM["properties"]) - {at.COLUMNS[column] for column in at.TOLD_FROM_THE_END}
"""The fields that follow from a single row."""


def custom_fields(row: Row, told: Told) -> dict[str, Json]:
    """The custom fields that the row asks for; what is not known has none."""
    cells = row.cells
    fields: dict[str, Json] = {name: cells[column] for column, name in _NAMES_AS_THEY_STAND if cells[column]}
    for column in (at.MADE_SLA, at.KNOWLEDGE, at.PRIORITY_CONFIRMED):
        if cells[column]:
            fields[at.COLUMNS[column]] = _FLAGS[cells[column]]
    if cells[at.REASSIGNMENTS]:
        fields["reassignment_count"] = int(cells[at.REASSIGNMENTS])
    if row.created_at is not None:
        fields["sys_created_at"] = row.created_at.isoformat()
    return fields | _where_they_differ(row, told)


def _where_they_differ(row: Row, told: Told) -> dict[str, Json]:
    """What the source says and the ticket's own fields cannot: a state without a name, a flag against the state …"""
    cells = row.cells
    fields: dict[str, Json] = {}
    state = cells[at.STATE]
    closed = state == "Closed"
    if state not in at.STATES:
        fields["incident_state"] = state
        # A state without a name leaves the ticket where it was.
        closed = told.status == "closed"
    if cells[at.ACTIVE] and (cells[at.ACTIVE] == "false") != closed:
        fields["active"] = _FLAGS[cells[at.ACTIVE]]
    if cells[at.CALLER] != told.caller:
        fields["caller_id"] = cells[at.CALLER] or at.UNKNOWN
    if cells[at.OPENED_BY] != told.opened_by:
        fields["opened_by"] = cells[at.OPENED_BY] or at.UNKNOWN
    for column, levels in at.LABELS.items():
        if cells[column] not in levels:
            fields[at.COLUMNS[column]] = cells[column] or at.UNKNOWN
    return fields


def changes(wanted: Mapping[str, Json], had: Mapping[str, Json]) -> dict[str, Json]:
    """What must be set (or cleared: None) to come from the fields that were to those that are wanted."""
    changed = {name: value for name, value in wanted.items() if had.get(name) != value}
    return changed | {name: None for name in had if name in MANAGED and name not in wanted}


def told_from_the_end(row: Row) -> dict[str, Json]:
    """The source's last word on the whole, which all rows of an incident repeat."""
    times: dict[str, datetime | None] = {"resolved_at": row.resolved_at, "closed_at": row.closed_at}
    texts = {"closed_code": row.cells[at.CLOSED_CODE], "resolved_by": row.cells[at.RESOLVED_BY]}
    said: dict[str, Json] = {name: text for name, text in texts.items() if text}
    return said | {name: time.isoformat() for name, time in times.items() if time is not None}
