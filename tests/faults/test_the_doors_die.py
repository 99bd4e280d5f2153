"""Intake and outcomes are killed in the middle: each request is done once and has one outcome; what is none is kept."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psycopg
import pytest

from consumers.doors import Doors, ensure_doors
from deploy.embedded import EmbeddedPostgres
from desks import open_desk, prepare
from door_talk import Sender, all_told
from machines import Broker
from stages import Actor, Stage, make_stage
from traffic import Traffic, traffic

DEPARTMENTS = ("it", "hr")


def doors_of(stage: Stage, topics: str) -> Doors:
    """Open the doors of a stage."""
    doors = Doors(topics.rstrip("."), DEPARTMENTS)
    ensure_doors(stage.world.client, doors, 3)
    stage.world = replace(stage.world, doors=DEPARTMENTS, prefix=doors.prefix)
    return doors


def send(stage: Stage, doors: Doors, made: Traffic) -> None:
    sender = Sender(stage.world.client, doors)
    sender.send(made)
    sender.close()


def decided(stage: Stage) -> int:
    return stage._number("SELECT count(*) FROM acta.events WHERE type = 'request.decided.v1'")


def outcomes(stage: Stage, doors: Doors) -> list[tuple[str, str, str]]:
    """Department, id and kind of each outcome of a request."""
    return [
        (department, told.body["request"]["id"], told.kind)
        for department in DEPARTMENTS
        for told in all_told(stage.world.client, doors.outcomes(department))
        if told.kind != "happened"
    ]


def settle(stage: Stage, doors: Doors, made: Traffic, *alive: Actor) -> None:
    """Wait until everything sent is decided or kept, and told."""
    wanted = len(made.accepted) + len(made.refused)
    stage.until(lambda: decided(stage) == wanted, *alive)
    stage.until(lambda: len(all_told(stage.world.client, doors.dead_letters)) == made.noise, *alive)
    stage.until(lambda: len(outcomes(stage, doors)) >= wanted, *alive)


def must_be_done_once(stage: Stage, doors: Doors, made: Traffic) -> None:
    """Each valid request to open is one ticket, each id has one outcome, and each other message is kept once."""
    found = outcomes(stage, doors)
    assert not [one for one, count in Counter(found).items() if count > 1]
    assert {(department, id) for department, id, kind in found if kind == "accepted"} == made.accepted
    assert {(department, id) for department, id, kind in found if kind == "refused"} == made.refused
    letters = all_told(stage.world.client, doors.dead_letters)
    places = {(told.body["topic"], told.body["partition"], told.body["offset"]) for told in letters}
    with open_desk(stage.owner) as desk:
        opened = [event for page in desk.pages(0, 5_000, types=["ticket.opened.v1"]) for event in page]
        assert sorted(event.title for event in opened) == sorted(made.tickets)  # type: ignore[attr-defined]
        assert len(places) == len(letters) == made.noise == desk.drawer.depth()
        replies: dict[object, list[str]] = {}
        for page in desk.pages(0, 5_000, types=["ticket.requester-replied.v1"]):
            for event in page:
                replies.setdefault(event.stream, []).append(event.text)  # type: ignore[attr-defined]
        titles = {event.stream: event.title for event in opened}  # type: ignore[attr-defined]
        assert {titles[stream]: texts for stream, texts in replies.items()} == in_order(made)


def in_order(made: Traffic) -> dict[str, list[str]]:
    """The replies to each ticket, by its title, as they were first sent."""
    title = {(department, ref): body["title"] for department, kind, ref, _, body in made.requests if kind == "open"}
    found: dict[str, list[str]] = {}
    for department, kind, reference, _, body in made.requests:
        texts = found.setdefault(title[department, reference], []) if kind == "reply" else []
        if kind == "reply" and body["text"] not in texts:
            texts.append(body["text"])
    return found


def test_intake_and_outcomes_are_killed_again_and_again(stage: Stage, topics: str) -> None:
    doors = doors_of(stage, topics)
    made = traffic(Random(7), 400, DEPARTMENTS)
    send(stage, doors, made)
    actors = {part: stage.start(part) for part in ("intake", "outcomes")}
    for share in (1, 2, 3):
        stage.until(lambda share=share: decided(stage) >= share * 90, *actors.values())  # type: ignore[misc]
        for part in actors:
            actors[part].kill()
            actors[part] = stage.start(part)
    settle(stage, doors, made, *actors.values())
    must_be_done_once(stage, doors, made)


def test_outcomes_are_killed_in_the_middle_of_a_transaction(stage: Stage, topics: str) -> None:
    doors = doors_of(stage, topics)
    made = traffic(Random(8), 100, DEPARTMENTS)
    send(stage, doors, made)
    intake = stage.start("intake")
    first = stage.start("outcomes", stop_in_transaction=3)
    stage.until(lambda: first.has_said("stopping in a transaction"), intake, first)
    second = stage.start("outcomes")
    stage.until(lambda: second.has_said("state=active"), intake, second)
    first.send(signal.SIGCONT)
    settle(stage, doors, made, intake, second, first)
    must_be_done_once(stage, doors, made)


def test_two_intakes_share_and_one_dies(stage: Stage, topics: str) -> None:
    doors = doors_of(stage, topics)
    made = traffic(Random(9), 400, DEPARTMENTS)
    first, second, telling = stage.start("intake"), stage.start("intake"), stage.start("outcomes")
    stage.until(lambda: first.has_said("partitions=3 of=6") and second.has_said("partitions=3 of=6"), first, second)
    send(stage, doors, made)
    stage.until(lambda: decided(stage) >= 100, first, second, telling)
    first.kill()
    settle(stage, doors, made, second, telling)
    must_be_done_once(stage, doors, made)


@pytest.fixture
def mortal_postgres() -> Iterator[EmbeddedPostgres]:
    with TemporaryDirectory(prefix="acta-mortal-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server


@pytest.mark.soak
def test_everything_is_killed_at_random_under_fifty_thousand_requests(
    mortal_postgres: EmbeddedPostgres, kafka: Broker, mortal_kafka: Broker, topics: str, tmp_path: Path
) -> None:
    prepare(mortal_postgres.dsn())
    stage = make_stage(mortal_postgres.dsn(), kafka, topics, tmp_path)
    doors = doors_of(stage, topics)
    random = Random()
    made = traffic(random, 50_000, DEPARTMENTS)
    try:
        send(stage, doors, made)
        actors = {part: stage.start(part) for part in ("intake", "outcomes", "relay", "project")}

        def again(part: str) -> None:
            actors[part].kill()
            actors[part] = stage.start(part)

        def machine(one: EmbeddedPostgres | Broker) -> None:
            one.kill()
            one.start()

        blows: list[Callable[[], None]] = [
            *(lambda part=part: again(part) for part in actors),  # type: ignore[misc]
            lambda: machine(mortal_postgres),
            lambda: machine(mortal_kafka),
        ]
        for share in range(1, 20):
            wanted = share * 2_500
            stage.until(lambda wanted=wanted: _decided_or_away(stage) >= wanted, *actors.values())  # type: ignore[misc]
            random.choice(blows)()
        settle(stage, doors, made, *actors.values())
        must_be_done_once(stage, doors, made)
    finally:
        stage.clear()


def _decided_or_away(stage: Stage) -> int:
    try:
        return decided(stage)
    except psycopg.OperationalError:
        return 0
