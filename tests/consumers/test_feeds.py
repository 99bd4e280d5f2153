"""Views are fed from the topic or from the store, and hold the same."""

from datetime import UTC, datetime
from threading import Event as Flag
from uuid import UUID

import psycopg
import pytest
from kafka import KafkaProducer

from consumers.follow import follow, rebuild, renew
from consumers.kafka.cloudevents import NOTHING
from consumers.kafka.topics import Client
from consumers.lag import lag
from consumers.loop import Halted
from consumers.project import project
from consumers.relay import relay
from consuming import put, running, tables, until, write
from desks import ACT, give, opened
from domain.desk import Desk
from domain.setup.events import CalendarVersioned, PolicyVersioned
from domain.store.recorder import SealedEvent
from projections.engine import View, complete_to, skip
from projections.views import ALL
from watching import must_equal_the_store, watching

VIEWS = (*ALL, watching)


def completed(dsn: str, *views: View) -> int:
    """The position up to which all of ``views`` are complete."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('projections.marks')").fetchone() == (None,):
            return 0
        return min(complete_to(connection, view.name) for view in views)


def lively(desk: Desk) -> None:
    """Tickets with clocks, holds, replies and a merge."""
    desk.configure(
        lambda setup: [
            CalendarVersioned(
                calendar="c",
                calendar_version=1,
                zone="Europe/Berlin",
                openings=dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (("09:00", "17:00"),)),
            ),
            PolicyVersioned(
                policy="std",
                policy_version=1,
                calendar="c",
                calendar_version=1,
                condition={"department": "it"},
                terms={"targets": {"first_response": {"minutes": 60}, "resolution": {"minutes": 480}}},
            ),
        ],
        ACT,
    )
    write(desk, 5)
    for number in range(5):
        ticket = str(opened(desk, title=f"VPN {number}", description="gone").number)
        give(desk, "assign", ticket, assignee="alice")
        give(desk, "hold", ticket, reason="requester")
        give(desk, "resume", ticket)
        give(desk, "reply", ticket, text="try again")
        give(desk, "prioritise", ticket, impact=1)
        give(desk, "resolve", ticket, code="fixed")
        give(desk, "reopen", ticket)
    give(desk, "merge", ticket, into=str(opened(desk, title="the other").number))


def test_topic_store_and_rebuild_give_the_same_tables(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    lively(desk)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, VIEWS, client, topic) as projecting,
    ):
        until(lambda: completed(database, *VIEWS) == desk.store.head(), sending, projecting)
        write(desk, 5)
        until(lambda: completed(database, *VIEWS) == desk.store.head(), sending, projecting)
    from_topic = {view.name: tables(database, view.name) for view in VIEWS}
    must_equal_the_store(database)

    for view in VIEWS:
        rebuild(desk, views_dsn, view, partitions=3)
    assert {view.name: tables(database, view.name) for view in VIEWS} == from_topic

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA projections CASCADE")
        for view in VIEWS:
            for schema in (view.name, f"{view.name}_v{view.version}", f"{view.name}_v{view.version}_2"):
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')  # type: ignore[arg-type]
    with running(follow, desk, views_dsn, VIEWS) as following:
        until(lambda: completed(database, *VIEWS) == desk.store.head(), following)
    assert {view.name: tables(database, view.name) for view in VIEWS} == from_topic


def test_a_rebuilt_view_is_fed_on_from_the_topic(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 5)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
        rebuild(desk, views_dsn, watching, partitions=3)
        write(desk, 5)
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
    must_equal_the_store(database)


def test_two_projectors_share_the_partitions_and_one_takes_over(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    def holders() -> int:
        with psycopg.connect(database) as connection:
            row = connection.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchone()
            return int(row[0]) if row else 0

    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as first,
    ):
        write(desk, 3)
        until(lambda: completed(database, watching) == desk.store.head(), sending, first)
        with running(project, desk, views_dsn, [watching], client, topic) as second:
            until(lambda: holders() == 3, sending, first, second)  # the relay and both projectors
            write(desk, 3)
            until(lambda: completed(database, watching) == desk.store.head(), sending, first, second)
            first.end()
            write(desk, 3)
            until(lambda: completed(database, watching) == desk.store.head(), sending, second)
    must_equal_the_store(database)


def test_the_same_message_twice_counts_once(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 3)
    with running(relay, desk.store, app_dsn, client, topic) as sending:
        with running(project, desk, views_dsn, [watching], client, topic) as projecting:
            until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
        for event in desk.store.page(0, 100, opened=False):
            put(client, topic, event)
    write(desk, 3)
    # A relay that finds its own past at the end of a partition sends again from there.
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
    must_equal_the_store(database)


def test_a_poison_message_stops_the_views_before_it_and_is_skipped_by_an_operator_only(
    desk: Desk,
    database: str,
    app_dsn: str,
    views_dsn: str,
    client: Client,
    topic: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(desk, 3)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
        position = desk.store.head() + 1
        poison = SealedEvent(UUID(int=77), 1, "ticket.exploded.v1", b'{"secret":"x"}', position, datetime.now(UTC))
        put(client, topic, poison)
        with psycopg.connect(database, autocommit=True) as connection:

            def failures() -> list[tuple[object, ...]]:
                query = "SELECT position, stream, type, error FROM projections.failures"
                return connection.execute(query).fetchall()

            until(lambda: bool(failures()), sending, projecting)
            assert failures() == [(position, UUID(int=77), "ticket.exploded.v1", "it cannot be decoded")]
            assert completed(database, watching) < position
            assert [each.stopped_at for each in lag(desk.store, connection, [watching]) if each.stopped_at] == [
                position
            ]
            skip(connection, watching, position, "operator", "made by a test")
            write(desk, 3)
            until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
            assert not any(each.stopped_at for each in lag(desk.store, connection, [watching]))
    assert f"position {position}" in caplog.text
    assert "secret" not in caplog.text


def test_a_message_that_is_not_ours_stops_its_partition_and_no_other(
    desk: Desk,
    database: str,
    app_dsn: str,
    views_dsn: str,
    client: Client,
    topic: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(desk, 3)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
        producer = KafkaProducer(**client)
        producer.send(topic, NOTHING, partition=0)
        producer.flush()
        producer.close()
        until(lambda: "is not ours" in caplog.text, sending, projecting)
        reached = desk.store.head()
        write(desk, 8)
        with psycopg.connect(database, autocommit=True) as connection:

            def marks() -> dict[int, int]:
                return dict(connection.execute("SELECT partition, position FROM projections.marks").fetchall())

            until(lambda: min(marks()[1], marks()[2]) == desk.store.head(), sending, projecting)
            assert marks()[0] == reached


def test_a_view_fed_from_the_store_waits_for_its_rebuild(
    desk: Desk,
    database: str,
    app_dsn: str,
    views_dsn: str,
    client: Client,
    topic: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(desk, 2)
    with running(follow, desk, views_dsn, [watching]) as following:
        until(lambda: completed(database, watching) == desk.store.head(), following)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: "fed from the store" in caplog.text, sending, projecting)
        write(desk, 2)
        rebuild(desk, views_dsn, watching, partitions=3)
        write(desk, 2)
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
    assert "interrupted" not in caplog.text
    must_equal_the_store(database)


def test_views_that_know_other_partitions_are_refused(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 2)
    with running(follow, desk, views_dsn, [watching]) as following:
        until(lambda: completed(database, watching) == desk.store.head(), following)
    rebuild(desk, views_dsn, watching, partitions=2)
    with pytest.raises(Halted, match="rebuild"):
        project(desk, views_dsn, [watching], client, topic, Flag())


def test_lag_says_how_far_everyone_is(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 2)
    with (
        running(relay, desk.store, app_dsn, client, topic) as sending,
        running(project, desk, views_dsn, [watching], client, topic) as projecting,
    ):
        until(lambda: completed(database, watching) == desk.store.head(), sending, projecting)
    write(desk, 2)
    with psycopg.connect(database) as connection:
        found = lag(desk.store, connection, [watching], client, topic)
    assert [(each.follower, each.partition) for each in found] == [
        ("relay", None),
        ("watching", 0),
        ("watching", 1),
        ("watching", 2),
    ]
    assert {each.position for each in found} == {desk.store.head() - 6}
    assert all(each.events == 6 and each.seconds > 0 for each in found)


def test_views_that_another_version_described_are_built_anew_before_they_are_fed(desk: Desk, views_dsn: str) -> None:
    told: list[View] = []
    renew(desk, views_dsn, [watching], told.append)
    write(desk, 3)
    rebuild(desk, views_dsn, watching)
    renew(desk, views_dsn, [watching], told.append)
    assert told == []
    with psycopg.connect(views_dsn, autocommit=True) as connection:
        connection.execute("UPDATE projections.editions SET shape = 'another' WHERE state = 'current'")
    renew(desk, views_dsn, [watching], told.append)
    assert told == [watching]
    with psycopg.connect(views_dsn) as connection:
        assert complete_to(connection, "watching") == desk.store.head()
