"""The same question as of a past moment has the answer it had then; later events change no period that is over."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.envelope import Event
from lives import POLICIES, Desk
from projections.engine import Projector, current_edition, drop_edition, rebuild
from projections.reporting import (
    REPORTS,
    Question,
    QuestionNotUnderstood,
    arrow_table,
    as_arrow,
    as_csv,
    as_parquet,
    reporting,
    response_times,
)

Connection = psycopg.Connection[Any]
SINCE, UNTIL = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 14, tzinfo=UTC)


def holding(connection: Connection, events: list[Event]) -> Connection:
    """The connection, with a view that has seen just these events."""
    before = current_edition(connection, reporting).name
    rebuild(connection, reporting, lambda position: ())
    drop_edition(connection, before)
    Projector(connection, reporting, versions=POLICIES).apply(events)
    return connection


def answers(connection: Connection, question: Question) -> dict[str, Any]:
    found = {name: report(connection, question).rows for name, report in REPORTS.items()}
    return {**found, "next": response_times(connection, question, "next").rows}


def test_as_of_a_past_moment_is_what_replaying_up_to_it_gives(connection: Connection, history: list[Event]) -> None:
    for at in (datetime(2026, 3, 29, 1, tzinfo=UTC), history[1200].effective_at):
        questions = [
            Question(since=SINCE, until=UNTIL, bucket="day", zone="Europe/Berlin", at=at),
            Question(since=SINCE, until=UNTIL, bucket="week", zone="Australia/Lord_Howe", by=("group",), at=at),
        ]
        holding(connection, [event for event in history if event.effective_at <= at])
        then = [answers(connection, question) for question in questions]
        holding(connection, history)
        assert [answers(connection, question) for question in questions] == then


def test_a_period_that_is_over_never_changes(connection: Connection, history: list[Event]) -> None:
    past = [event for event in history if event.effective_at < datetime(2026, 4, 1, tzinfo=UTC)]
    march = Question(since=SINCE, until=datetime(2026, 4, 1, tzinfo=UTC), bucket="day", by=("department", "agent"))
    before = answers(holding(connection, past), march)
    later = answers(holding(connection, history), march)
    # Only an opening time that was put right afterwards moves what it is about.
    del before["volume"], later["volume"]
    assert before == later


def test_the_same_question_twice_has_the_same_answer(desk: Connection) -> None:
    question = Question(since=SINCE, until=UNTIL, bucket="week", by=("group", "category"))
    first = answers(desk, question)
    desk.execute("SET enable_hashjoin = off")
    desk.execute("SET enable_hashagg = off")
    assert answers(desk, question) == first


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 400), upto=st.floats(0, 1))
def test_rows_as_of_any_moment_are_the_rows_of_a_replay(
    connection: Connection, seed: int, count: int, upto: float
) -> None:
    events = list(Desk(seed, 8).events(count))
    at = sorted(event.effective_at for event in events)[int(upto * (count - 1))]
    columns = ", ".join(f'"{column.name}"' for column in reporting.tables[0].kept)
    holding(connection, [event for event in events if event.effective_at <= at])
    then = connection.execute(f"SELECT {columns} FROM reporting.tickets ORDER BY ticket").fetchall()
    holding(connection, events)
    asked = f"SELECT {columns} FROM reporting.tickets_at(%s) ORDER BY ticket"
    assert connection.execute(asked, [at]).fetchall() == then


def test_a_scope_shows_only_what_is_in_those_departments_today(desk: Connection) -> None:
    whole = Question(since=SINCE, until=UNTIL)
    parts = [Question(since=SINCE, until=UNTIL, departments=frozenset({one})) for one in ("it", "hr")]
    nothing = Question(since=SINCE, until=UNTIL, departments=frozenset())
    for name, report in REPORTS.items():
        if name in ("volume", "backlog", "workload"):
            everything = report(desk, whole).rows[0][1:]
            halves = [report(desk, part).rows[0][1:] for part in parts]
            assert tuple(map(sum, zip(*halves, strict=True))) == everything
        assert not any(report(desk, nothing).rows[0][1:])


def test_an_answer_becomes_a_file_of_every_kind(desk: Connection) -> None:
    question = Question(since=SINCE, until=UNTIL, bucket="day", by=("group", "imported", "priority"))
    figures = response_times(desk, question)
    table = arrow_table(figures)
    assert [tuple(row.values()) for row in table.to_pylist()] == figures.rows
    assert table.schema.field("p90").metadata[b"description"]
    assert pyarrow.parquet.read_table(io.BytesIO(as_parquet(figures))).equals(table)
    assert pa.ipc.open_stream(as_arrow(figures)).read_all().equals(table)
    csv = pyarrow.csv.read_csv(io.BytesIO(as_csv(figures)))
    assert csv.column_names == table.column_names
    assert csv.num_rows == table.num_rows
    empty = figures._replace(rows=[])
    assert arrow_table(empty).num_rows == 0
    assert as_csv(empty).count(b"\n") == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"since": SINCE.replace(tzinfo=None)},
        {"until": SINCE - timedelta(days=1)},
        {"by": ("colour",)},
        {"by": ("group", "group")},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(QuestionNotUnderstood):
        Question(**{"since": SINCE, "until": UNTIL, **asked})
