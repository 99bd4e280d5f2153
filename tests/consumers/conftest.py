"""A desk with a store and a topic of its own."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from consumers.kafka.topics import Client, ensure_topic
from desks import as_role, open_desk, prepare
from domain.desk import Desk
from domain.store.places import Directory
from door_talk import Door, make_door
from lying_files import files_in
from machines import Broker, Prepare
from receivers import Receiver, receiving
from webhook_talk import Line

PARTITIONS = 3


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of the desk lie."""
    return tmp_path / "attachments"


@pytest.fixture
def place(folder: Path) -> Directory:
    return Directory(folder)


@pytest.fixture
def desk(database: str, folder: Path) -> Iterator[Desk]:
    with open_desk(database, files=files_in(folder)) as desk:
        yield desk


@pytest.fixture
def app_dsn(database: str) -> str:
    return as_role(database, "acta_app")


@pytest.fixture
def views_dsn(database: str) -> str:
    """The database for the role that keeps the views, which `acta up` lets make schemas."""
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))
    return as_role(database, "acta_projector")


@pytest.fixture
def client(kafka: Broker) -> Client:
    return {"bootstrap_servers": kafka.bootstrap}


@pytest.fixture
def topic(client: Client, topics: str) -> str:
    name = f"{topics}events"
    ensure_topic(client, name, PARTITIONS)
    return name


@pytest.fixture
def door(desk: Desk, database: str, client: Client, topics: str) -> Iterator[Door]:
    with make_door(desk, database, client, topics.rstrip("."), "it", "hr") as door:
        yield door


@pytest.fixture
def line(desk: Desk, app_dsn: str) -> Line:
    """A department's software and a desk that delivers what comes of its requests."""
    return Line(desk, app_dsn)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what comes, until it is told otherwise."""
    with receiving() as receiver:
        yield receiver
