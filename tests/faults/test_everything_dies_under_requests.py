"""Five departments hand in requests over Kafka and HTTP while whatever takes, tells or keeps them is killed.

``ACTA_SOAK_SEED`` draws the same traffic and the same order of blows again; where within them a blow falls, the machine
decides.
"""

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom

import psycopg
import pytest

from consumers.doors import Doors
from deploy import child
from deploy.embedded import EmbeddedPostgres
from deploy.running import issue_key
from desks import open_desk, prepare
from door_calls import Caller
from door_stage import decided, doors_of, must_be_done_once, outcomes, settle
from door_talk import Sender
from machines import Broker
from stages import Actor, Stage, make_stage
from traffic import BATCH, NOISE, SINGLY, TOPIC, Asked, Traffic, traffic

DEPARTMENTS = ("it", "hr", "finance", "legal", "facilities")
WAYS = (TOPIC, TOPIC, SINGLY, BATCH)
PROCESSES = ("intake", "outcomes", "relay", "api", "project")


class Software:
    """What the departments run: it sends what it is given, in order on each way, whatever breaks meanwhile."""

    def __init__(self, stage: Stage, doors: Doors) -> None:
        url = f"http://127.0.0.1:{stage.world.port}"
        with open_desk(stage.owner) as desk:
            keys = {name: issue_key(desk, f"software-{name}", "service", (name,)) for name in doors.departments}
        self.callers = {(name, way): Caller(url, keys[name], name) for name in keys for way in (SINGLY, BATCH)}
        self._sender = Sender(stage.world.client, doors)
        self._lanes = {name: ThreadPoolExecutor(1) for name in (TOPIC, *self.callers)}
        self._sent: list[Future[None]] = []

    def give(self, asked: Sequence[Asked]) -> None:
        """Have this sent behind what was given before."""
        to_topics = [one for one in asked if one.way == TOPIC]
        self._sent.append(self._lanes[TOPIC].submit(self._sender.send, to_topics))
        for (department, way), caller in self.callers.items():
            to_caller = [one for one in asked if (one.department, one.way) == (department, way)]
            self._sent.append(self._lanes[department, way].submit(caller.send, to_caller))

    def must_go_on(self) -> None:
        """Raise what has ended the sending."""
        for future in self._sent:
            if future.done():
                future.result()

    def finish(self) -> None:
        """Return when everything is sent, and answered where it was over HTTP."""
        for future in self._sent:
            future.result()
        for lane in self._lanes.values():
            lane.shutdown()
        for caller in self.callers.values():
            caller.close()
        self._sender.close()
        # kafka-python leaves the sockets of connections that were refused to the collector.
        gc.collect()


class Killing:
    """Ends processes and machines at once, and starts them again."""

    def __init__(self, stage: Stage, postgres: EmbeddedPostgres, kafka: Broker) -> None:
        self._stage = stage
        self._machines: dict[str, EmbeddedPostgres | Broker] = {"postgresql": postgres, "broker": kafka}
        self.actors: dict[str, Actor] = {part: stage.start(part) for part in PROCESSES}
        self.blows: Counter[str] = Counter()

    def draw(self, random: Random, each: int) -> list[set[str]]:
        """In which order everything is struck ``each`` times; some are struck down together."""
        left = [name for name in (*self._machines, *self.actors) for _ in range(each)]
        random.shuffle(left)
        drawn = []
        while left:
            names = {left.pop()}
            if left and left[-1] not in names and random.randrange(4) == 0:
                names.add(left.pop())
            drawn.append(names)
        return drawn

    def strike(self, names: set[str]) -> None:
        """All at the same time; machines come back before what needs them."""
        self.blows.update(names)
        for name in names:
            (self.actors.get(name) or self._machines[name]).kill()
        for name in names & self._machines.keys():
            self._machines[name].start()
        for name in names & self.actors.keys():
            self.actors[name] = self._stage.start(name)


@pytest.fixture
def mortal_stage(
    mortal_postgres: EmbeddedPostgres,
    kafka: Broker,
    mortal_kafka: Broker,
    topics: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Stage]:
    """A stage on machines that may be killed."""
    # What is captured of kafka-python's complaints holds its sockets.
    caplog.set_level(logging.CRITICAL, logger="kafka")
    prepare(mortal_postgres.dsn())
    stage = make_stage(mortal_postgres.dsn(), kafka, topics, tmp_path)
    stage.world = replace(stage.world, port=child.free_ports(1)[0])
    yield stage
    stage.clear()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(
    ("size", "each"), [(1_000, 1), pytest.param(50_000, 5, marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_everything_is_killed_at_random_under_requests(
    mortal_stage: Stage, mortal_postgres: EmbeddedPostgres, mortal_kafka: Broker, topics: str, size: int, each: int
) -> None:
    seed = int(os.environ.get("ACTA_SOAK_SEED") or SystemRandom().randrange(1_000_000))
    print(f"seed {seed}")
    stage, random = mortal_stage, Random(seed)
    doors = doors_of(stage, topics, DEPARTMENTS)
    made = traffic(random, size, DEPARTMENTS, WAYS)
    software = Software(stage, doors)
    killing = Killing(stage, mortal_postgres, mortal_kafka)
    drawn = killing.draw(random, each)

    def reached(wanted: int) -> bool:
        software.must_go_on()
        return decided_so_far(stage) >= wanted

    given = 0
    for number, names in enumerate(drawn, 1):
        share = slice(given, number * len(made.requests) // (len(drawn) + 1))
        before, given = made.distinct(share.start), share.stop
        software.give(made.requests[share])
        moment = random.randint(before, made.distinct(given))
        stage.until(lambda moment=moment: reached(moment), *killing.actors.values())  # type: ignore[misc]
        killing.strike(names)
        print(f"at {moment}: {' and '.join(sorted(names))}")
    software.give(made.requests[given:])
    everything = made.distinct(len(made.requests))
    stage.until(lambda: reached(everything), *killing.actors.values())
    software.finish()
    settle(stage, doors, made, *killing.actors.values())
    stage.settle(*killing.actors.values())
    assert set(killing.blows.values()) == {each}
    print(f"struck: {dict(killing.blows)}; connections broken: {sum(one.broken for one in software.callers.values())}")
    must_be_done_once(stage, doors, made)
    what_was_answered_must_be_what_was_told(stage, doors, made, software)
    stage.must_be_whole()


def decided_so_far(stage: Stage) -> int:
    """How many requests are decided, as far as PostgreSQL says so now."""
    try:
        return decided(stage)
    except psycopg.OperationalError:
        return 0


def what_was_answered_must_be_what_was_told(stage: Stage, doors: Doors, made: Traffic, software: Software) -> None:
    """Who asked over HTTP got the answer, the same each time, that stands on the topic of outcomes."""
    told = {
        (department, outcome.body["request"]["id"]): outcome.body.get("number") or outcome.body["problem"]["code"]
        for department, outcome in outcomes(stage, doors)
    }
    for (department, way), caller in software.callers.items():
        mine = [one for one in made.requests if (one.department, one.way) == (department, way)]
        expected = {one.id: {told[department, one.id]} for one in mine if one.kind != NOISE}
        if any(one.kind == NOISE for one in mine):
            expected[""] = {"not-a-request"}
        assert caller.told == expected
