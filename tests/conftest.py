"""The machines every test may ask for, and what the report says about them.

``postgres``      one real server for the whole run; ``database`` a fresh database of it, as its owner's DSN
``kafka``         one real broker for the whole run, started when a test first asks; ``topics`` a prefix of one's own
``mortal_kafka``  the same broker for a test that kills it
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import NoBroker
from deploy.embedded import EmbeddedPostgres
from machines import Broker, Databases, DockerBroker, GivenBroker, Prepare, describe_postgres, find_broker

BROKER = pytest.StashKey[str]()
NO_BROKER = pytest.StashKey[str]()


def pytest_report_header() -> list[str]:
    """Say which machines this run will use."""
    given = os.environ.get("ACTA_TEST_KAFKA")
    kafka = given or "Docker, else Maven Central, when a test asks for it"
    return [f"PostgreSQL: {describe_postgres()}", f"Kafka: {kafka}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for a broker is marked ``kafka``, so that ``-m 'not kafka'`` leaves no one out."""
    for item in items:
        if {"kafka", "mortal_kafka", "topics"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker was used; loudly, if there was none."""
    if NO_BROKER in config.stash:
        reason = " ".join(config.stash[NO_BROKER].split())
        terminalreporter.write_line(f"NO KAFKA, ITS TESTS DID NOT RUN: {reason}", red=True, bold=True)
    elif BROKER in config.stash:
        terminalreporter.write_line(f"Kafka: {config.stash[BROKER]}")


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
    stash = request.config.stash
    with tempfile.TemporaryDirectory(prefix="acta-kafka-") as folder:
        try:
            broker, stash[BROKER] = find_broker(Path(folder))
        except NoBroker as reason:
            stash[NO_BROKER] = str(reason)
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
