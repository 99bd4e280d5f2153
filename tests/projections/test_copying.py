"""What is written is what is read, whatever it is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.engine import View
from projections.engine.columns import maker
from projections.engine.copying import Copier
from projections.engine.tables import create_tables


class Everything(msgspec.Struct, frozen=True):
    """A column of every kind."""

    key: UUID
    text: str
    number: int
    share: float
    yes: bool
    at: datetime
    length: timedelta
    words: tuple[str, ...]
    tree: Any
    perhaps: str | None = None


view = View("everything", 1)
table = view.table("rows", Everything, key="key")

FIRST = datetime(1, 1, 1, tzinfo=UTC)
_TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"))
_TREE = st.recursive(st.none() | st.booleans() | _TEXT, lambda tree: st.lists(tree) | st.dictionaries(_TEXT, tree))
_ROWS = st.lists(
    st.builds(
        Everything,
        key=st.uuids(),
        text=_TEXT | st.sampled_from(["null", '"', "\\", "\\.", "a\nb", "\\n", ']\n["', "\r", "\\u0041"]),
        number=st.integers(-(2**63), 2**63 - 1),
        share=st.floats(allow_nan=False),
        yes=st.booleans(),
        at=st.timedeltas(timedelta(), timedelta(days=3_652_058)).map(lambda since: FIRST + since),
        length=st.timedeltas(timedelta(days=-999_999), timedelta(days=999_999)),
        words=st.lists(_TEXT).map(tuple),
        tree=_TREE.filter(lambda tree: tree is not None),
        perhaps=st.none() | _TEXT,
    ),
    max_size=5,
    unique_by=lambda row: row.key,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_rows_come_back_as_they_were_written(connection: psycopg.Connection[Any], rows: list[Everything]) -> None:
    connection.execute("SET TimeZone TO 'UTC'")
    connection.execute("DROP SCHEMA IF EXISTS everything_v1 CASCADE")
    for statement in create_tables(view, "everything_v1"):
        connection.execute(statement)
    Copier("everything_v1", "rows", table.columns, ()).append(
        connection, [msgspec.structs.astuple(row) for row in rows]
    )
    make = maker(Everything)
    found = [make(values) for values in connection.execute("SELECT * FROM everything_v1.rows").fetchall()]
    assert {row.key: row for row in found} == {row.key: row for row in rows}
