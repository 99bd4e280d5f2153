"""`acta verify`: beside a running desk, and over one whose superuser has been at work."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag

import httpx
import psycopg
import pytest

from deploy.embedded import EmbeddedPostgres

Acta = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkpoint(home: Path) -> Path:
    """The newest checkpoint of a running desk, as somebody has kept it."""
    pause = Flag()
    newest = home / "ledger" / "checkpoint"
    while not newest.exists():
        pause.wait(0.05)
    kept = home / "kept.txt"
    kept.write_text(newest.read_text())
    return kept


def test_a_history_that_nobody_touched_is_said_to_be_as_signed(home: Path, acta: Acta, checkpoint: Path) -> None:
    plain = acta(home, "verify")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.startswith("As signed: ")
    assert "--checkpoint" in plain.stdout
    key = (home / "ledger" / "key").read_text()
    strict = acta(home, "verify", "--checkpoint", str(checkpoint), "--key", key)
    assert strict.returncode == 0, strict.stderr
    assert "could have signed another" not in strict.stdout


def test_a_changed_event_is_named_and_nothing_of_its_content(home: Path, acta: Acta, checkpoint: Path) -> None:
    with EmbeddedPostgres(home / "postgres") as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = 3")
    said = acta(home, "verify", "--checkpoint", str(checkpoint))
    assert said.returncode == 1
    assert said.stdout.startswith("NOT as signed: the event at position 3 (setup.")
    assert said.stdout.rstrip().endswith("was changed: its stored bytes.")


def test_what_cannot_be_verified_with_is_said_in_a_line(home: Path, acta: Acta, checkpoint: Path) -> None:
    wrong = acta(home, "verify", "--key", "not+a+key")
    assert wrong.returncode != 0
    assert "--key" in wrong.stderr
    checkpoint.write_text("not a note")
    torn = acta(home, "verify", "--checkpoint", str(checkpoint))
    assert torn.returncode != 0
    assert "--checkpoint" in torn.stderr


def test_before_there_is_a_log_it_says_so(tmp_path: Path, acta: Acta) -> None:
    nothing = acta(tmp_path, "verify")
    assert nothing.returncode == 1
    assert "there is no log" in nothing.stderr


def test_one_ticket_is_looked_at_alone(home: Path, acta: Acta, checkpoint: Path) -> None:
    nobodys = acta(home, "verify", "--ticket", "4711")
    assert nobodys.returncode == 1
    assert "finds no ticket '4711'" in nobodys.stderr
    with EmbeddedPostgres(home / "postgres") as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        found = connection.execute("SELECT stream FROM acta.events WHERE position = 3").fetchone()
        assert found is not None
        whole = acta(home, "verify", "--ticket", str(found[0]))
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = 3")
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.startswith("As signed: ")
    said = acta(home, "verify", "--ticket", str(found[0]), "--checkpoint", str(checkpoint))
    assert said.returncode == 1
    assert said.stdout.startswith("NOT as signed: the event at position 3 (setup.")


def test_a_file_that_is_not_whole_where_it_lies_is_named(home: Path, acta: Acta, checkpoint: Path) -> None:
    noted = json.loads((home / "run.json").read_text())
    headers = {"Authorization": f"Bearer {noted['key']}"}
    with httpx.Client(base_url=noted["url"], headers=headers, timeout=None) as client:
        number = client.post("/tickets", json={"department": "it", "title": "A file"}).json()["number"]
        content = {"Content-Type": "text/plain", "Content-Disposition": 'attachment; filename="secret.txt"'}
        upload = client.post("/uploads", content=b"a secret", headers=content).json()["upload"]
        assert client.post(f"/tickets/{number}/attach", json={"upload": upload}).is_success
    whole = acta(home, "verify", "--attachments")
    assert (whole.returncode, "Files: 1 are read and as they were" in whole.stdout) == (0, True), whole.stdout
    (chunk,) = (file for file in (home / "attachments").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    assert acta(home, "verify").returncode == 0
    damaged = acta(home, "verify", "--attachments")
    assert damaged.returncode == 1
    assert f"NOT whole: the file {upload} of ticket" in damaged.stdout
    assert "secret" not in damaged.stdout
    chunk.unlink()
    missing = acta(home, "verify", "--ticket", str(number))
    assert (missing.returncode, "a part of it is missing" in missing.stdout) == (1, True), missing.stdout
