"""The machines every test may ask for, and what the report says about them.

``postgres``      one real server for the whole run; ``database`` a fresh database of it, as its owner's DSN
``kafka``         one real broker for the whole run, started when a test first asks; ``topics`` a prefix of one's own
``mortal_kafka``  the same broker for a test that kills it

Run side by side (``-n``), each process has machines of its own: a role has one password on a server, and a server that
is killed must be nobody else's.
"""

import faulthandler
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from consumers.kafka.closed_sockets import close_sockets
from deploy.broker import NoBroker
from deploy.embedded import EmbeddedPostgres
from machines import Broker, Databases, DockerBroker, GivenBroker, Prepare, describe_postgres, find_broker

HERE = Path(__file__).parent
BROKERS = pytest.StashKey[dict[str, str]]()
"""What became of the search for a broker: where they are from under ``found``, why there are none under ``missing``."""
LONG = ("faults", "whole")
"""Folders of tests that take long: side by side they begin first, so that at the end no process waits for another."""

settings.register_profile("no time limits", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no time limits")
close_sockets()


def pytest_report_header() -> list[str]:
    """Say which machines this run will use."""
    given = os.environ.get("ACTA_TEST_KAFKA")
    kafka = given or "Docker, else Maven Central, when a test asks for it"
    return [f"PostgreSQL: {describe_postgres()}", f"Kafka: {kafka}"]


def pytest_configure(config: pytest.Config) -> None:
    """Nobody has asked for a broker yet."""
    config.stash[BROKERS] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whoever asks for a broker is marked ``kafka``, so that ``-m 'not kafka'`` leaves no one out."""
    for item in items:
        if {"kafka", "mortal_kafka", "topics"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
    if hasattr(config, "workeroutput"):
        items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in LONG)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is to run for long does not hang after ten minutes."""
    if item.get_closest_marker("soak"):
        faulthandler.cancel_dump_traceback_later()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells the one that reports which broker it used."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= session.config.stash[BROKERS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear what a process of several used."""
    said = getattr(node, "workeroutput", {})
    node.config.stash[BROKERS] |= {outcome: said[outcome] for outcome in ("found", "missing") if outcome in said}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker was used; loudly, if there was none."""
    brokers = config.stash[BROKERS]
    if "missing" in brokers:
        reason = " ".join(brokers["missing"].split())
        terminalreporter.write_line(f"NO KAFKA, ITS TESTS DID NOT RUN: {reason}", red=True, bold=True)
    elif "found" in brokers:
        terminalreporter.write_line(f"Kafka: {brokers['found']}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="acta-postgres-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Databases:
    """Databases of the server, for a test that needs several."""
    return Databases(postgres)


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    """What ``database`` holds at the start: nothing. Override with a function that fills an empty database."""
    return None


@pytest.fixture
def database(databases: Databases, database_template: Prepare | None) -> Iterator[str]:
    """A fresh database, as its owner's DSN."""
    dsn = databases.fresh(database_template)
    yield dsn
    databases.drop(dsn)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """One broker; without one the test is skipped, or fails where ``ACTA_REQUIRE_KAFKA=1``."""
    brokers = request.config.stash[BROKERS]
    with tempfile.TemporaryDirectory(prefix="acta-kafka-") as folder:
        try:
            broker, brokers["found"] = find_broker(Path(folder))
        except NoBroker as reason:
            brokers["missing"] = str(reason)
            if os.environ.get("ACTA_REQUIRE_KAFKA") == "1":
                pytest.fail(f"ACTA_REQUIRE_KAFKA=1, but: {reason}", pytrace=False)
            pytest.skip("no Kafka broker")
        yield broker
        if isinstance(broker, DockerBroker):
            broker.remove()
        else:
            broker.stop()


@pytest.fixture
def mortal_kafka(kafka: Broker) -> Iterator[Broker]:
    """The broker, for a test that stops or kills it; runs again afterwards."""
    if isinstance(kafka, GivenBroker):
        pytest.skip("the broker of ACTA_TEST_KAFKA is not ours to kill")
    yield kafka
    kafka.start()


@pytest.fixture
def topics(kafka: Broker) -> str:
    """A prefix for the names of topics that no other test uses."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture(autouse=True)
def _broker_where_marked(request: pytest.FixtureRequest) -> None:
    """A test marked ``kafka`` needs the broker even where it finds it by itself."""
    if request.node.get_closest_marker("kafka"):
        request.getfixturevalue("kafka")
