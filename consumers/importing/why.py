"""Why a ticket is restated rather than acted on: what the source did that our rules forbid or have no act for.

These sentences are stored readable with each correction, and are the kinds by which an import's report counts them.
"""

FORBIDDEN = "The source moved it in a way our rules forbid."
REOPENED_LATE = "The source reopened it when the department's window for reopening was over."
TAKEN_BACK = "The source took a finished incident back without counting a reopening."
CLOSING_TAKEN_BACK = "The source took the closing back."
NEW_THOUGH_ASSIGNED = "The source keeps it new though an agent is answerable."
BACK_TO_NEW = "The source took it back to new."
NO_GROUP = "The source has it in no group."
ASSIGNED_WHEN_FINISHED = "The source changed who is answerable though it was finished."
ROUTED_WHEN_FINISHED = "The source changed the group though it was finished."
CHANGED_WHEN_CLOSED = "The source changed it though it was closed."
COUNTED_OTHERWISE = "The source counts the reopenings otherwise."
OPENED_OTHERWISE = "The source gives another time of opening."
RESOLVED = (
    "The source gives a time of resolving and no row that resolves.",
    "The source resolved it again though it was resolved.",
    "The source gives an earlier time of resolving than its rows.",
)
CLOSED = (
    "The source gives a time of closing and no row that closes.",
    "The source closed it again though it was closed.",
    "The source gives an earlier time of closing than its rows.",
)
PRIORITY_OF_THE_SOURCE = "As given by the source."
"""The reason of a priority that does not follow from impact and urgency."""
