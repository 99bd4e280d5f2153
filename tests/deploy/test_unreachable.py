"""Who cannot reach Kafka or the database is told in one sentence which setting is at fault, and no secret with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from desks import as_role, prepare
from machines import Prepare

NOWHERE = "127.0.0.1:1"


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


def said(home: Path, *command: str, **environment: str) -> str:
    """What a command says as it ends in failure."""
    run = subprocess.run(
        [sys.executable, "-c", "from deploy.cli import main; main()", *command],
        env={"PATH": os.environ["PATH"], "ACTA_HOME": str(home), **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (1, "")
    (line,) = run.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("servers", "at_fault"),
    [(NOWHERE, "ACTA_KAFKA: no broker"), ("nowhere.invalid:9092", "ACTA_KAFKA: a name in nowhere.invalid:9092")],
)
def test_a_broker_that_is_not_there_is_named(tmp_path: Path, servers: str, at_fault: str) -> None:
    assert said(tmp_path, "grants", ACTA_KAFKA=servers, ACTA_DOORS="it").startswith(f"acta: {at_fault}")


@pytest.mark.parametrize(
    ("change", "at_fault"),
    [
        ({"password": "wr0ng"}, "does not know acta_app by this password"),
        ({"host": "127.0.0.1", "port": 1}, "no PostgreSQL answers at 127.0.0.1, port 1"),
        ({"host": "nowhere.invalid"}, "no PostgreSQL answers at nowhere.invalid"),
        ({"dbname": "elsewhere"}, "has no database elsewhere"),
    ],
)
def test_a_database_that_lets_nobody_in_is_named(
    tmp_path: Path, database: str, change: dict[str, str | int], at_fault: str
) -> None:
    address = make_conninfo(as_role(database, "acta_app"), **change)
    found = said(tmp_path, "up", ACTA_DATABASE_URL=address, ACTA_OWNER_DATABASE_URL=address)
    assert found.startswith("acta: ACTA_DATABASE_URL: ")
    assert at_fault in found
    assert "wr0ng" not in found


def test_what_is_no_address_of_a_database_is_not_repeated(tmp_path: Path) -> None:
    found = said(tmp_path, "up", ACTA_DATABASE_URL="a secret", ACTA_OWNER_DATABASE_URL="a secret")
    assert found.startswith("acta: ACTA_DATABASE_URL: it is no address of a database")
    assert "secret" not in found
