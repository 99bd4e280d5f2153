"""Where the bench runs: its own PostgreSQL and broker in a temporary folder, databases, desks, and Acta's processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from threading import Event as Flag

import psutil

from consumers.kafka.topics import Client, ensure_topic
from deploy import child
from deploy.embedded import EmbeddedPostgres
from deploy.running import issue_key
from domain.access.principal import system
from domain.desk import Desk
from domain.envelope import Act
from domain.setup.events import EVERYWHERE, CalendarVersioned, PolicyVersioned
from tests.desks import KEK, SMALL_DESK, as_role, prepare
from tests.machines import Databases, find_broker

PARTITIONS = 6
BENCH = system("bench")
ACT = Act(actor=BENCH.actor, channel="bench")
SERVICE_LEVEL = (
    CalendarVersioned(
        calendar="office",
        calendar_version=1,
        zone="Europe/Berlin",
        openings=dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (("09:00", "17:00"),)),
    ),
    PolicyVersioned(
        policy="standard",
        policy_version=1,
        calendar="office",
        calendar_version=1,
        condition={"department": "it"},
        terms={"targets": {"first_response": {"minutes": 240}, "resolution": {"minutes": 1440}}},
    ),
)
_PAUSE_S = 0.02


@dataclass(frozen=True)
class Options:
    """How much to measure: ``scale`` is what sizes are multiplied with."""

    quick: bool = False
    large: bool = False
    runs: int = 3
    log: Path | None = None

    def size(self, full: int, quick: int) -> int:
        """How many of something."""
        return quick if self.quick else full


class Place:
    """Opens what is asked for when it is first asked for, and closes all of it in the end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stack = ExitStack()
        self._topics = 0

    @cached_property
    def folder(self) -> Path:
        """A folder that goes with the bench."""
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="acta-bench-")))

    @cached_property
    def databases(self) -> Databases:
        """The databases of a server of our own."""
        return Databases(self.stack.enter_context(EmbeddedPostgres(self.folder / "postgres")))

    @cached_property
    def kafka(self) -> Client:
        """A broker; raises ``NoBroker`` when there is none to be had."""
        broker, _ = find_broker(self.folder / "kafka")
        self.stack.callback(broker.remove if hasattr(broker, "remove") else broker.stop)
        return {"bootstrap_servers": [broker.bootstrap]}

    def topic(self) -> str:
        """A topic for events that nobody has used."""
        self._topics += 1
        name = f"bench.{self._topics}"
        ensure_topic(self.kafka, name, PARTITIONS)
        return name

    @contextmanager
    def empty(self) -> Iterator[str]:
        """A database with nothing in it, as its owner's address."""
        dsn = self.databases.fresh()
        try:
            yield dsn
        finally:
            self.databases.drop(dsn)

    @contextmanager
    def store(self) -> Iterator[str]:
        """A database with the store in it, as its owner's address."""
        dsn = self.databases.fresh()
        prepare(dsn)
        try:
            yield dsn
        finally:
            self.databases.drop(dsn)

    def environment(self, owner_dsn: str, **more: str) -> dict[str, str]:
        """What Acta's processes on a database are told."""
        kek = self.folder / "kek"
        kek.touch(mode=0o600)
        kek.write_bytes(KEK)
        given = {name: value for name, value in os.environ.items() if not name.startswith("ACTA_")}
        return given | {
            "ACTA_DATABASE_URL": as_role(owner_dsn, "acta_app"),
            "ACTA_PROJECTOR_DATABASE_URL": as_role(owner_dsn, "acta_projector"),
            "ACTA_KEK_FILE": str(kek),
            "ACTA_LOG_LEVEL": "warning",
            **more,
        }

    def kafka_environment(self, owner_dsn: str, topic: str) -> dict[str, str]:
        """The same for those that follow the store through Kafka."""
        servers = ",".join(self.kafka["bootstrap_servers"])
        return self.environment(owner_dsn, ACTA_KAFKA=servers, ACTA_TOPIC=topic, ACTA_PARTITIONS=str(PARTITIONS))


@contextmanager
def desk_on(owner_dsn: str, *, service_level: bool = False) -> Iterator[Desk]:
    """A configured desk in this process."""
    desk = Desk(as_role(owner_dsn, "acta_app"), KEK)
    try:
        if not desk.setup().departments:
            desk.configure(lambda setup: (*SMALL_DESK, *(SERVICE_LEVEL if service_level else ())), ACT)
        yield desk
    finally:
        desk.close()


class Process:
    """A process with its children."""

    def __init__(self, opened: "subprocess.Popen[bytes]") -> None:
        self._opened = opened

    def _all(self) -> list[psutil.Process]:
        parent = psutil.Process(self._opened.pid)
        return [parent, *parent.children(recursive=True)]

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._opened.poll() is None

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._opened.poll()

    def cpu_s(self) -> float:
        """Processor time so far, in seconds."""
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._all()))

    def memory_mb(self) -> float:
        """Resident memory of the largest of its processes, in MB."""
        return max(process.memory_info().rss for process in self._all()) / 1e6


@contextmanager
def process(arguments: list[str], environment: dict[str, str]) -> Iterator[Process]:
    """A Python process, ended with SIGTERM."""
    opened = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield Process(opened)
    finally:
        opened.terminate()
        opened.wait()


def acta(*words: str) -> list[str]:
    """The command line ``acta …`` as Python's arguments."""
    return ["-c", "from deploy.cli import main; main()", *words]


@contextmanager
def serving(
    place: Place, owner_dsn: str, workers: int, started_as: list[str] | None = None
) -> Iterator[tuple[int, str, Process]]:
    """The API over a database: its port, an admin's key, and its processes; ``started_as`` are Python's arguments."""
    with desk_on(owner_dsn) as desk:
        key = issue_key(desk, "alice", "admin", (EVERYWHERE,))
    port = child.free_ports(1)[0]
    environment = place.environment(owner_dsn, ACTA_PORT=str(port), ACTA_WORKERS=str(workers))
    with process(started_as or acta("serve"), environment) as running:
        wait(lambda: answers(port, "/healthz"), running)
        yield port, key, running


def answers(port: int, path: str) -> bool:
    """Whether a server answers at this port."""
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", path)
        connection.getresponse().read()
    except OSError:
        return False
    return True


def wait(ready: Callable[[], bool], *needed: Process) -> None:
    """Return once ``ready()`` holds; raises when a process that it depends on has ended."""
    pause = Flag()
    while not ready():
        if not all(one.alive for one in needed):
            raise RuntimeError("a process of the bench has ended; what it said stands above")
        pause.wait(_PAUSE_S)
