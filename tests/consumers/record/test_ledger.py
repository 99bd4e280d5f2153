"""The ledger over a real store: every event once, in order, signed; nothing signed over a history that was changed."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from shutil import copytree, rmtree

import psycopg
import pytest

from consumers.loop import Halted
from consumers.record.ledger import ledger
from consuming import Running, running, until, write
from desks import as_role, open_desk
from domain.desk import Desk
from domain.record.note import Signer
from ledgers import SIGNER, kept, must_hold_the_store, signed_size
from machines import Databases, Prepare
from projections.ledger import Folder


def caught_up(desk: Desk, folder: Path) -> bool:
    return signed_size(folder) == desk.store.head()


def bound_in(folder: Path) -> Path:
    """The file outside the log that tells what was signed last."""
    return folder.with_name(f"{folder.name}.signed")


def sign_all(desk: Desk, app_dsn: str, folder: Path, signer: Signer = SIGNER) -> None:
    """A ledger runs until everything is signed; what it raises is raised."""
    with running(ledger, desk.store, app_dsn, folder, signer, bound_in=bound_in(folder)) as run:
        until(lambda: not run.alive or caught_up(desk, folder))


@contextmanager
def as_superuser(database: str) -> Iterator[psycopg.Connection]:
    """One whom no trigger stops."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        yield connection


def halts(desk: Desk, app_dsn: str, folder: Path, signer: Signer = SIGNER) -> str:
    """Why a ledger does not go on; it must not have signed anything meanwhile."""
    before = kept(folder)
    with pytest.raises(Halted) as why:
        ledger(desk.store, app_dsn, folder, signer, Running(lambda stop: None).stop, bound_in=bound_in(folder))
    assert kept(folder) == before
    return str(why.value)


def test_every_event_is_an_entry_that_binds_its_bytes_and_its_streams_event_before(
    desk: Desk, app_dsn: str, tmp_path: Path
) -> None:
    write(desk, 5)
    sign_all(desk, app_dsn, tmp_path)
    must_hold_the_store(desk.store, tmp_path)
    with Folder(tmp_path) as log:
        entries = list(log.all_entries(log.signed_size()))
    leaves: dict[tuple[str, int], str] = {}
    for entry, event in zip(entries, desk.store.page(0, 1000), strict=True):
        said = json.loads(entry)
        assert (said["position"], said["stream"], said["version"], said["type"]) == (
            event.position,
            str(event.originator_id),
            event.originator_version,
            event.topic,
        )
        assert said["sha256"] == sha256(event.state).hexdigest()
        assert said["previous"] == leaves.get((said["stream"], said["version"] - 1), "")
        leaves[said["stream"], said["version"]] = sha256(b"\x00" + entry).hexdigest()
    assert len(entries) == desk.store.head() > 15


def test_nothing_that_was_written_is_in_the_log(desk: Desk, app_dsn: str, tmp_path: Path) -> None:
    write(desk, 2)
    sign_all(desk, app_dsn, tmp_path)
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for text in (b"Printer", b"fire", b"smoke", b"alice", b"tester"):
        assert text not in stored


def test_a_ledger_signs_only_when_the_log_has_grown(desk: Desk, app_dsn: str, tmp_path: Path) -> None:
    write(desk, 1)
    sign_all(desk, app_dsn, tmp_path)
    before = kept(tmp_path)
    sign_all(desk, app_dsn, tmp_path)
    assert kept(tmp_path) == before


def test_begun_again_it_goes_on_where_it_was(desk: Desk, app_dsn: str, tmp_path: Path) -> None:
    for _ in range(3):
        write(desk, 2)
        sign_all(desk, app_dsn, tmp_path)
    must_hold_the_store(desk.store, tmp_path)
    assert len(kept(tmp_path)) >= 3


def test_it_outlives_its_connections(desk: Desk, database: str, app_dsn: str, tmp_path: Path) -> None:
    with running(ledger, desk.store, app_dsn, tmp_path, SIGNER) as run:
        for _ in range(3):
            write(desk, 2)
            until(lambda: caught_up(desk, tmp_path), run)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'acta lease'"
                )
        write(desk, 2)
        until(lambda: caught_up(desk, tmp_path), run)
    must_hold_the_store(desk.store, tmp_path)


def test_a_second_ledger_stands_by_and_takes_over(desk: Desk, app_dsn: str, tmp_path: Path) -> None:
    first, second = (Running(ledger, desk.store, app_dsn, tmp_path, SIGNER) for _ in range(2))
    write(desk, 2)
    until(lambda: caught_up(desk, tmp_path), first, second)
    first.end()
    write(desk, 2)
    until(lambda: caught_up(desk, tmp_path), second)
    second.end()
    assert first.error is second.error is None
    must_hold_the_store(desk.store, tmp_path)


def test_two_ledgers_that_do_not_know_of_each_other_cannot_write_one_log(
    desk: Desk,
    app_dsn: str,
    databases: Databases,
    database_template: Prepare,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = as_role(databases.fresh(database_template), "acta_app")
    caplog.set_level(logging.WARNING, "acta")
    first, second = (Running(ledger, desk.store, lease, tmp_path, SIGNER) for lease in (app_dsn, elsewhere))
    until(lambda: "another process writes the log" in caplog.text, first, second)
    for _ in range(3):
        write(desk, 2)
        until(lambda: caught_up(desk, tmp_path), first, second)
    first.end()
    second.end()
    must_hold_the_store(desk.store, tmp_path)


@pytest.fixture
def sealed(desk: Desk, app_dsn: str, tmp_path: Path) -> Path:
    """A log over twenty events and more."""
    write(desk, 6)
    sign_all(desk, app_dsn, tmp_path)
    return tmp_path


def test_a_store_that_has_lost_signed_events_is_refused_with_the_first(
    desk: Desk, database: str, app_dsn: str, sealed: Path
) -> None:
    head = desk.store.head()
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position > %s", (head - 3,))
    assert f"position {head - 2} " in halts(desk, app_dsn, sealed)


def test_a_store_put_back_from_an_old_copy_that_was_written_on_since_is_refused_with_the_first(
    desk: Desk, database: str, app_dsn: str, sealed: Path
) -> None:
    head = desk.store.head()
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position > %s", (head - 3,))
    with open_desk(database) as restored:
        write(restored, 6)
        assert restored.store.head() > head
        assert f"position {head - 2} " in halts(restored, app_dsn, sealed)


def test_a_store_that_is_put_back_while_the_ledger_runs_is_refused(
    desk: Desk, database: str, app_dsn: str, sealed: Path
) -> None:
    head, before = desk.store.head(), kept(sealed)
    run = Running(ledger, desk.store, app_dsn, sealed, SIGNER)
    with as_superuser(database) as connection, connection.transaction():
        connection.execute("DELETE FROM acta.events WHERE position = %s", (head,))
    until(lambda: not run.alive)
    assert isinstance(run.error, Halted)
    assert f"position {head} " in str(run.error)
    assert kept(sealed) == before


@pytest.mark.parametrize(
    "change",
    [
        "body = convert_to(replace(convert_from(body, 'UTF8'), 'tester', 'tastor'), 'UTF8')",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "type = 'ticket.cancelled.v1'",
        "stream = '00000000-0000-0000-0000-000000000007'",
        "version = version + 1",
    ],
)
def test_a_newest_event_that_was_changed_is_refused(
    desk: Desk, database: str, app_dsn: str, sealed: Path, change: str
) -> None:
    head = desk.store.head()
    with as_superuser(database) as connection:
        connection.execute(f"UPDATE acta.events SET {change} WHERE position = %s", (head,))  # type: ignore[arg-type]
    assert f"position {head} " in halts(desk, app_dsn, sealed)


def test_of_several_changed_events_the_first_is_named(desk: Desk, database: str, app_dsn: str, sealed: Path) -> None:
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = 9 OR position > 15")
    assert "position 9 " in halts(desk, app_dsn, sealed)


def test_a_gap_is_refused_before_anything_beyond_it_is_signed(
    desk: Desk, database: str, app_dsn: str, sealed: Path
) -> None:
    head = desk.store.head()
    write(desk, 2)
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position = %s", (head + 2,))
    assert f"position {head + 2}," in halts(desk, app_dsn, sealed)


def test_an_event_without_the_one_before_it_is_refused(desk: Desk, database: str, app_dsn: str, sealed: Path) -> None:
    write(desk, 1)
    head = desk.store.head()
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET version = version + 1 WHERE position = %s", (head,))
    assert f"position {head} does not follow" in halts(desk, app_dsn, sealed)


def test_a_log_of_another_key_is_refused_with_the_way_out(desk: Desk, app_dsn: str, sealed: Path) -> None:
    said = halts(desk, app_dsn, sealed, Signer("acta.example/log", bytes(32)))
    assert "another key" in said
    assert "ACTA_LEDGER_DIR" in said


def test_a_folder_that_was_lost_is_written_again_as_it_was(desk: Desk, app_dsn: str, sealed: Path) -> None:
    before = kept(sealed)[-1]
    for file in sealed.iterdir():
        file.unlink()
    sign_all(desk, app_dsn, sealed)
    assert kept(sealed)[-1] == before


def test_a_store_that_was_changed_while_the_folder_was_lost_is_refused_unsigned(
    desk: Desk, database: str, app_dsn: str, sealed: Path
) -> None:
    for file in sealed.iterdir():
        file.unlink()
    write(desk, 1)
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = 9")
    said = halts(desk, app_dsn, sealed)
    assert "do not give the root that was signed" in said
    assert "ACTA_LEDGER_SIGNED_FILE" in said
    assert not signed_size(sealed)


@pytest.mark.parametrize("lost", [3, 10])
def test_an_old_copy_of_database_and_folder_together_is_refused_with_both_sizes(
    desk: Desk, database: str, app_dsn: str, sealed: Path, tmp_path_factory: pytest.TempPathFactory, lost: int
) -> None:
    old = tmp_path_factory.mktemp("backup") / "ledger"
    copytree(sealed, old)
    before = desk.store.head()
    write(desk, 4)
    sign_all(desk, app_dsn, sealed)
    signed = signed_size(sealed)
    rmtree(sealed)
    copytree(old, sealed)
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position > %s", (before,))
    said = halts(desk, app_dsn, sealed)
    assert f"the store has {before} events and the folder signs {before}, but {signed} were signed" in said
    with open_desk(database) as restored:
        write(restored, lost)
        halts(restored, app_dsn, sealed)


def test_an_old_copy_of_the_folder_alone_catches_up(
    desk: Desk, app_dsn: str, sealed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = tmp_path_factory.mktemp("backup") / "ledger"
    copytree(sealed, old)
    write(desk, 4)
    sign_all(desk, app_dsn, sealed)
    newest = kept(sealed)[-1]
    rmtree(sealed)
    copytree(old, sealed)
    sign_all(desk, app_dsn, sealed)
    assert kept(sealed)[-1] == newest
    must_hold_the_store(desk.store, sealed)
