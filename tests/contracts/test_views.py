"""Whatever way the events come, a view holds the same rows: live, redelivered, re-batched, from the topic, rebuilt."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from domain.envelope import Event
from lives import POLICIES, Desk
from projections.engine import Projector, View, current_edition, drop_edition, install, rebuild
from projections.views import ALL

Connection = psycopg.Connection[Any]
Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        install(connection, ALL)
        yield connection


def tables_of(connection: Connection, view: View) -> Tables:
    """Every row of the current edition as text, byte for byte, in an order of its own."""
    schema = current_edition(connection, view).name
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY 1", (schema,)
    ).fetchall()
    return {
        name: connection.execute(
            sql.SQL('SELECT t::text FROM {} t ORDER BY t::text COLLATE "C"').format(sql.Identifier(schema, name))
        ).fetchall()
        for (name,) in found
    }


def afresh(connection: Connection, view: View) -> None:
    """A new, empty edition."""
    before = current_edition(connection, view).name
    rebuild(connection, view, lambda position: ())
    drop_edition(connection, before)


def in_one_batch(connection: Connection, view: View, events: Sequence[Event]) -> Tables:
    afresh(connection, view)
    Projector(connection, view, versions=POLICIES).apply(events)
    return tables_of(connection, view)


def from_the_store(events: Sequence[Event], size: int = 100) -> Any:
    def feed(position: int) -> Iterator[Sequence[Event]]:
        left = [event for event in events if event.position > position]
        return (left[start : start + size] for start in range(0, len(left), size))

    return feed


@pytest.fixture(params=ALL, ids=lambda view: view.name)
def view(request: pytest.FixtureRequest) -> View:
    return request.param  # type: ignore[no-any-return]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 250), tickets=st.integers(1, 12), remember=st.integers(0, 20))
def test_batches_of_any_size_redelivered_at_will_give_the_same_rows(
    connection: Connection, view: View, seed: int, count: int, tickets: int, remember: int
) -> None:
    events = list(Desk(seed, tickets).events(count))
    expected = in_one_batch(connection, view, events)
    afresh(connection, view)
    random = Random(seed)
    reached = 0
    while reached < count:
        if random.random() < 0.3:
            reader = None
        reader = reader if reached and reader else Projector(connection, view, versions=POLICIES, remember=remember)
        start, end = random.randint(max(0, reached - 5), reached), min(count, reached + random.randint(1, 60))
        reader.apply(events[start:end])
        reached = end
    assert tables_of(connection, view) == expected


@pytest.mark.parametrize("partitions", [1, 3])
def test_partitions_of_a_topic_give_the_same_rows_as_the_store(
    connection: Connection, view: View, partitions: int
) -> None:
    events = list(Desk(7, 20).events(600))
    expected = in_one_batch(connection, view, events)
    before = current_edition(connection, view).name
    rebuild(connection, view, lambda position: (), partitions=range(partitions))
    drop_edition(connection, before)
    topic = [[event for event in events if event.stream.int % partitions == n] for n in range(partitions)]
    readers = [Projector(connection, view, n, versions=POLICIES) for n in range(partitions)]
    random = Random(7)
    while any(topic):
        n = random.choice([n for n in range(partitions) if topic[n]])
        size = random.randint(1, 50)
        readers[n].apply(topic[n][:size], readers[n].next_offset + size, head=0)
        topic[n] = topic[n][size:]
    assert tables_of(connection, view) == expected


def test_a_rebuild_gives_the_same_rows(connection: Connection, view: View) -> None:
    events = list(Desk(11, 30).events(1500))
    expected = in_one_batch(connection, view, events)
    rebuild(connection, view, from_the_store(events), versions=POLICIES)
    assert tables_of(connection, view) == expected


def test_the_view_that_is_rebuilt_serves_all_the_while(connection: Connection, view: View) -> None:
    events = list(Desk(13, 10).events(300))
    expected = in_one_batch(connection, view, events)
    store = from_the_store(events)

    def feed(position: int) -> Iterator[Sequence[Event]]:
        assert tables_of(connection, view) == expected
        yield from store(position)

    rebuild(connection, view, feed, versions=POLICIES)


def test_no_row_of_the_past_is_empty_or_overlaps_the_next(connection: Connection, view: View) -> None:
    Projector(connection, view, versions=POLICIES).apply(list(Desk(17, 10).events(800)))
    for table in view.tables:
        if table.history:
            history = sql.Identifier(view.name, f"{table.name}_history")
            key = sql.SQL(", ").join(sql.Identifier(name) for name in table.key)
            wrong = connection.execute(
                sql.SQL(
                    "SELECT count(*) FROM (SELECT valid_from, valid_to, lead(valid_from) OVER "
                    "(PARTITION BY {} ORDER BY valid_from) AS following FROM {}) h "
                    "WHERE valid_to <= valid_from OR following < valid_to"
                ).format(key, history)
            ).fetchone()
            assert wrong == (0,)
