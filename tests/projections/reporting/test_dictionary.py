"""Analysts find every table and column explained, read what is not personal, and nothing else."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from deploy.migrate import migrate
from machines import Prepare
from projections.access import access
from projections.audit import audit
from projections.engine import rebuild
from projections.engine.dictionary import described, markdown
from projections.engine.editions import install
from projections.reporting import reporting
from projections.views import ALL

Connection = psycopg.Connection[Any]


def with_views(dsn: str) -> None:
    """Roles, store and every view, empty."""
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        install(connection, ALL)


@pytest.fixture(scope="session")
def database_template() -> Prepare:
    return with_views


@pytest.fixture
def owner(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def analyst(owner: Connection, database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET ROLE acta_analyst")
        yield connection


@pytest.mark.parametrize("view", [reporting, audit, access], ids=lambda view: view.name)
def test_every_table_and_column_is_explained(owner: Connection, view: Any) -> None:
    undescribed = owner.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'v' "
        "AND (coalesce(obj_description(c.oid), '') = '' OR coalesce(col_description(c.oid, a.attnum), '') = '')",
        (view.name,),
    ).fetchall()
    assert undescribed == []


def test_the_dictionary_names_every_column_an_analyst_may_read(analyst: Connection) -> None:
    readable = analyst.execute(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.column_privileges "
        "WHERE grantee = 'acta_analyst' AND privilege_type = 'SELECT'"
    ).fetchall()
    told = [
        (f"{words.schema}.{words.name}", column.name)
        for view in ALL
        if view.for_analysts
        for words in described(view)
        for column in words.columns
        if not column.personal
    ]
    assert sorted(readable) == sorted(told)
    text = markdown(ALL)
    assert all(f"## {table}\n" in text and f"| {column} |" in text for table, column in told)


def test_no_figure_s_row_holds_anything_personal() -> None:
    assert not [
        (table.name, column.name)
        for view in (reporting, audit, access)
        for table in view.all_tables()
        for column in table.columns
        if column.personal
    ]


def test_an_analyst_reads_the_stable_views_and_as_of_functions(analyst: Connection) -> None:
    for table in ("tickets", "tickets_history", "tickets_past", "milestones", "replies", "ratings", "time_entries"):
        assert analyst.execute(sql.SQL("SELECT * FROM reporting.{}").format(sql.Identifier(table))).fetchall() == []
    assert analyst.execute("SELECT number FROM reporting.tickets_at('2026-01-01Z')").fetchall() == []
    assert analyst.execute("SELECT * FROM audit.lines").fetchall() == []


@pytest.mark.parametrize(
    "forbidden",
    [
        "SELECT title FROM queue.entries",
        "SELECT * FROM queue.entries",
        "SELECT words FROM queue.notes",
        "SELECT vector FROM queue.notes",
        "SELECT name FROM queue.people",
        "SELECT actor FROM access.looks",
        "SELECT * FROM reporting_v1.tickets",
        "SELECT * FROM projections.marks",
        "SELECT * FROM acta.events",
        "DELETE FROM reporting.tickets",
    ],
)
def test_an_analyst_reads_nothing_else(analyst: Connection, forbidden: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        analyst.execute(forbidden.encode())


def test_words_and_rights_outlive_a_rebuild(owner: Connection, analyst: Connection) -> None:
    rebuild(owner, reporting, lambda position: ())
    assert analyst.execute("SELECT * FROM reporting.tickets").fetchall() == []
    told = owner.execute("SELECT obj_description('reporting.tickets'::regclass)").fetchone()
    assert told is not None
    assert told[0].startswith("One row per ticket")
