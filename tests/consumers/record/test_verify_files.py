"""Whether files are whole where they lie: each that is not is named, and what is erased is not missed."""

from pathlib import Path
from uuid import UUID

import pytest

from consumers.record.verify_files import Damaged, Files, verify_files
from desks import ACT, give, opened
from domain.desk import Desk
from domain.desk.forgetting import erase
from domain.errors import Unreachable
from domain.store.chunks import CHUNK_BYTES, OVERHEAD, path_of
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from lying_files import put_to


@pytest.fixture
def tickets(desk: Desk, place: Directory) -> list[UUID]:
    """Three tickets with a file of two parts each."""
    receipts = [opened(desk, requester={"email": f"p{n}@example.org"}) for n in range(3)]
    for receipt in receipts:
        put_to(desk, place, str(receipt.number), bytes(CHUNK_BYTES + 5))
    return [receipt.ticket for receipt in receipts]


def chunk(desk: Desk, folder: Path, ticket: UUID, number: int) -> Path:
    return folder / path_of(chunks_of(desk.history(ticket))[number])


def verified(
    desk: Desk, place: Directory, *, read: bool, ticket: UUID | None = None
) -> tuple[Files, list[tuple[UUID, str]]]:
    found = Files()
    damaged: list[Damaged] = list(verify_files(desk, place, found, read=read, ticket=ticket))
    return found, [(one.ticket, one.what) for one in damaged]


@pytest.mark.parametrize("read", [False, True])
def test_files_that_are_whole_are_counted(desk: Desk, place: Directory, tickets: list[UUID], read: bool) -> None:
    found, damaged = verified(desk, place, read=read)
    assert (found.whole, found.erased, damaged) == (3, 0, [])
    assert found.stored == 3 * (CHUNK_BYTES + 5 + 2 * OVERHEAD)
    assert verified(desk, place, read=read, ticket=tickets[0])[0].whole == 1


@pytest.mark.parametrize("read", [False, True])
def test_a_part_that_is_missing_is_found(
    desk: Desk, place: Directory, folder: Path, tickets: list[UUID], read: bool
) -> None:
    chunk(desk, folder, tickets[1], 1).unlink()
    found, damaged = verified(desk, place, read=read)
    assert (found.whole, damaged) == (2, [(tickets[1], "a part of it is missing")])


@pytest.mark.parametrize("damage", ["changed", "cut short", "another's"])
def test_a_part_that_was_changed_is_found_by_who_reads(
    desk: Desk, place: Directory, folder: Path, tickets: list[UUID], damage: str
) -> None:
    path = chunk(desk, folder, tickets[1], 0)
    sealed = path.read_bytes()
    other = chunk(desk, folder, tickets[2], 0).read_bytes()
    path.write_bytes({"changed": sealed[:-1] + b"x", "cut short": sealed[:-1], "another's": other}[damage])
    assert verified(desk, place, read=False)[1] == []
    assert verified(desk, place, read=True)[1] == [(tickets[1], "a part of it is not what was put there")]


def test_what_is_erased_or_redacted_is_not_missed(
    desk: Desk, place: Directory, folder: Path, tickets: list[UUID]
) -> None:
    """Neither before its parts are removed nor after."""
    give(desk, "redact", str(tickets[0]), versions=[desk.ticket(tickets[0]).version], reason="wrong person")
    erase(desk, desk.ticket(tickets[1]).requester, "asked for it", ACT)
    for order in desk.store.orders(0):
        desk.keys.destroy(order.position)
    desk.keys.learn()
    for remove in (False, True):
        found, damaged = verified(desk, place, read=True)
        assert (found.whole, found.erased, damaged) == (1, 2, [])
        if not remove:
            chunk(desk, folder, tickets[0], 0).unlink()
            chunk(desk, folder, tickets[1], 1).unlink()
            desk.keys.rewrite()


def test_a_place_that_is_not_there_is_no_place_without_files(
    desk: Desk, folder: Path, tickets: list[UUID], tmp_path: Path
) -> None:
    (tmp_path / "not mounted").mkdir()
    for elsewhere in ("not mounted", "nowhere"):
        with pytest.raises(Unreachable):
            verified(desk, Directory(tmp_path / elsewhere), read=False)
