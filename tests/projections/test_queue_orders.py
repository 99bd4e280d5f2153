"""The lists of a desk that has closed far more tickets than are open cost what the open ones do, whatever the order."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from lives import POLICIES, Desk
from machines import Databases
from projections.engine import Projector, current_edition, install
from projections.queue import queue
from projections.queue.queries import SORTS, Scope, Wanted, tickets

Connection = psycopg.Connection[Any]
CLOSED = 5_000


@pytest.fixture(scope="module")
def crowded(databases: Databases) -> Iterator[Connection]:
    """Forty tickets, and so many that were opened before them and are closed."""
    with psycopg.connect(databases.fresh(None), autocommit=True) as connection:
        install(connection, (queue,))
        Projector(connection, queue, versions=POLICIES).apply(list(Desk(3, 40).events(400)))
        entries = f"{current_edition(connection, queue).name}.entries"
        connection.execute(
            f"INSERT INTO {entries} SELECT (jsonb_populate_record(NULL::{entries}, to_jsonb(e) || jsonb_build_object("  # type: ignore[arg-type]
            "'ticket', md5(n::text)::uuid, 'number', -n, 'status', 'closed', 'group', 'desk', 'priority', 1,"
            " 'opened_at', '2000-01-01Z', 'updated_at', '2100-01-01Z'))).*"
            f" FROM (SELECT * FROM {entries} LIMIT 1) e, generate_series(1, {CLOSED}) n"
        )
        connection.execute(f"VACUUM ANALYZE {entries}".encode())
        yield connection


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(group="desk"), Wanted(department="it")], ids=str)
@pytest.mark.parametrize("sort", SORTS)
def test_no_order_leads_through_tickets_that_are_not_wanted(crowded: Connection, sort: str, wanted: Wanted) -> None:
    schema = current_edition(crowded, queue).name
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE schemaname = %s AND relname = %s"
    with crowded.transaction():
        tickets(crowded, Scope(departments=None), wanted, sort=sort)
        found = crowded.execute(read, (schema, "entries")).fetchone()
    assert found is not None
    assert found[0] < CLOSED / 10
