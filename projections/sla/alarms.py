"""Whose alarm is due: tickets of which something is to be recorded because time has passed. Each is one index range.

What exactly falls due, the ticket decides from its own events; a view may be behind them.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from projections.sla.entries import DEPARTMENT_TODAY


def due(
    connection: psycopg.Connection[Any],
    now: datetime,
    limit: int,
    *,
    closing: Mapping[str, timedelta],
    without: Collection[UUID] = (),
) -> list[UUID]:
    """At most ``limit`` tickets of which something falls due by ``now``, but for those ``without``, the oldest first.

    ``closing``: after how long in it a resolved ticket closes by itself, by department.
    """
    parameters = {
        "now": now,
        "limit": limit,
        "without": list(without),
        "departments": list(closing),
        "since": [now - window for window in closing.values()],
    }
    rows = connection.execute(
        "SELECT ticket FROM ("
        " (SELECT ticket, alarm_at AS at FROM sla.tickets"
        "  WHERE alarm_at <= %(now)s AND ticket <> ALL (%(without)s) ORDER BY alarm_at LIMIT %(limit)s)"
        " UNION ALL"
        " (SELECT t.ticket, t.resolved_at + (%(now)s - d.since)"
        "  FROM unnest(%(departments)s::text[], %(since)s::timestamptz[]) AS d(department, since)"
        "  CROSS JOIN LATERAL (SELECT ticket, resolved_at FROM sla.tickets"
        f"   WHERE {DEPARTMENT_TODAY} = d.department AND resolved_at <= d.since AND ticket <> ALL (%(without)s)"
        "   ORDER BY resolved_at LIMIT %(limit)s) AS t)"
        ") AS found ORDER BY at LIMIT %(limit)s",
        parameters,
    ).fetchall()
    return list(dict.fromkeys(ticket for (ticket,) in rows))
