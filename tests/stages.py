"""A world for processes to be killed in, and what must be true of it at the end."""

import json
import os
import signal
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import IO, Any

import psycopg
from psycopg import sql

from actors import World
from consumers.kafka.cloudevents import Head, partition_of
from consumers.kafka.topics import ensure_topic
from consuming import messages
from desks import as_role, open_desk
from domain.store.recorder import SealedEvent
from machines import Broker, tied
from watching import must_equal_the_store

PARTITIONS = 3


class Actor:
    """A process, and what it has said."""

    def __init__(self, part: str, world: World, environment: dict[str, str]) -> None:
        script = Path(__file__).with_name("actors.py")
        self.process = subprocess.Popen(
            tied([sys.executable, str(script), part, json.dumps(asdict(world))]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self.said: list[str] = []
        self._listener = Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._listener.start()

    def _listen(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self.said.append(line.rstrip())

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)

    def wake(self) -> None:
        """Let it go on where it has stopped itself; that it stops it says a moment before."""
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as the system would: at once."""
        self.process.kill()
        self._collect()

    def end(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        return self._collect()

    def _collect(self) -> int:
        code = self.process.wait()
        self._listener.join()
        return code


class Stage:
    """A world, its processes, and what must be true of it at the end."""

    def __init__(self, owner: str, world: World) -> None:
        self.owner = owner
        self.world = world
        self.actors: list[Actor] = []

    def start(self, part: str, *, stop_at: int = 0, **more: Any) -> Actor:
        environment = {"WATCHING_STOP_AT": str(stop_at)} if stop_at else {}
        actor = Actor(part, replace(self.world, **more), environment)
        self.actors.append(actor)
        return actor

    def receipts(self) -> list[tuple[int, str, int]]:
        """What writers were told, as far as it is written down whole."""
        path = Path(self.world.receipts)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        words = [line.split() for line in lines if line.endswith("\n")]
        return [(int(position), stream, int(version)) for position, stream, version in words]

    def head(self) -> int:
        return self.number("SELECT coalesce(max(position), 0) FROM acta.events")

    def complete_to(self) -> int:
        """How far the watching view is complete."""
        if self.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'projections' AND tablename = 'marks'") == 0:
            return 0
        return self.number(
            "SELECT CASE count(*) WHEN %s THEN min(position) ELSE 0 END"
            " FROM projections.marks WHERE edition = 'watching_v1'",
            PARTITIONS,
        )

    def number(self, query: str, *given: Any) -> int:
        with psycopg.connect(self.owner) as connection:
            row = connection.execute(query, given or None).fetchone()  # type: ignore[arg-type]
            return int(row[0]) if row else 0

    def more(self, events: int = 60, *alive: Actor) -> None:
        """Wait until so many more events are recorded."""
        wanted = self.head() + events
        self.until(lambda: self.head() >= wanted, *alive)

    def until(self, condition: Callable[[], bool], *alive: Actor) -> None:
        """Return once ``condition()`` holds; fail when a process it depends on has ended."""
        pause = Flag()
        while not condition():
            for actor in alive:
                assert actor.alive, "\n".join(actor.said)
            pause.wait(0.05)

    def settle(self, *alive: Actor) -> None:
        """Wait until topic and view have all that is recorded."""
        self.until(lambda: self.complete_to() == self.head(), *alive)

    def must_be_whole(self) -> None:
        """Nothing lost, doubled, skipped or out of order; what was acknowledged is there."""
        rows = self._stored()
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        places = {(str(stream), version): position for position, stream, version, _ in rows}
        receipts = self.receipts()
        assert all(places.get((stream, version)) == position for position, stream, version in receipts)
        self.topic_must_hold_the_store()
        must_equal_the_store(self.owner)

    def _stored(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.owner) as connection:
            return connection.execute("SELECT position, stream, version, body FROM acta.events ORDER BY 1").fetchall()

    def topic_must_hold_the_store(self) -> None:
        """Every event exactly once, in its partition, in order, with the bytes that are stored; no head too early."""
        rows = self._stored()
        found = messages(self.world.client, self.world.topic)
        bodies = {position: (stream, version, body) for position, stream, version, body in rows}
        for partition, batch in found.items():
            reached = 0
            for message in batch:
                assert message.position > reached
                reached = message.position
                if isinstance(message, Head):
                    continue
                stream, version, body = bodies.pop(message.position)
                assert (message.originator_id, message.originator_version, message.state) == (stream, version, body)
                assert partition_of(stream, len(found)) == partition
        assert not bodies
        self.heads_must_be_true(found, [(position, stream) for position, stream, _, _ in rows])

    def heads_must_be_true(self, found: dict[int, list[SealedEvent | Head]], placed: list[tuple[int, Any]]) -> None:
        """When a partition says that it is complete up to a position, it is."""
        for partition, batch in found.items():
            own = [position for position, stream in placed if partition_of(stream, len(found)) == partition]
            given = 0
            for message in batch:
                if isinstance(message, SealedEvent):
                    given += 1
                else:
                    assert given == bisect_right(own, message.position)

    def clear(self) -> None:
        """End everybody."""
        for actor in self.actors:
            actor.kill()


def make_stage(owner: str, kafka: Broker, topics: str, folder: Path) -> Stage:
    """A configured desk in a prepared database, and a topic."""
    name = str(psycopg.conninfo.conninfo_to_dict(owner)["dbname"])
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))
    with open_desk(owner):
        pass
    topic = f"{topics}events"
    ensure_topic({"bootstrap_servers": kafka.bootstrap}, topic, PARTITIONS)
    world = World(
        as_role(owner, "acta_app"),
        as_role(owner, "acta_projector"),
        kafka.bootstrap,
        topic,
        str(folder / "receipts"),
    )
    return Stage(owner, world)
