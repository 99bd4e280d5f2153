"""What every follower of the store promises: it stops when asked, outlives its connections, and repeats nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import psycopg
import pytest
from psycopg import sql

from consumers.erasing import Eraser, erasing
from consumers.erasures import Erasures
from consumers.follow import follow
from consumers.kafka.topics import ensure_topic
from consumers.lease import Leases
from consumers.project import project
from consumers.record.ledger import ledger
from consumers.relay import relay
from consuming import running, until, write
from desks import ACT, as_role, open_desk, prepare
from domain.desk import Desk
from domain.desk.forgetting import erase, erased_through
from domain.store.places import Directory
from ledgers import SIGNER
from machines import Broker, Prepare
from projections.engine import complete_to
from projections.views import ALL
from watching import must_equal_the_store, watching

Consumers = list[Callable[..., Any]]
"""Each ready to be called with ``stop``."""


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))
    with open_desk(database) as desk:
        yield desk


def through_the_topic(desk: Desk, database: str, kafka: Broker, topics: str, folder: Path) -> Consumers:
    """The relay and a projector."""
    client, topic = {"bootstrap_servers": kafka.bootstrap}, f"{topics}events"
    ensure_topic(client, topic, 2)

    def relaying(stop: Flag) -> None:
        relay(desk.store, as_role(database, "acta_app"), client, topic, stop)

    def projecting(stop: Flag) -> None:
        project(desk, as_role(database, "acta_projector"), [watching], client, topic, stop)

    return [relaying, projecting]


def from_the_store(desk: Desk, database: str, kafka: Broker, topics: str, folder: Path) -> Consumers:
    """The store's own feed, and the ledger."""

    def following(stop: Flag) -> None:
        follow(desk, as_role(database, "acta_projector"), [watching], stop)

    def keeping(stop: Flag) -> None:
        ledger(desk.store, as_role(database, "acta_app"), folder, SIGNER, stop)

    return [keeping, following]


def by_orders(desk: Desk, database: str, kafka: Broker, topics: str, folder: Path) -> Consumers:
    """The store's own feed, and the eraser, which has an order to carry out."""

    def erasing_(stop: Flag) -> None:
        place = Directory(folder / "attachments")
        eraser = Eraser(desk, as_role(database, "acta_projector"), ALL, Erasures(folder / "erasures"), place)
        erasing(as_role(database, "acta_app"), lambda: eraser, stop)

    erase(desk, desk.keys.person("agent", "alice"), "left", ACT)
    return [erasing_, from_the_store(desk, database, kafka, topics, folder)[-1]]


@pytest.fixture(params=[through_the_topic, from_the_store, by_orders], ids=["topic", "store", "orders"])
def consumers(
    request: pytest.FixtureRequest, desk: Desk, database: str, kafka: Broker, topics: str, tmp_path: Path
) -> Consumers:
    return request.param(desk, database, kafka, topics, tmp_path)  # type: ignore[no-any-return]


def settled(desk: Desk, database: str) -> bool:
    if desk.store.orders(erased_through(desk)):
        return False
    with psycopg.connect(database) as connection:
        if connection.execute("SELECT to_regclass('watching.seen')").fetchone() == (None,):
            return False
        return complete_to(connection, "watching") == desk.store.head()


def test_asked_to_stop_before_it_begins_it_does_nothing(consumers: Consumers) -> None:
    stop = Flag()
    stop.set()
    for consumer in consumers:
        consumer(stop=stop)


def test_it_outlives_its_connections(consumers: Consumers, desk: Desk, database: str) -> None:
    with running(consumers[0]) as first, running(consumers[-1]) as last:
        for _ in range(3):
            write(desk, 3)
            until(lambda: settled(desk, database), first, last)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name IN ('acta lease', 'acta views')"
                )
        write(desk, 3)
        until(lambda: settled(desk, database), first, last)
    must_equal_the_store(database)


def test_begun_again_it_repeats_nothing(consumers: Consumers, desk: Desk, database: str) -> None:
    for _ in range(3):
        write(desk, 2)
        with running(consumers[0]) as first, running(consumers[-1]) as last:
            until(lambda: settled(desk, database), first, last)
    must_equal_the_store(database)


def test_a_lease_goes_with_its_connection(database: str) -> None:
    first, second = Leases(database), Leases(database)
    assert first.take("work")
    assert not second.take("work")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    until(lambda: second.take("work"))
    with pytest.raises(psycopg.OperationalError):
        first.hold()
    first.close()
    second.close()
