"""Who delivers webhooks is killed or stopped in the middle: all of it arrives, in order, and each under one id."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from actors import World
from api.problems import told
from consumers.telling import TYPES, Teller
from desks import ACT, as_role, give, open_desk
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.doors import doorkeeper, take
from domain.request.letter import Letter
from domain.store.deliveries import LoggedAttempt
from receivers import Receiver, Say, receiving
from stages import Actor, Stage


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage without a topic."""
    with open_desk(database):
        pass
    app, views = as_role(database, "acta_app"), as_role(database, "acta_projector")
    stage = Stage(database, World(app, views, "", "", str(tmp_path / "receipts")))
    yield stage
    stage.clear()


def send(desk: Desk, random: Random, size: int) -> None:
    """Requests of a department's software, about a few matters, and what happens to their tickets."""
    door = doorkeeper(desk.keys, "it")
    for number in range(size):
        kind = "open" if number < 10 else "reply"
        data = {"title": f"Matter {number}"} if kind == "open" else {"text": "Is it there?"}
        letter = Letter(
            department="it",
            type=f"acta.request.{kind}.v1",
            source="/hr",
            id=str(number),
            reference=f"HR-{random.randrange(10) if number >= 10 else number}",
            traceparent="",
            data=msgspec.json.encode(data),
        )
        take(desk, letter, door, "kafka").result()
        if number >= 10 and random.random() < 0.2:
            give(desk, "reply", str(random.randrange(10) + 1), text="On its way")


def registered(desk: Desk, receiver: Receiver) -> str:
    wanted = w.Wanted(url=receiver.url, tells=("outcomes", "facts"))
    return w.register(desk, ACT, "it", wanted, plain_hosts=("127.0.0.1",)).webhook.webhook


def expected(desk: Desk) -> dict[str, int]:
    """The id and position of everything that is told."""
    teller = Teller(desk, told)
    messages = [teller.message(event) for event in desk.feed(0, 10_000, types=TYPES)]
    return {message.id: message.event.position for message in messages if message is not None}


def settle(stage: Stage, webhook: str, wanted: dict[str, int], receiver: Receiver, *alive: Actor) -> None:
    """Wait until everything has arrived and nothing waits any more."""
    stage.until(lambda: wanted.keys() <= {came.id for came in receiver.taken}, *alive)
    stage.until(lambda: stage.number("SELECT count(*) FROM acta.webhook_deliveries") == 0, *alive)


def must_be_in_order(wanted: dict[str, int], receiver: Receiver) -> None:
    """Of each matter in the order in which it was recorded, for whoever lets pass what has come under its id before."""
    assert {came.id for came in receiver.taken} == wanted.keys()
    seen: set[str] = set()
    last: dict[str, int] = {}
    for came in receiver.taken:
        if came.id not in seen:
            seen.add(came.id)
            matter = came.event["partitionkey"]
            assert wanted[came.id] > last.get(matter, 0), matter
            last[matter] = wanted[came.id]


def log(desk: Desk, webhook: str) -> list[LoggedAttempt]:
    return desk.deliveries.log(webhook, limit=100_000)


def test_it_is_killed_again_and_again(scene: Stage) -> None:
    random = Random(11)
    with receiving(lambda came: Say(500 if random.random() < 0.1 else 204)) as receiver, open_desk(scene.owner) as desk:
        webhook = registered(desk, receiver)
        send(desk, random, 200)
        wanted = expected(desk)
        actor = scene.start("webhooks")
        for share in range(1, 4):
            scene.until(lambda share=share: len(receiver.taken) >= share * 50, actor)  # type: ignore[misc]
            actor.kill()
            actor = scene.start("webhooks")
        settle(scene, webhook, wanted, receiver, actor)
        must_be_in_order(wanted, receiver)
        delivered = {attempt.message for attempt in log(desk, webhook) if attempt.outcome == "delivered"}
        assert delivered == wanted.keys()


@pytest.mark.parametrize(("keeping", "number"), [("follow", 1), ("read", 1), ("settle", 1), ("settle", 4)])
def test_it_is_killed_before_it_keeps_what_it_has_done(scene: Stage, keeping: str, number: int) -> None:
    with receiving() as receiver, open_desk(scene.owner) as desk:
        webhook = registered(desk, receiver)
        send(desk, Random(12), 60)
        wanted = expected(desk)
        first = scene.start("webhooks", stop_before_keeping=number, keeping=keeping)
        scene.until(lambda: first.has_said("stopping before keeping"), first)
        first.kill()
        taken = receiver.ids()
        settle(scene, webhook, wanted, receiver, scene.start("webhooks"))
        must_be_in_order(wanted, receiver)
        again = [id for id in receiver.ids()[len(taken) :] if id in taken]
        assert bool(again) == (keeping == "settle"), "what is not known to be taken is sent again"


def test_one_that_is_stopped_is_succeeded_and_does_no_harm_when_it_wakes_up(scene: Stage) -> None:
    with receiving() as receiver, open_desk(scene.owner) as desk:
        webhook = registered(desk, receiver)
        send(desk, Random(13), 120)
        wanted = expected(desk)
        first = scene.start("webhooks", stop_before_keeping=3)
        scene.until(lambda: first.has_said("stopping before keeping"), first)
        second = scene.start("webhooks")
        scene.until(lambda: second.has_said("state=active"), second)
        first.wake()
        settle(scene, webhook, wanted, receiver, second)
        scene.until(lambda: first.has_said("state=interrupted"), first)
        take_one(desk)
        settle(scene, webhook, expected(desk), receiver, second)
        must_be_in_order(expected(desk), receiver)


def take_one(desk: Desk) -> None:
    """Decide one more request."""
    letter = Letter(
        department="it",
        type="acta.request.open.v1",
        source="/hr",
        id="one more",
        reference="HR-more",
        traceparent="",
        data=b'{"title": "One more"}',
    )
    take(desk, letter, doorkeeper(desk.keys, "it"), "kafka").result()


def test_a_receiver_that_dies_and_comes_back_gets_what_it_has_missed(scene: Stage) -> None:
    with receiving() as receiver, open_desk(scene.owner) as desk:
        receiver.script = lambda came: Say(cut=len(receiver.came) <= 30)
        webhook = registered(desk, receiver)
        send(desk, Random(14), 60)
        wanted = expected(desk)
        actor = scene.start("webhooks")
        settle(scene, webhook, wanted, receiver, actor)
        must_be_in_order(wanted, receiver)
