"""What every figure has in common: the question, the frame of its SQL, and the answer.

Something that happened counts for where its ticket was at that moment (department, group, agent and so on, after
everything of the same instant), and for the bucket it happened in. So a figure of a period that is over never changes,
whatever becomes of the tickets; and ``at`` leaves out whatever happened after a past moment.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec
import psycopg

from domain.errors import NotUnderstood
from projections.reporting.buckets import Bucket, starts, zone_named

Connection = psycopg.Connection[Any]
Kind = Literal["instant", "text", "count", "number", "truth"]


class Dimension(NamedTuple):
    """Something figures can be broken down by: a column of a ticket's row."""

    column: str
    kind: Kind
    text: str


DIMENSIONS: dict[str, Dimension] = {
    "department": Dimension("h.department", "text", "The department responsible."),
    "group": Dimension('h."group"', "text", "The group in whose queue the ticket was; empty: in none."),
    "agent": Dimension("h.assignee", "text", "The agent answerable, or who wrote or worked; empty: nobody."),
    "category": Dimension("h.category", "text", "What the ticket was about; empty: not classified."),
    "channel": Dimension("h.channel", "text", "The door through which the ticket came."),
    "requester": Dimension("h.requester::text", "text", "The person who asked, as a pseudonym."),
    "priority": Dimension("h.priority", "count", "1 (highest) to 5."),
    "request_type": Dimension("h.request_type", "text", "The type of request; empty: none."),
    "imported": Dimension("h.imported", "truth", "Whether the ticket was brought over from another desk."),
}


class QuestionNotUnderstood(NotUnderstood):
    """The report cannot be made for this question."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the period [since, until), how it is parted, by what, as of when, and for whom.

    Without a ``bucket`` the period is counted as one. ``by`` names of ``DIMENSIONS``, in the order of the columns.
    ``at``: a past effective moment after which nothing counts. ``departments``: the caller's scope, applied to where
    tickets are today; None: all.
    """

    since: datetime
    until: datetime
    bucket: Bucket | None = None
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    at: datetime | None = None
    departments: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if any(moment is not None and moment.tzinfo is None for moment in (self.since, self.until, self.at)):
            raise QuestionNotUnderstood("A moment needs a time zone.")
        if self.since >= self.until:
            raise QuestionNotUnderstood("The period ends before it begins.")
        if set(self.by) - DIMENSIONS.keys():
            raise QuestionNotUnderstood("There is no such dimension.", field="by", known=[*DIMENSIONS])
        if len(set(self.by)) < len(self.by):
            raise QuestionNotUnderstood("A dimension is named twice.")


class FigureColumn(NamedTuple):
    """A column of an answer."""

    name: str
    kind: Kind
    text: str


class Figures(NamedTuple):
    """An answer: one row per bucket and combination of dimensions, in that order.

    Without dimensions every bucket has a row; with them, those in which something happened (or stood). Buckets that
    begin after the moment as of which is asked are left out, since nothing is known of them.
    """

    report: str
    columns: tuple[FigureColumn, ...]
    rows: list[tuple[Any, ...]]


Measures = Mapping[str, tuple[str, Kind, str]]
"""Name of a measure: the SQL that aggregates it over ``things``, its kind, and what it is."""

SCOPE = "(%(everywhere)s OR h.ticket IN (SELECT ticket FROM reporting.tickets WHERE department = ANY(%(departments)s)))"
"""Condition on ``h``: the ticket is today in a department that the caller may see."""


def standing(at: str) -> str:
    """SQL that joins ``m`` (something with a ticket) to ``h``, the ticket as it stood at the instant ``at``."""
    return f"JOIN reporting.tickets_history h ON h.ticket = m.ticket AND h.valid_from <= {at} AND h.valid_to > {at}"


def within(at: str) -> str:
    """SQL: ``at`` lies in the period, and not after the moment as of which is asked."""
    return f"{at} >= %(since)s AND {at} < %(until)s AND {at} <= %(at)s"


def dimensions(question: Question, **instead: str) -> str:
    """SQL of the columns asked by, each with a comma behind it; ``instead`` has other SQL for some of them."""
    return "".join(f'{instead.get(name, DIMENSIONS[name].column)} AS "{name}", ' for name in question.by)


def count(
    connection: Connection,
    report: str,
    question: Question,
    things: Callable[[Question], str],
    measures: Measures,
) -> Figures:
    """Aggregate ``things`` per bucket and combination of dimensions.

    ``things`` gives SQL that selects the dimensions, then ``at`` (the instant to count it under), then whatever the
    measures aggregate. Everything in it stands in code; what the caller asks travels as parameters.
    """
    named = "".join(f'"{name}", ' for name in question.by)
    aggregates = ", ".join(f'{sql} AS "{name}"' for name, (sql, _, _) in measures.items())
    query = (
        f"SELECT width_bucket(at, %(starts)s::timestamptz[]) AS bucket, {named}{aggregates} "
        f"FROM ({things(question)}) things GROUP BY {', '.join(map(str, range(1, len(question.by) + 2)))} ORDER BY 1"
    )
    return answer(connection, report, question, query, measures)


def answer(connection: Connection, report: str, question: Question, query: str, measures: Measures) -> Figures:
    """Run ``query``, which gives bucket numbers from 1, the dimensions and the measures."""
    begins = bucket_starts(question)
    found = connection.execute(query.encode(), parameters(question, begins)).fetchall()
    rows = [(begins[row[0] - 1], *row[1:]) for row in found]
    if not question.by:
        rows = _every(begins, rows, measures)
    rows.sort(key=lambda row: row[: len(question.by) + 1])
    first = FigureColumn("bucket", "instant", "When the bucket begins; it ends where the next begins, or the period.")
    by = (FigureColumn(name, DIMENSIONS[name].kind, DIMENSIONS[name].text) for name in question.by)
    columns = (FigureColumn(name, kind, text) for name, (_, kind, text) in measures.items())
    return Figures(report, (first, *by, *columns), rows)


def bucket_starts(question: Question) -> list[datetime]:
    """When the buckets begin, in UTC; those after the moment as of which is asked are left out."""
    zone = zone_named(question.zone)
    begins = [question.since.astimezone(UTC)]
    if question.bucket is not None:
        begins = starts(question.since, question.until, question.bucket, zone)
    return [start for start in begins if question.at is None or start <= question.at]


def parameters(question: Question, begins: Sequence[datetime]) -> dict[str, Any]:
    """What every query may refer to."""
    return {
        "since": question.since,
        "until": question.until,
        "at": question.at or "infinity",
        "starts": list(begins),
        "everywhere": question.departments is None,
        "departments": sorted(question.departments or ()),
    }


def _every(begins: Sequence[datetime], rows: list[tuple[Any, ...]], measures: Measures) -> list[tuple[Any, ...]]:
    """A row for each bucket: where nothing happened counts are 0, and there is no mean of nothing."""
    nothing = tuple(0 if kind == "count" else None for _, kind, _ in measures.values())
    known = {row[0]: row for row in rows}
    return [known.get(start, (start, *nothing)) for start in begins]
