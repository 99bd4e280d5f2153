"""The eraser is killed, or put to sleep, in the middle of its work: the next one finishes it; nothing comes back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from actors import World
from consumers.erasures import Erasures
from consumers.follow import follow
from consuming import completed, running, until
from desks import ACT, as_role, give, open_desk, opened
from domain.desk import Desk
from domain.desk.forgetting import erase, erased_through
from domain.envelope import ERASED
from domain.store.chunks import CHUNK_BYTES
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from lying_files import lying, put_to
from projections.views import ALL
from stages import Actor

Start = Callable[..., Actor]
STAGES = ["add", "destroy", "rewrite", "rebuild", "drop_retired", "remove"]


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))
    with open_desk(database) as desk:
        yield desk


@pytest.fixture
def erasures(tmp_path: Path) -> Erasures:
    return Erasures(tmp_path / "erasures")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def start(desk: Desk, database: str, erasures: Erasures, folder: Path) -> Iterator[Start]:
    started: list[Actor] = []

    def begin(**more: Any) -> Actor:
        world = World(
            as_role(database, "acta_app"),
            as_role(database, "acta_projector"),
            bootstrap="",
            topic="",
            receipts="",
            erasures=str(erasures.path),
            files=str(folder),
            **more,
        )
        started.append(Actor("eraser", world, {}))
        return started[-1]

    yield begin
    for actor in started:
        actor.kill()


def wait_for(condition: Callable[[], bool], *alive: Actor) -> None:
    pause = Flag()
    while not condition():
        for actor in alive:
            assert actor.alive, "\n".join(actor.said)
        pause.wait(0.05)


@pytest.fixture
def shown(desk: Desk, database: str, folder: Path) -> tuple[UUID, UUID]:
    """Petra's ticket with files, and another with a note about her, as the views show them."""
    petras = opened(desk, requester={"email": "petra@example.org", "name": "Petra Prosser"}, title="Petra is ill")
    other = opened(desk, title="Somebody else's")
    for content in (bytes(CHUNK_BYTES + 1), b"x-ray"):
        put_to(desk, Directory(folder), str(petras.number), content)
    put_to(desk, Directory(folder), str(other.number), b"Somebody else's")
    give(desk, "note", str(other.number), text="Petra is ill")
    with running(follow, desk, as_role(database, "acta_projector"), ALL) as follower:
        until(lambda: completed(database) == desk.store.head(), follower)
    assert "Petra is ill" in words(database)
    return petras.ticket, other.ticket


def words(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        tables = ("entries", "people", "texts", "notes")
        return repr([connection.execute(f"SELECT * FROM queue.{table}").fetchall() for table in tables])


def order(desk: Desk, petras: UUID, other: UUID) -> int:
    give(desk, "redact", str(other), versions=[desk.ticket(other).version], reason="wrong ticket")
    return erase(desk, desk.ticket(petras).requester, "asked for it", ACT)


def must_be_gone(desk: Desk, database: str, petras: UUID, other: UUID) -> None:
    assert "Petra" not in words(database)
    assert desk.ticket(petras).title == ERASED
    assert "Petra" not in repr(desk.history(other))
    with psycopg.connect(database) as connection:
        query = "SELECT count(*), count(*) FILTER (WHERE state = 'current') FROM projections.editions"
        assert connection.execute(query).fetchone() == (len(ALL), len(ALL))


@pytest.mark.parametrize("stage", STAGES)
def test_an_eraser_is_killed_and_the_next_one_finishes_its_work(
    start: Start, desk: Desk, database: str, erasures: Erasures, folder: Path, shown: tuple[UUID, UUID], stage: str
) -> None:
    position = order(desk, *shown)
    first = start(stop_after=stage)
    wait_for(lambda: first.has_said(f"stopping after {stage}"), first)
    first.kill()
    assert erased_through(desk) == 0
    second = start()
    wait_for(lambda: erased_through(desk) == position, second)
    assert second.end() == 0
    must_be_gone(desk, database, *shown)
    assert len(erasures.persons()) == len(erasures.messages()) == 1
    assert lying(folder) == set(chunks_of(desk.history(shown[1])))
    (completion,) = [event for event in desk.feed(0, 1000) if event.TYPE == "erasure.completed.v1"]
    assert completion.files == 2  # type: ignore[attr-defined]


def test_an_eraser_sleeps_through_its_succession_and_wakes_up(
    start: Start, desk: Desk, database: str, shown: tuple[UUID, UUID]
) -> None:
    position = order(desk, *shown)
    sleeper = start(stop_after="destroy")
    wait_for(lambda: sleeper.has_said("stopping after destroy"), sleeper)
    successor = start()
    wait_for(lambda: erased_through(desk) == position, successor)
    sleeper.wake()
    # It stops after each key that it destroys, and there are two.
    wait_for(lambda: sum("stopping after destroy" in line for line in sleeper.said) == 2, sleeper, successor)
    sleeper.wake()
    third = erase(desk, desk.keys.person("agent", "bob"), "left", ACT)
    wait_for(lambda: erased_through(desk) >= third, successor)
    must_be_gone(desk, database, *shown)
    assert desk.contacts()["bob"][0] == ERASED
