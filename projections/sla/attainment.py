"""Shares of clocks that kept their target: by any of ``DIMENSIONS``, per period, as of now or of any past moment.

A clock counts where it was decided: as breached at the instant from which elapsed exceeded the target, even while it
goes on; as met when it ended in time. What is still undecided, was cancelled or merged, or has no target, does not
count. A clock that is resumed after it was met is undecided again, so ask ``at`` for a share as it was reported.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from projections.sla.entries import SCOPE

DIMENSIONS = (
    "clock",
    "policy",
    "policy_version",
    "department",
    "group",
    "assignee",
    "priority",
    "request_type",
    "tier",
)
Dimension = Literal[
    "clock", "policy", "policy_version", "department", "group", "assignee", "priority", "request_type", "tier"
]
Bucket = Literal["hour", "day", "week", "month", "quarter", "year"]
"""Periods begin at midnight of the zone that is asked for; weeks on Monday."""


class Share(NamedTuple):
    """So many of the clocks decided in a period were met; ``period`` is None when the whole span was asked for."""

    of: dict[str, Any]
    period: datetime | None
    met: int
    decided: int


_DECIDED = """
SELECT *, decided_at AS counted_at, verdict = 'met' AS kept FROM {source}
WHERE decided_at >= %(since)s AND decided_at < %(until)s
UNION ALL
SELECT *, breaches_after, false FROM {source}
WHERE breaches_after >= %(since)s AND breaches_after < least(%(until)s, %(now)s)
AND stage = 'running' AND verdict = 'undecided'
"""


def attainment(
    connection: psycopg.Connection[Any],
    departments: frozenset[str] | None,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    at: datetime | None = None,
    by: Sequence[Dimension] = ("clock",),
    bucket: Bucket | None = None,
    zone: str = "UTC",
) -> list[Share]:
    """The shares of the clocks decided in [since, until), as known of the world ``at`` a past moment, else ``now``.

    ``departments`` are those that the caller may see (None: all); where a ticket is today decides. ``zone`` (an IANA
    name) says where days begin.
    """
    columns = [sql.Identifier(name) for name in by]
    parameters: dict[str, Any] = {"since": since, "until": until, "now": at or now, "at": at, "zone": zone}
    period = sql.SQL("NULL::timestamptz")
    if bucket is not None:
        period = sql.SQL("date_trunc(%(bucket)s, counted_at, %(zone)s)")
        parameters["bucket"] = bucket
    visible = sql.SQL("true")
    if departments is not None:
        visible = sql.SQL(SCOPE)
        parameters["departments"] = sorted(departments)
    source = sql.SQL("sla.clocks" if at is None else "sla.clocks_at(%(at)s)")
    keys = [*columns, sql.SQL("period")]
    query = sql.SQL(
        "SELECT {keys}, count(*) FILTER (WHERE kept) AS met, count(*) AS decided "
        "FROM (SELECT *, {period} AS period FROM ({decided}) d WHERE {visible}) c "
        "GROUP BY {keys} ORDER BY {order}"
    ).format(
        keys=sql.SQL(", ").join(keys),
        period=period,
        decided=sql.SQL(_DECIDED).format(source=source),
        visible=visible,
        order=sql.SQL(", ").join([sql.SQL("period"), *columns]),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, parameters).fetchall()
    return [Share({name: row[name] for name in by}, row["period"], row["met"], row["decided"]) for row in rows]
