"""The layout of a ServiceNow-style incident log: its 36 columns, and what each of them becomes here.

A row is the whole record after one update. ``?`` and an empty cell mean that nothing is known.
"""

from typing import Any, Literal

SOURCE = "servicenow"

COLUMNS = (
    "number",
    "incident_state",
    "active",
    "reassignment_count",
    "reopen_count",
    "sys_mod_count",
    "made_sla",
    "caller_id",
    "opened_by",
    "opened_at",
    "sys_created_by",
    "sys_created_at",
    "sys_updated_by",
    "sys_updated_at",
    "contact_type",
    "location",
    "category",
    "subcategory",
    "u_symptom",
    "cmdb_ci",
    "impact",
    "urgency",
    "priority",
    "assignment_group",
    "assigned_to",
    "knowledge",
    "u_priority_confirmation",
    "notify",
    "problem_id",
    "rfc",
    "vendor",
    "caused_by",
    "closed_code",
    "resolved_by",
    "resolved_at",
    "closed_at",
)
(
    NUMBER,
    STATE,
    ACTIVE,
    REASSIGNMENTS,
    REOPENINGS,
    MOD_COUNT,
    MADE_SLA,
    CALLER,
    OPENED_BY,
    OPENED_AT,
    CREATED_BY,
    CREATED_AT,
    UPDATED_BY,
    UPDATED_AT,
    CONTACT_TYPE,
    LOCATION,
    CATEGORY,
    SUBCATEGORY,
    SYMPTOM,
    CMDB_CI,
    IMPACT,
    URGENCY,
    PRIORITY,
    GROUP,
    ASSIGNEE,
    KNOWLEDGE,
    PRIORITY_CONFIRMED,
    NOTIFY,
    PROBLEM,
    RFC,
    VENDOR,
    CAUSED_BY,
    CLOSED_CODE,
    RESOLVED_BY,
    RESOLVED_AT,
    CLOSED_AT,
) = range(len(COLUMNS))

UNKNOWN = "?"
LONGEST = 200
LONGEST_HANDLE = 64
"""How many characters a cell may have, and the name of a group."""
TIMES = (OPENED_AT, CREATED_AT, UPDATED_AT, RESOLVED_AT, CLOSED_AT)
COUNTS = (REASSIGNMENTS, REOPENINGS, MOD_COUNT)
FLAGS = (ACTIVE, MADE_SLA, KNOWLEDGE, PRIORITY_CONFIRMED)

Place = tuple[Literal["new", "in_progress", "on_hold", "resolved", "closed"], str]
"""A status here and the reason of the hold, if it is one."""

STATES: dict[str, Place] = {
    "New": ("new", ""),
    "Active": ("in_progress", ""),
    "Awaiting User Info": ("on_hold", "requester"),
    "Awaiting Vendor": ("on_hold", "vendor"),
    "Awaiting Problem": ("on_hold", "problem"),
    "Awaiting Evidence": ("on_hold", "evidence"),
    "Resolved": ("resolved", ""),
    "Closed": ("closed", ""),
}
LABELS: dict[int, dict[str, int]] = {
    IMPACT: {"1 - High": 1, "2 - Medium": 2, "3 - Low": 3},
    URGENCY: {"1 - High": 1, "2 - Medium": 2, "3 - Low": 3},
    PRIORITY: {"1 - Critical": 1, "2 - High": 2, "3 - Moderate": 3, "4 - Low": 4, "5 - Planning": 5},
}

AS_THEY_STAND = (
    CREATED_BY,
    CONTACT_TYPE,
    LOCATION,
    SUBCATEGORY,
    SYMPTOM,
    CMDB_CI,
    NOTIFY,
    PROBLEM,
    RFC,
    VENDOR,
    CAUSED_BY,
)
"""Kept as custom fields, as text."""

TOLD_FROM_THE_END = (CLOSED_CODE, RESOLVED_BY, RESOLVED_AT, CLOSED_AT)
"""The same in all rows of an incident, from the first on: known only in the end, so kept with the taking over."""

FLAG = {"type": ["boolean", "null"], "x-acta-personal": False}
COUNT = {"type": ["integer", "null"], "x-acta-personal": False}
CODE = {"type": ["string", "null"], "x-acta-personal": False}

FORM: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Incident as recorded by ServiceNow",
    "type": "object",
    "x-acta-import": SOURCE,
    "properties": {
        "reassignment_count": COUNT | {"description": "Reassignments as the source counted them."},
        "made_sla": FLAG | {"description": "Whether the source's service level was kept so far."},
        "knowledge": FLAG | {"description": "Whether a knowledge document was used."},
        "u_priority_confirmation": FLAG | {"description": "Whether the priority was double-checked."},
        "sys_created_at": CODE | {"description": "When the source created its record, RFC 3339."},
        **{COLUMNS[column]: CODE for column in (*AS_THEY_STAND, CLOSED_CODE, RESOLVED_BY, RESOLVED_AT, CLOSED_AT)},
        "active": FLAG | {"description": "Only where it contradicts the state."},
        **{
            COLUMNS[column]: CODE | {"description": "Only where the ticket's own field cannot say it."}
            for column in (STATE, CALLER, OPENED_BY, IMPACT, URGENCY, PRIORITY)
        },
    },
    "additionalProperties": False,
}
"""The form of the request type that imported incidents have; nothing in it tells of a person."""
