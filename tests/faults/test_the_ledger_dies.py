"""The ledger is killed, or put to sleep, in the middle of a checkpoint: the next one goes on, nothing contradicts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from actors import World
from consumers.kafka.topics import ensure_topic
from consuming import told
from desks import as_role, open_desk
from domain.desk import Desk
from ledgers import SIGNER, kept, must_hold_the_store, signed_size
from machines import Broker
from projections.ledger import size_of
from stages import Actor

Start = Callable[..., Actor]


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with open_desk(database) as desk:
        yield desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def start(desk: Desk, database: str, folder: Path, tmp_path: Path) -> Iterator[Start]:
    world = World(
        as_role(database, "acta_app"),
        as_role(database, "acta_projector"),
        bootstrap="",
        topic="",
        receipts=str(tmp_path / "receipts"),
        log=str(folder),
    )
    started: list[Actor] = []

    def begin(part: str, **more: Any) -> Actor:
        started.append(Actor(part, replace(world, **more), {}))
        return started[-1]

    yield begin
    for actor in started:
        actor.kill()


def until(condition: Callable[[], bool], *alive: Actor) -> None:
    pause = Flag()
    while not condition():
        for actor in alive:
            assert actor.alive, "\n".join(actor.said)
        pause.wait(0.05)


@pytest.mark.parametrize("sync", [5, 8, 9, 10, 11, 12, 13, 20])
def test_a_ledger_is_killed_in_the_middle_of_a_checkpoint(start: Start, desk: Desk, folder: Path, sync: int) -> None:
    writer = start("write")
    first = start("ledger", stop_at_sync=sync)
    until(lambda: first.has_said("stopping before the disk"), writer, first)
    shown = signed_size(folder)
    first.kill()
    second = start("ledger")
    until(lambda: signed_size(folder) > shown, writer, second)
    writer.end()
    until(lambda: signed_size(folder) == desk.store.head(), second)
    assert second.end() == 0
    must_hold_the_store(desk.store, folder)
    assert shown == 0 or shown in {one.size for one in kept(folder)}
    assert SIGNER.verifier.open(folder.with_name("signed").read_text()) == kept(folder)[-1]


def test_a_ledger_sleeps_through_its_succession_and_wakes_up(start: Start, desk: Desk, folder: Path) -> None:
    writer = start("write")
    sleeper = start("ledger", stop_at_sync=12)
    until(lambda: sleeper.has_said("stopping before the disk"), writer, sleeper)
    successor = start("ledger")
    until(lambda: successor.has_said("another process writes the log"), writer, successor)
    sleeper.wake()
    until(lambda: sleeper.has_said("state=interrupted"), writer, successor, sleeper)
    shown = signed_size(folder)
    until(lambda: signed_size(folder) > shown, writer, successor, sleeper)
    writer.end()
    until(lambda: signed_size(folder) == desk.store.head(), successor, sleeper)
    must_hold_the_store(desk.store, folder)


def test_the_broker_is_killed_and_the_ledger_signs_on_and_tells_it_later(
    start: Start, desk: Desk, folder: Path, mortal_kafka: Broker, topics: str
) -> None:
    topic = f"{topics}checkpoints"
    client = {"bootstrap_servers": mortal_kafka.bootstrap}
    ensure_topic(client, topic, 1)
    writer, ledger = start("write"), start("ledger")
    teller = start("announce", bootstrap=mortal_kafka.bootstrap, topic=topic)
    until(lambda: len(told(client, topic)) > 2, writer, ledger, teller)
    mortal_kafka.kill()
    shown = signed_size(folder)
    until(lambda: signed_size(folder) > shown, writer, ledger, teller)
    mortal_kafka.start()
    writer.end()
    until(lambda: signed_size(folder) == desk.store.head(), ledger, teller)
    until(lambda: size_of(told(client, topic)[-1][1]) == signed_size(folder), ledger, teller)
    assert [SIGNER.verifier.open(note) for _, note in told(client, topic)] == kept(folder)
