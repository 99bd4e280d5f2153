"""The rows of clocks as the view keeps them, and what each must say of the clock that the pure functions give."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from domain.clock.clocks import Clock, verdict
from projections.sla.entries import ClockEntry

COLUMNS = ", ".join(f'"{name}"' for name in ClockEntry.__struct_fields__)
Name = tuple[UUID, str, int]


def rows(connection: psycopg.Connection[Any], at: datetime | None = None) -> dict[Name, ClockEntry]:
    """Every row of a clock, now or as of a moment, by ticket, kind and instance."""
    source, parameters = ("sla.clocks", ()) if at is None else ("sla.clocks_at(%s)", (at,))
    made: Callable[..., ClockEntry] = ClockEntry
    with connection.cursor(row_factory=class_row(made)) as cursor:
        found = cursor.execute(f"SELECT {COLUMNS} FROM {source}", parameters).fetchall()  # type: ignore[arg-type]
    return {(row.ticket, row.clock, row.instance): row for row in found}


def must_show(entry: ClockEntry, clock: Clock, at: datetime) -> None:
    """The row says of the clock what the pure functions say."""
    assert (entry.stage, entry.reason, entry.since) == (clock.stage, clock.turns[-1].detail, clock.turns[-1].at)
    assert (entry.started_at, entry.stopped_at, entry.target) == (clock.started_at, clock.stopped_at, clock.target)
    assert (entry.elapsed, entry.breaches_after) == (clock.elapsed, clock.breaches_after)
    assert clock.due_at is None or entry.due_at == clock.due_at
    overdue = entry.verdict == "undecided" and entry.breaches_after is not None and entry.breaches_after < at
    assert ("breached" if overdue else entry.verdict) == verdict(clock, at)
    assert (entry.decided_at is not None) == (entry.verdict in ("met", "breached"))
