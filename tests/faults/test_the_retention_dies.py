"""Letting go is killed while it is at it: each ticket once all the same, and none is left over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from consumers.follow import follow
from consuming import completed, running, until
from desks import ACT, KEK, as_role, give, open_desk, opened
from domain.desk import Desk
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from held_store import held_beyond
from projections.views import ALL

TICKETS = 120
RULE = {"departments": {"it": {"name": "IT", "default_group": "service-desk", "retention": {"days": 30}}}}


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    """A desk with tickets that closed long ago, under a rule of two days ago."""
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    with open_desk(database) as desk:
        desk.configure(plan(DeskDocument.model_validate(RULE), {}), ACT)
        for _ in range(TICKETS):
            ticket = str(opened(desk, occurred_at="2020-01-01T00:00:00Z").number)
            give(desk, "cancel", ticket, occurred_at="2020-02-01T00:00:00Z")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO acta_projector'.encode())
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        connection.execute("UPDATE acta.events SET recorded_at = recorded_at - interval '2 days'")
        connection.execute("ALTER TABLE acta.events ENABLE ALWAYS TRIGGER append_only")
    with open_desk(database) as desk:
        yield desk


def let_go(database: str) -> list[int]:
    """How often each ticket was let go."""
    counted = (
        "SELECT count(e.position) FROM acta.events o LEFT JOIN acta.events e"
        " ON e.stream = o.stream AND e.type = 'ticket.retention-expired.v1'"
        " WHERE o.type = 'ticket.opened.v1' GROUP BY o.stream"
    )
    with psycopg.connect(database) as connection:
        return [count for (count,) in connection.execute(counted).fetchall()]


def test_a_killed_pass_leaves_nothing_over_and_does_nothing_twice(desk: Desk, database: str, tmp_path: Path) -> None:
    given = {
        "ACTA_HOME": str(tmp_path),
        "ACTA_KEK": KEK.hex(),
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_PROJECTOR_DATABASE_URL": as_role(database, "acta_projector"),
    }
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "retention"]
    with running(follow, desk, as_role(database, "acta_projector"), ALL) as views:
        for _ in range(2):
            until(lambda: completed(database) == desk.store.head(), views)
            before = sum(let_go(database))
            with (
                held_beyond(database, desk.store.head() + 20) as waits,
                subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL) as process,
            ):
                until(lambda: waits() or process.poll() is not None, views)
                assert process.poll() is None
                process.send_signal(signal.SIGKILL)
            assert before < sum(let_go(database)) < TICKETS
        until(lambda: completed(database) == desk.store.head(), views)
        told = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=True).stdout
    assert let_go(database) == [1] * TICKETS
    assert "gone" in told or "nothing is due" in told
