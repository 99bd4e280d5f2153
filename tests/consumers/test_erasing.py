"""Erasing: what was ordered is carried out once, from the orders alone, and a backup does not bring it back."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from consumers.erasing import Eraser, erase_now, erasing, forget_again
from consumers.erasures import Erasures
from consumers.follow import follow
from consuming import completed, running, until
from deploy.embedded import programs
from desks import ACT, TESTER, as_role, give, open_desk, opened, prepare
from domain.desk import Desk
from domain.desk.forgetting import erase as erase_person
from domain.desk.forgetting import erased_through
from domain.envelope import ERASED
from domain.errors import NothingChanges, UnderLegalHold
from domain.setup.events import LegalHoldPlaced
from domain.store.chunks import CHUNK_BYTES
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from lying_files import lying, put_to, uploaded
from machines import Databases, Prepare
from projections.views import ALL

PETRA = {"email": "petra@example.org", "name": "Petra Prosser"}
GROUND = "GDPR Art. 17(1)(b)"


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


def let_project(owner: str) -> None:
    name = str(psycopg.conninfo.conninfo_to_dict(owner)["dbname"])
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    let_project(database)
    with open_desk(database) as desk:
        yield desk


@pytest.fixture
def erasures(tmp_path: Path) -> Erasures:
    return Erasures(tmp_path / "outside" / "erasures")


@pytest.fixture
def eraser(desk: Desk, database: str, erasures: Erasures, place: Directory) -> Eraser:
    return Eraser(desk, as_role(database, "acta_projector"), ALL, erasures, place)


@pytest.fixture
def followed(desk: Desk, database: str) -> Iterator[Callable[[], None]]:
    """Views that follow; called, it waits until they show everything."""
    with running(follow, desk, as_role(database, "acta_projector"), ALL) as follower:
        yield lambda: until(lambda: completed(database) == desk.store.head(), follower)


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def words(dsn: str) -> str:
    """Everything that the view of the queue shows in words."""
    shown = [
        rows(dsn, f"SELECT * FROM queue.{table}") for table in ("entries", "entries_past", "people", "texts", "notes")
    ]
    return repr(shown)


def hold(desk: Desk, ticket: UUID) -> None:
    placed = LegalHoldPlaced(hold="case-1", tickets=(ticket,), name="Case 1", ground="a claim")
    desk.configure(lambda setup: [placed], ACT)


def requester_of(desk: Desk, ticket: UUID) -> UUID:
    return desk.ticket(ticket).requester


def test_what_is_ordered_is_gone_from_views_that_are_followed_all_the_while(
    desk: Desk, database: str, eraser: Eraser, followed: Callable[[], None]
) -> None:
    ticket = opened(desk, requester=PETRA, title="Petra is ill")
    other = opened(desk, requester={"email": "kim@example.org"}, title="Kim is well")
    give(desk, "note", str(other.number), text="wrong diagnosis")
    followed()
    assert "Petra is ill" in words(database)
    with running(erasing, as_role(database, "acta_app"), lambda: eraser) as running_eraser:
        give(desk, "redact", str(other.number), versions=[other.version + 1], reason="wrong person")
        position = erase_person(desk, requester_of(desk, ticket.ticket), GROUND, ACT)
        until(lambda: erased_through(desk) >= position, running_eraser)
    followed()
    shown = words(database)
    assert "Kim is well" in shown
    for gone in ("Petra", "petra@example.org", "wrong diagnosis"):
        assert gone not in shown
    assert len(rows(database, "SELECT FROM projections.editions WHERE view = 'queue'")) == 1
    assert rows(database, "SELECT content->'orders' FROM audit.lines WHERE type = 'erasure.completed.v1'")


def test_many_orders_are_carried_out_together(desk: Desk, database: str, eraser: Eraser, erasures: Erasures) -> None:
    people = [requester_of(desk, opened(desk, requester={"email": f"p{n}@example.org"}).ticket) for n in range(20)]
    orders = [erase_person(desk, person, GROUND, ACT) for person in people]
    erase_now(as_role(database, "acta_app"), eraser)
    assert erased_through(desk) == orders[-1]
    (completion,) = [event for event in desk.feed(0, 1000) if event.TYPE == "erasure.completed.v1"]
    assert completion.orders == tuple(orders)  # type: ignore[attr-defined]
    assert erasures.persons() == [(person, person) for person in people]


def test_with_nothing_ordered_nothing_is_recorded(
    desk: Desk, database: str, eraser: Eraser, erasures: Erasures
) -> None:
    head = desk.store.head()
    erase_now(as_role(database, "acta_app"), eraser)
    assert desk.store.head() == head
    assert not erasures.path.exists()


def test_two_at_once_carry_out_each_order_once(
    desk: Desk, database: str, erasures: Erasures, place: Directory, followed: Callable[[], None]
) -> None:
    def begin() -> Eraser:
        return Eraser(desk, as_role(database, "acta_projector"), ALL, erasures, place)

    with (
        running(erasing, as_role(database, "acta_app"), begin) as one,
        running(erasing, as_role(database, "acta_app"), begin) as two,
    ):
        orders = []
        for n in range(6):
            person = requester_of(desk, opened(desk, requester={"email": f"p{n}@example.org"}).ticket)
            orders.append(erase_person(desk, person, GROUND, ACT))
            half = orders[n // 2]
            until(lambda half=half: erased_through(desk) >= half, one, two)  # type: ignore[misc]
        until(lambda: erased_through(desk) >= orders[-1], one, two)
    done = [event.orders for event in desk.feed(0, 1000) if event.TYPE == "erasure.completed.v1"]  # type: ignore[attr-defined]
    assert [order for each in done for order in each] == orders


def test_a_torn_line_of_the_list_is_written_again(
    desk: Desk, database: str, eraser: Eraser, erasures: Erasures
) -> None:
    person = requester_of(desk, opened(desk, requester=PETRA).ticket)
    erasures.path.parent.mkdir()
    erasures.path.write_text('{"position": 9, "per')
    erase_person(desk, person, GROUND, ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    assert erasures.persons() == [(person, person)]


def dumped(dsn: str, file: Path) -> None:
    subprocess.run([programs() / "pg_dump", "--format=custom", f"--file={file}", dsn], check=True)


def put_back(databases: Databases, file: Path) -> str:
    """The dump in a database of its own, which stands for the one that was lost."""
    dsn = databases.fresh(None)
    subprocess.run([programs() / "pg_restore", f"--dbname={dsn}", file], check=True)
    let_project(dsn)
    return dsn


def test_a_backup_that_is_put_back_does_not_bring_back_what_was_erased(
    desk: Desk,
    database: str,
    eraser: Eraser,
    erasures: Erasures,
    place: Directory,
    followed: Callable[[], None],
    databases: Databases,
    tmp_path: Path,
) -> None:
    """One backup is older than the orders, one is older than what carried them out."""
    ticket = opened(desk, requester=PETRA, title="Petra is ill")
    other = opened(desk, requester={"email": "kim@example.org"}, title="Kim is well")
    give(desk, "note", str(other.number), text="wrong diagnosis")
    followed()
    petra = requester_of(desk, ticket.ticket)
    dumped(database, tmp_path / "before the orders")
    give(desk, "redact", str(other.number), versions=[other.version + 1], reason="wrong person")
    erase_person(desk, petra, GROUND, ACT)
    dumped(database, tmp_path / "after the orders")
    erase_now(as_role(database, "acta_app"), eraser)
    for name in ("before the orders", "after the orders"):
        restored = put_back(databases, tmp_path / name)
        assert "Petra is ill" in words(restored)
        with open_desk(restored) as again:
            assert again.ticket(ticket.ticket).title == "Petra is ill"
            eraser_there = Eraser(again, as_role(restored, "acta_projector"), ALL, erasures, place)
            assert forget_again(as_role(restored, "acta_app"), eraser_there) == (2 if name.startswith("before") else 0)
            assert again.ticket(ticket.ticket).title == ERASED
            assert "wrong diagnosis" not in repr(again.history(other.ticket))
            assert forget_again(as_role(restored, "acta_app"), eraser_there) == 0
            with pytest.raises(NothingChanges):
                erase_person(again, petra, GROUND, ACT)
        assert "Kim is well" in words(restored)
        assert "Petra" not in words(restored)
        assert "wrong diagnosis" not in words(restored)
        databases.drop(restored)


def test_a_long_reader_of_the_keys_is_waited_for_while_writing_goes_on(
    desk: Desk, database: str, eraser: Eraser
) -> None:
    person = requester_of(desk, opened(desk, requester=PETRA).ticket)
    order = erase_person(desk, person, GROUND, ACT)
    with psycopg.connect(as_role(database, "acta_app")) as reader:
        reader.execute("SELECT count(*) FROM acta.message_keys")
        with running(erasing, as_role(database, "acta_app"), lambda: eraser) as one:
            for _ in range(20):
                opened(desk)
            assert erased_through(desk) == 0
            reader.rollback()
            until(lambda: erased_through(desk) == order, one)


def test_the_list_holds_ids_and_nothing_else(desk: Desk, database: str, eraser: Eraser, erasures: Erasures) -> None:
    ticket = opened(desk, requester=PETRA, title="Petra is ill")
    give(desk, "redact", str(ticket.number), versions=[1], reason="Petra said so")
    erase_person(desk, requester_of(desk, ticket.ticket), "Petra asked for it", ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    assert "Petra" not in erasures.path.read_text()
    assert erasures.path.stat().st_mode & 0o077 == 0
    assert erasures.messages() == [(ticket.ticket, 1)]


def test_nothing_personal_is_in_the_statistics_of_the_planner(
    desk: Desk, database: str, followed: Callable[[], None]
) -> None:
    for n in range(30):
        opened(desk, requester=PETRA, title=f"Petra is ill {n % 3}", description="fever")
    followed()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        sampled = repr(connection.execute("SELECT stavalues1, stavalues2, stavalues3 FROM pg_statistic").fetchall())
    for personal in ("Petra", "petra", "fever"):
        assert personal not in sampled
    assert "service-desk" in sampled


def chunks(desk: Desk, *tickets: UUID) -> set[str]:
    """The addresses of the parts of the files of these tickets."""
    return {address for ticket in tickets for address in chunks_of(desk.history(ticket))}


def test_the_files_of_a_person_go_with_them_and_no_others(
    desk: Desk, database: str, eraser: Eraser, place: Directory, folder: Path
) -> None:
    """Files on their way in are the person's as well, and go."""
    ticket = opened(desk, requester=PETRA)
    other = opened(desk, requester={"email": "kim@example.org"})
    put_to(desk, place, str(ticket.number), bytes(CHUNK_BYTES + 1), internal=True)
    put_to(desk, place, str(ticket.number), b"x-ray", "petra.txt")
    put_to(desk, place, str(other.number), b"Kim is well")
    waits = uploaded(desk, place, b"nobody attached this yet")
    erase_person(desk, requester_of(desk, ticket.ticket), GROUND, ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    (completion,) = [event for event in desk.feed(0, 1000) if event.TYPE == "erasure.completed.v1"]
    assert completion.files == 2  # type: ignore[attr-defined]
    assert chunks(desk, other.ticket) < lying(folder)
    assert len(lying(folder)) == 2
    assert not chunks(desk, ticket.ticket) & lying(folder)
    assert [file.name for file in desk.ticket(ticket.ticket).attachments] == [ERASED, ERASED]
    erase_person(desk, desk.uploads.holder(TESTER), GROUND, ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    assert lying(folder) == chunks(desk, other.ticket)
    assert desk.uploads.file(waits, desk.uploads.holder(TESTER), desk.now()) is None


def test_one_file_is_redacted_like_a_message(
    desk: Desk, database: str, eraser: Eraser, erasures: Erasures, place: Directory, folder: Path
) -> None:
    ticket = opened(desk, requester=PETRA)
    wrong = put_to(desk, place, str(ticket.number), b"somebody else's x-ray", "kim.txt")
    put_to(desk, place, str(ticket.number), b"Petra's x-ray", "petra.txt")
    give(desk, "redact", str(ticket.number), versions=[wrong], reason="wrong patient")
    erase_now(as_role(database, "acta_app"), eraser)
    assert [file.name for file in desk.ticket(ticket.ticket).attachments] == [ERASED, "petra.txt"]
    assert len(lying(folder)) == 1
    assert lying(folder) < chunks(desk, ticket.ticket)
    assert erasures.messages() == [(ticket.ticket, wrong)]


def test_a_hold_keeps_the_files(desk: Desk, database: str, eraser: Eraser, place: Directory, folder: Path) -> None:
    ticket = opened(desk, requester=PETRA)
    version = put_to(desk, place, str(ticket.number), b"evidence")
    hold(desk, ticket.ticket)
    with pytest.raises(UnderLegalHold):
        give(desk, "redact", str(ticket.number), versions=[version], reason="wrong patient")
    with pytest.raises(UnderLegalHold):
        erase_person(desk, requester_of(desk, ticket.ticket), GROUND, ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    assert lying(folder) == chunks(desk, ticket.ticket)


def test_while_the_place_of_files_is_away_nothing_is_readable_and_nothing_is_said_to_be_complete(
    desk: Desk, database: str, eraser: Eraser, place: Directory, folder: Path, followed: Callable[[], None]
) -> None:
    """A folder that is empty, as where nothing is mounted, is not taken for one whose files are gone."""
    ticket = opened(desk, requester=PETRA, title="Petra is ill")
    put_to(desk, place, str(ticket.number), b"x-ray")
    followed()
    order = erase_person(desk, requester_of(desk, ticket.ticket), GROUND, ACT)
    elsewhere = folder.with_name("not mounted")
    folder.rename(elsewhere)
    folder.mkdir()
    assert forget_again(as_role(database, "acta_app"), eraser) == 0
    assert "Petra" not in words(database)
    assert erased_through(desk) == 0
    folder.rmdir()
    elsewhere.rename(folder)
    erase_now(as_role(database, "acta_app"), eraser)
    assert erased_through(desk) == order
    assert lying(folder) == set()


def test_files_of_a_backup_that_is_put_back_go_again(
    desk: Desk,
    database: str,
    eraser: Eraser,
    erasures: Erasures,
    place: Directory,
    folder: Path,
    databases: Databases,
    tmp_path: Path,
) -> None:
    ticket = opened(desk, requester=PETRA)
    put_to(desk, place, str(ticket.number), b"x-ray")
    dumped(database, tmp_path / "before")
    shutil.copytree(folder, tmp_path / "files before")
    erase_person(desk, requester_of(desk, ticket.ticket), GROUND, ACT)
    erase_now(as_role(database, "acta_app"), eraser)
    assert lying(folder) == set()
    restored = put_back(databases, tmp_path / "before")
    back = tmp_path / "files before"
    with open_desk(restored) as again:
        eraser_there = Eraser(again, as_role(restored, "acta_projector"), ALL, erasures, Directory(back))
        assert len(lying(back)) == 1
        assert forget_again(as_role(restored, "acta_app"), eraser_there) == 1
        assert lying(back) == set()
    databases.drop(restored)
