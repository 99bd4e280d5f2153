"""Verifying one ticket alone on a real database that its superuser has damaged."""

import shutil
from pathlib import Path
from uuid import UUID

import pytest

from consumers.record.verify import Differs
from consumers.record.verify_stream import VerifiedStream, must_be_number, verify_stream
from consuming import write
from desks import give, opened
from domain.desk import Desk
from domain.record.note import Checkpoint, Signer
from ledgers import SIGNER, kept
from projections.ledger import Folder
from tampering import as_superuser, insert, move, rewritten, sign_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def ticket(desk: Desk, app_dsn: str, folder: Path) -> UUID:
    """A ticket of six events, with those of others between them, under two checkpoints."""
    stream = opened(desk).ticket
    for n in range(5):
        write(desk, 1)
        give(desk, "note", str(stream), text=f"note {n}")
        if n == 2:
            sign_all(desk, app_dsn, folder)
    write(desk, 1)
    sign_all(desk, app_dsn, folder)
    return stream


def places(desk: Desk, stream: UUID) -> list[int]:
    """The positions of a stream's events."""
    return [event.position for event in desk.store.events_of(stream)]


def verified(desk: Desk, folder: Path, stream: UUID, *kept: Checkpoint, signer: Signer = SIGNER) -> VerifiedStream:
    with Folder(folder) as log:
        return verify_stream(desk.store, log, signer.verifier, stream, kept)


def fault(desk: Desk, folder: Path, stream: UUID, *kept: Checkpoint) -> str:
    with pytest.raises(Differs) as why:
        verified(desk, folder, stream, *kept)
    return str(why.value)


def test_a_ticket_that_nobody_touched_is_as_it_was_signed(desk: Desk, folder: Path, ticket: UUID) -> None:
    head = desk.store.head()
    assert verified(desk, folder, ticket, *kept(folder)) == VerifiedStream(6, head, 0)
    give(desk, "note", str(ticket), text="one more")
    assert verified(desk, folder, ticket) == VerifiedStream(6, head, 1)


def test_a_ticket_that_never_was_has_no_events(desk: Desk, folder: Path, ticket: UUID) -> None:
    assert verified(desk, folder, UUID(int=7)).events == 0


@pytest.mark.parametrize("nth", [1, 3, 6])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("body = set_byte(body, 5, get_byte(body, 5) # 1)", "its stored bytes"),
        ("body = convert_to(replace(convert_from(body, 'UTF8'), 'tester', 'nobody'), 'UTF8')", "its stored bytes"),
        ("recorded_at = recorded_at - interval '1 microsecond'", "its time of recording"),
        ("type = 'ticket.cancelled.v1'", "its type"),
        ("stream = '00000000-0000-0000-0000-000000000007'", "another stands in its place"),
    ],
    ids=["byte", "actor", "time", "type", "stream"],
)
def test_a_changed_event_is_named_with_what_was_changed(
    desk: Desk, database: str, folder: Path, ticket: UUID, nth: int, change: str, named: str
) -> None:
    position = places(desk, ticket)[nth - 1]
    with as_superuser(database) as connection:
        connection.execute(f"UPDATE acta.events SET {change} WHERE position = %s", (position,))  # type: ignore[arg-type]
    said = fault(desk, folder, ticket)
    assert f"position {position} " in said
    assert f"version {nth} " in said
    assert f"was changed: {named}" in said


@pytest.mark.parametrize("closed", [False, True], ids=["gap", "closed"])
@pytest.mark.parametrize("nth", [1, 3, 6])
def test_a_removed_event_is_named_also_when_the_others_move_up(
    desk: Desk, database: str, folder: Path, ticket: UUID, nth: int, closed: bool
) -> None:
    position = places(desk, ticket)[nth - 1]
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position = %s", (position,))
        if closed:
            move(connection, position, -1)
    said = fault(desk, folder, ticket)
    assert f"position {position} " in said
    assert f"version {nth} " in said
    assert said.endswith("was removed")


def test_a_ticket_that_was_removed_whole_is_missed(desk: Desk, database: str, folder: Path, ticket: UUID) -> None:
    first = places(desk, ticket)[0]
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE stream = %s", (ticket,))
    said = fault(desk, folder, ticket)
    assert f"position {first} " in said
    assert said.endswith("was removed")


def test_events_that_changed_places_are_named(desk: Desk, database: str, folder: Path, ticket: UUID) -> None:
    second, third = places(desk, ticket)[1:3]
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET position = -position WHERE position IN (%s, %s)", (second, third))
        connection.execute(
            "UPDATE acta.events SET position = %s + position WHERE position IN (%s, %s)",
            (second + third, -second, -third),
        )
    said = fault(desk, folder, ticket)
    assert f"position {second} " in said
    assert said.endswith(f"was moved to position {third}")


def test_versions_that_were_exchanged_are_named(desk: Desk, database: str, folder: Path, ticket: UUID) -> None:
    second = places(desk, ticket)[1]
    with as_superuser(database) as connection:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            connection.execute(
                "UPDATE acta.events SET version = %s WHERE stream = %s AND version = %s", (new, ticket, old)
            )
    assert f"position {second} " in fault(desk, folder, ticket)


def test_an_event_that_was_slipped_in_at_the_end_is_named(
    desk: Desk, database: str, folder: Path, ticket: UUID
) -> None:
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position = 21")
        insert(connection, 21)
        connection.execute("UPDATE acta.events SET stream = %s, version = 7 WHERE position = 21", (ticket,))
    assert f"(version 7 of stream {ticket}) was inserted at position 21" in fault(desk, folder, ticket)


def test_an_event_that_leaves_a_gap_after_the_signed_ones_is_named(
    desk: Desk, database: str, folder: Path, ticket: UUID
) -> None:
    give(desk, "note", str(ticket), text="one more")
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET version = 8 WHERE stream = %s AND version = 7", (ticket,))
    assert "(version 8 " in fault(desk, folder, ticket)


def test_entries_that_were_made_to_match_are_not_those_that_were_signed(
    desk: Desk, database: str, folder: Path, ticket: UUID, tmp_path: Path
) -> None:
    sizes = [one.size for one in kept(folder)]
    position = places(desk, ticket)[2]
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = %s", (position,))
    rewritten(desk, tmp_path / "forged", SIGNER, sizes)
    for name in ("entries", "bundles", "level-0"):
        shutil.copy(tmp_path / "forged" / name, folder / name)
    assert "is not what the checkpoint signs" in fault(desk, folder, ticket)


def test_a_history_that_was_signed_anew_is_given_away_by_an_old_checkpoint(
    desk: Desk, database: str, folder: Path, ticket: UUID, tmp_path: Path
) -> None:
    old = kept(folder)
    position = places(desk, ticket)[2]
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET body = body || ' ' WHERE position = %s", (position,))
    rewritten(desk, tmp_path / "forged", SIGNER, [one.size for one in old])
    assert verified(desk, tmp_path / "forged", ticket).events == 6
    assert f"the first {old[0].size} events are not those" in fault(desk, tmp_path / "forged", ticket, old[0])


def test_a_history_that_was_cut_short_and_signed_anew_is_given_away_by_an_old_checkpoint(
    desk: Desk, database: str, folder: Path, ticket: UUID, tmp_path: Path
) -> None:
    old = kept(folder)[-1]
    last = places(desk, ticket)[-1]
    with as_superuser(database) as connection:
        connection.execute("DELETE FROM acta.events WHERE position >= %s", (last,))
    rewritten(desk, tmp_path / "forged", SIGNER, [last - 1])
    assert verified(desk, tmp_path / "forged", ticket).events == 5
    assert f"what follows position {last - 1} was removed" in fault(desk, tmp_path / "forged", ticket, old)


@pytest.mark.parametrize("name", ["entries", "level-0", "checkpoint", "bundles"])
def test_a_damaged_file_of_the_log_is_told_from_a_damaged_store(
    desk: Desk, folder: Path, ticket: UUID, name: str
) -> None:
    (folder / name).write_bytes(b"")
    assert "log's" in fault(desk, folder, ticket)


def test_another_key_opens_nothing(desk: Desk, folder: Path, ticket: UUID) -> None:
    with pytest.raises(Differs, match="not signed by"):
        verified(desk, folder, ticket, signer=Signer("acta.example/log", bytes(32)))


def test_a_ticket_that_goes_by_anothers_number_is_found_out(
    desk: Desk, database: str, folder: Path, ticket: UUID
) -> None:
    with as_superuser(database) as connection:
        connection.execute("UPDATE acta.events SET number = 777 WHERE stream = %s AND version = 1", (ticket,))
    must_be_number(desk.store, ticket, 1)
    with pytest.raises(Differs, match="finds as #777 was opened as #1"):
        must_be_number(desk.store, desk.find("777"), 777)
