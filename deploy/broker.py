"""An Apache Kafka broker in a folder: the jars of Maven Central run with the machine's Java, no Docker.

    folder/data                the topics
    folder/server.properties   written at every start from deploy/kafka/server.properties
    folder/ports.json          the two ports, kept so that a restarted broker is found where it was
    folder/keeper.lock         held by the process whose child the broker is
    folder/broker.log          what the broker says

For development and tests: one node, no encryption, no accounts, reachable from this machine only; a subclass may ask
who comes (``settings``, ``format_options``, ``client``).
"""

import atexit
import base64
import fcntl
import json
import logging
import shutil
import signal
import socket
import string
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Event as Flag
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree

import psutil
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy import child

DESCRIPTION = Path(__file__).with_name("kafka")
JARS = Path(__file__).parents[1] / ".kafka"
JAVA_VERSION = 17  # the least a broker of Kafka 4 runs on
COPY = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"
START_SECONDS = 120.0
STOP_SECONDS = 30.0
# The serial collector and a small heap start fastest; measured 2.9 s against 3.6 s with Java's defaults. To compile
# thoroughly takes half of the broker's processor time in its first minutes, at the worst moments: on two cores, at 500
# requests per s, the 99th percentile from request to outcome was 309 ms with it and 126 ms without.
JAVA_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")


class NoBroker(RuntimeError):
    """This machine cannot run a broker from Maven Central; the message says what is missing."""


class EmbeddedKafka:
    """One broker and its data; unlike PostgreSQL it has no guests: one process starts it and owns it."""

    def __init__(self, folder: Path, port: int = 0, jars: Path = JARS) -> None:
        """``port`` 0 takes the one used last in this folder, else a free one; ``jars`` is the cache of downloads."""
        self.folder = folder.resolve()
        self.log = self.folder / "broker.log"
        self.jars = jars.resolve()
        self._wanted_port = port
        self._ports: tuple[int, int] = (0, 0)
        self._keeper = child.Keeper(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address clients begin at."""
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def pid(self) -> int:
        """The process id of the running broker; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def client(self) -> dict[str, Any]:
        """What a client is given that is let in."""
        return {"bootstrap_servers": self.bootstrap}

    def settings(self) -> str:
        """Properties added to the file's, or put in their place."""
        return ""

    def format_options(self) -> list[str]:
        """More words for `kafka-storage format`."""
        return []

    def start(self) -> None:
        """Fetch the jars if need be, format the folder if it is new, start, return when an admin client gets in.

        :raises NoBroker: without Java, or without Maven or its repository and the jars not fetched before
        :raises deploy.child.WillNotStart: with the end of the broker's log
        """
        if self._process is not None:
            return
        jars = fetch(self.jars)
        java = find_java()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._keeper.take():
            raise child.WillNotStart(f"Another process keeps the broker of {self.folder}.")
        try:
            self._end_orphan()
            self._ports = self._choose_ports()
            run = [java, *JAVA_OPTIONS, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
            self._configure(run)
            child.turn_over(self.log)
            self._process = self._run([*run, "kafka.Kafka", str(self.folder / "server.properties")])
        except BaseException:
            self._keeper.release()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Close in order; what was committed is kept."""
        if self._process is not None:
            child.end(self._process, (signal.SIGTERM, STOP_SECONDS))
            self._forget()

    def kill(self) -> None:
        """End at once with SIGKILL. Kafka leaves writing out to the system, so what it had acknowledged is kept."""
        if self._process is not None:
            child.end(self._process)
            self._forget()

    def wait(self, stop: Flag) -> None:
        """Return when the flag is set; raises ``WillNotStart`` when the broker ends before."""
        while not stop.wait(0.5):
            if self._process is not None and self._process.poll() is not None:
                raise child.WillNotStart(f"The broker has ended; {self.log} says why.")

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self) -> None:
        self._process = None
        self._keeper.release()
        atexit.unregister(self.stop)

    def _choose_ports(self) -> tuple[int, int]:
        """The ports of clients and of the controller: those of last time when they are free, else others."""
        path = self.folder / "ports.json"
        kept = self._ports if self._ports[0] else tuple(json.loads(path.read_text())) if path.exists() else (0, 0)
        fresh = child.free_ports(2)
        ports = [last if last and child.port_is_free(last) else free for last, free in zip(kept, fresh, strict=True)]
        if self._wanted_port:
            ports[0] = self._wanted_port
        path.write_text(json.dumps(ports))
        return ports[0], ports[1]

    def _configure(self, run: list[str]) -> None:
        """Write the properties; give a new folder its identity (`kafka-storage format`)."""
        template = string.Template((DESCRIPTION / "server.properties").read_text())
        properties = self.folder / "server.properties"
        data = self.folder / "data"
        properties.write_text(
            template.substitute(port=self._ports[0], controller_port=self._ports[1], data=_escaped(data))
            + self.settings()
        )
        if (data / "meta.properties").exists():
            return
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if identity.startswith("-"):  # would be read as an option
            identity = "A" + identity[1:]
        words = ["kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(properties)]
        words += self.format_options()
        formatted = subprocess.run([*run, *words], capture_output=True, text=True, check=False)
        if formatted.returncode != 0:
            raise child.WillNotStart(f"The broker's folder cannot be formatted:\n{formatted.stdout}{formatted.stderr}")

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = child.spawn(command, self.log, signal.SIGKILL)
        try:
            lets_in = partial(answers, self.bootstrap, self.client)
            child.wait_until(lets_in, lambda: process.poll() is None, START_SECONDS, self.log)
        except BaseException:
            child.end(process)
            raise
        (self.folder / "broker.pid").write_text(str(process.pid))
        return process

    def _end_orphan(self) -> None:
        """Kill a broker of this folder whose keeper was killed where the system does not do so itself."""
        path = self.folder / "broker.pid"
        if not path.exists():
            return
        try:
            process = psutil.Process(int(path.read_text()))
            if str(self.folder / "server.properties") in process.cmdline():
                process.kill()
                child.wait_gone([process], 30)
        except psutil.NoSuchProcess:
            pass
        path.unlink()


def answers(bootstrap: str, client: Mapping[str, Any] | None = None) -> bool:
    """Whether a broker at this address lets an admin client in."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()  # a client of Kafka is a costly way to learn no
    except OSError:
        return False
    speaker = logging.getLogger("kafka")
    level = speaker.level
    speaker.setLevel(logging.CRITICAL)  # refusals while it starts are what we wait through
    try:
        KafkaAdminClient(**(client or {"bootstrap_servers": bootstrap}), bootstrap_timeout_ms=1000).close()
    except KafkaError:
        return False
    finally:
        speaker.setLevel(level)
    return True


def version() -> str:
    """The version of Kafka named in deploy/kafka/pom.xml."""
    names = {"m": "http://maven.apache.org/POM/4.0.0"}
    found = ElementTree.parse(DESCRIPTION / "pom.xml").findtext("m:dependencies/m:dependency/m:version", "", names)
    if not found:
        raise NoBroker(f"{DESCRIPTION / 'pom.xml'} names no version of Kafka.")
    return found


def fetch(cache: Path) -> Path:
    """The folder with the broker's jars, fetched by Maven when it is not there; whole or not at all."""
    jars = cache / f"kafka-{version()}"
    if jars.exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker("Maven (mvn) is not installed, and the broker's jars have not been fetched before.")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("a") as lock, tempfile.TemporaryDirectory(dir=cache, prefix="new-") as made:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.exists():  # somebody fetched them while we waited
            return jars
        command = [maven, "--batch-mode", "--quiet", "--file", str(DESCRIPTION / "pom.xml"), COPY]
        command += [f"-DoutputDirectory={made}/jars", "-DincludeScope=runtime"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=made)
        if done.returncode != 0:
            raise NoBroker(f"Maven could not fetch the broker's jars:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        Path(made, "jars").rename(jars)
    return jars


def find_java() -> str:
    """The path of a Java that runs the broker."""
    java = shutil.which("java")
    if java is None:
        raise NoBroker(f"Java {JAVA_VERSION} or later is not installed.")
    said = subprocess.run([java, "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=False)
    for line in said.stderr.splitlines():
        name, _, number = line.strip().partition(" = ")
        if name == "java.specification.version":
            if float(number) >= JAVA_VERSION:
                return java
            raise NoBroker(f"Java {number} is too old for the broker, which needs {JAVA_VERSION} or later.")
    raise NoBroker(f"{java} does not say its version:\n{said.stderr[-1000:]}")


def _escaped(path: Path) -> str:
    """A path as a value of a Java properties file."""
    return str(path).replace("\\", "\\\\")
