"""Verifying a real database that its superuser has damaged: each damage is found and named."""

import shutil
from pathlib import Path

import pytest

from consumers.record.ledger import ledger
from consumers.record.verify import Differs, Verified, verify
from consuming import running, write
from domain.desk import Desk
from domain.record.note import Checkpoint, Signer
from ledgers import SIGNER, kept
from projections.ledger import Folder
from tampering import as_superuser, insert, move, rewritten, sign_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def sealed(desk: Desk, app_dsn: str, folder: Path) -> Path:
    """A log of thirty events and more, under several checkpoints."""
    for _ in range(3):
        write(desk, 3)
        sign_all(desk, app_dsn, folder)
    return folder


def verified(desk: Desk, folder: Path, *auditors: Checkpoint, signer: Signer = SIGNER) -> Verified:
    with Folder(folder) as log:
        return verify(desk.store, log, signer.verifier, auditors)


def fault(desk: Desk, folder: Path, *auditors: Checkpoint) -> str:
    with pytest.raises(Differs) as why:
        verified(desk, folder, *auditors)
    return str(why.value)


def test_a_store_that_nobody_touched_is_as_it_was_signed(desk: Desk, sealed: Path) -> None:
    head = desk.store.head()
    assert verified(desk, sealed) == Verified(head, len(kept(sealed)), 0)
    write(desk, 1)
    assert verified(desk, sealed, *kept(sealed)).unsigned == desk.store.head() - head


def test_it_runs_beside_writers_and_the_ledger(desk: Desk, app_dsn: str, sealed: Path) -> None:
    with running(ledger, desk.store, app_dsn, sealed, SIGNER):
        for _ in range(5):
            write(desk, 2)
            assert verified(desk, sealed).events > 0


@pytest.mark.parametrize("position", [1, 17, 25])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("body = set_byte(body, 5, get_byte(body, 5) # 1)", "its stored bytes"),
        ("body = convert_to(replace(convert_from(body, 'UTF8'), 'actor', 'actar'), 'UTF8')", "its stored bytes"),
        ("recorded_at = recorded_at - interval '1 microsecond'", "its time of recording"),
        ("type = 'ticket.cancelled.v1'", "its type"),
        ("stream = '00000000-0000-0000-0000-000000000007'", "another stands in its place"),
    ],
)
def test_a_changed_event_is_named_with_what_was_changed(
    desk: Desk, database: str, sealed: Path, position: int, change: str, named: str
) -> None:
    with as_superuser(database) as connection:
        connection.execute(f"UPDATE acta.events SET {change} WHERE position = %s", (position,))  # type: ignore[arg-type]
    said = fault(desk, sealed)
    assert f"position {position} " in said
    assert f"was changed: {named}" in said


@pytest.mark.parametrize("closed", [False, True], ids=["gap", "closed"])
@pytest.mark.parametrize("which", ["first", "middle", "newest"])
def test_a_removed_event_is_named_also_when_the_others_move_up(
    desk: Desk, database: str, sealed: Path, which: str, closed: bool
) -> None:
    position = {"first": 1, "middle": 17, "newest": desk.store.head()}[which]
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position = %s", (position,))
        if closed:
            move(connection, position, -1)
    said = fault(desk, sealed)
    assert f"position {position} " in said
    assert said.endswith("was removed")


def test_two_events_that_changed_places_are_named(desk: Desk, database: str, sealed: Path) -> None:
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET position = -position WHERE position IN (12, 19)")
        connection.execute("UPDATE acta.events SET position = position + 31 WHERE position IN (-12, -19)")
    said = fault(desk, sealed)
    assert "position 12 " in said
    assert said.endswith("was moved to position 19")


@pytest.mark.parametrize("position", [1, 17])
def test_an_event_that_was_slipped_in_is_named(desk: Desk, database: str, sealed: Path, position: int) -> None:
    with as_superuser(database) as connection:
        move(connection, position - 1, 1)
        insert(connection, position)
    assert f"was inserted at position {position}" in fault(desk, sealed)


@pytest.mark.parametrize("position", [0, -3])
def test_an_event_before_the_first_is_named(desk: Desk, database: str, sealed: Path, position: int) -> None:
    with as_superuser(database) as connection:
        insert(connection, position)
    assert f"was inserted at position {position}" in fault(desk, sealed)


def test_tiles_that_were_made_to_match_do_not_match_what_was_signed(
    desk: Desk, database: str, sealed: Path, tmp_path: Path
) -> None:
    sizes = [one.size for one in kept(sealed)]
    position = sizes[-2] + 2
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = %s", (position,))
    rewritten(desk, tmp_path / "forged", Signer("acta.example/log", bytes(32)), sizes)
    for name in ("entries", "bundles", "level-0"):
        shutil.copy(tmp_path / "forged" / name, sealed / name)
    said = fault(desk, sealed)
    assert f"the first {sizes[-1]} events" in said
    assert f"at or after position {sizes[-2] + 1} " in said


def test_a_history_that_was_signed_anew_is_given_away_by_an_old_checkpoint(
    desk: Desk, database: str, sealed: Path, tmp_path: Path
) -> None:
    old = kept(sealed)
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = %s", (old[-1].size,))
    rewritten(desk, tmp_path / "forged", SIGNER, [one.size for one in old])
    assert verified(desk, tmp_path / "forged").events == old[-1].size
    assert verified(desk, tmp_path / "forged", old[0]).events == old[-1].size
    said = fault(desk, tmp_path / "forged", old[-1])
    assert f"the first {old[-1].size} events are not those" in said


def test_a_history_that_was_cut_short_and_signed_anew_is_given_away_by_an_old_checkpoint(
    desk: Desk, database: str, sealed: Path, tmp_path: Path
) -> None:
    old = kept(sealed)[-1]
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position > %s", (old.size - 2,))
    rewritten(desk, tmp_path / "forged", SIGNER, [old.size - 2])
    assert f"what follows position {old.size - 2} was removed" in fault(desk, tmp_path / "forged", old)


@pytest.mark.parametrize("name", ["entries", "level-0", "checkpoint", "checkpoints", "bundles"])
def test_a_damaged_file_of_the_log_is_told_from_a_damaged_store(desk: Desk, sealed: Path, name: str) -> None:
    content = bytearray((sealed / name).read_bytes())
    content[len(content) // 2] ^= 1
    (sealed / name).write_bytes(content)
    assert "log's" in fault(desk, sealed)
    (sealed / name).write_bytes(b"")
    assert "log's" in fault(desk, sealed)


def test_another_key_opens_nothing(desk: Desk, sealed: Path) -> None:
    with pytest.raises(Differs, match="not signed by"):
        verified(desk, sealed, signer=Signer("acta.example/log", bytes(32)))
