"""Reporting: what happened to every ticket, as rows that any figure can be counted from, now and as of any past time.

``tickets``         one row per ticket, with its past (``facts``, ``changes``)
``milestones``      one row each time a ticket was opened, resolved, closed, cancelled or reopened
``group_changes``   one row each time a ticket went from one group to another
``replies``, ``ratings``, ``time_entries``   one row each (``journals``)

``queries`` has the figures, ``buckets`` the periods they are counted in, ``exports`` their forms as files.
"""

from projections.reporting import changes, journals
from projections.reporting.buckets import BUCKETS, Bucket, TooManyBuckets, ZoneNotKnown
from projections.reporting.exports import arrow_table, as_arrow, as_csv, as_parquet
from projections.reporting.facts import reporting
from projections.reporting.figures import DIMENSIONS, Figures, Question, QuestionNotUnderstood
from projections.reporting.queries import (
    REPORTS,
    backlog,
    reassigned,
    reopened,
    resolution_times,
    response_times,
    satisfaction,
    volume,
    workload,
)

__all__ = [
    "BUCKETS",
    "DIMENSIONS",
    "REPORTS",
    "Bucket",
    "Figures",
    "Question",
    "QuestionNotUnderstood",
    "TooManyBuckets",
    "ZoneNotKnown",
    "arrow_table",
    "as_arrow",
    "as_csv",
    "as_parquet",
    "backlog",
    "changes",
    "journals",
    "reassigned",
    "reopened",
    "reporting",
    "resolution_times",
    "response_times",
    "satisfaction",
    "volume",
    "workload",
]
