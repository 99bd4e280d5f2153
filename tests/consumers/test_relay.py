"""The relay: what the store holds is on the topic, in order, once."""

from itertools import chain
from threading import Event as Flag

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from consumers.kafka.cloudevents import Head, partition_of
from consumers.kafka.tails import read_tails
from consumers.kafka.topics import Client, ensure_topic
from consumers.loop import Halted
from consumers.relay import relay
from consuming import messages, put, running, until, write
from desks import give, open_desk, opened, prepare
from domain.desk import Desk
from domain.store.recorder import SealedEvent
from machines import Databases


def events_of(found: dict[int, list[SealedEvent | Head]]) -> dict[int, list[SealedEvent]]:
    return {
        partition: [message for message in batch if isinstance(message, SealedEvent)]
        for partition, batch in found.items()
    }


def complete_to(client: Client, topic: str) -> int:
    return min(tail.position if tail else 0 for tail in read_tails(client, topic))


def must_hold_the_log(desk: Desk, client: Client, topic: str) -> None:
    """Every event once, in its partition, in order, as it is stored; and every partition complete up to the head."""
    found = events_of(messages(client, topic))
    for partition, events in found.items():
        positions = [event.position for event in events]
        assert positions == sorted(set(positions))
        assert all(partition_of(event.originator_id, len(found)) == partition for event in events)
    sent = sorted(chain.from_iterable(found.values()), key=lambda event: event.position)
    assert sent == desk.store.page(0, 100_000, opened=False)
    assert complete_to(client, topic) == desk.store.head()


def test_every_event_is_sent_once_as_it_is_stored(desk: Desk, app_dsn: str, client: Client, topic: str) -> None:
    write(desk, 20)
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
        write(desk, 20)
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    must_hold_the_log(desk, client, topic)


def test_a_relay_goes_on_where_the_last_one_stopped(desk: Desk, app_dsn: str, client: Client, topic: str) -> None:
    for _ in range(3):
        write(desk, 5)
        with running(relay, desk.store, app_dsn, client, topic, batch=4) as run:
            until(lambda: complete_to(client, topic) == desk.store.head(), run)
    must_hold_the_log(desk, client, topic)


def test_large_events_go_in_several_transactions(desk: Desk, app_dsn: str, client: Client, topic: str) -> None:
    ticket = str(opened(desk).number)
    for _ in range(30):
        give(desk, "note", ticket, text="fire " * 12_000)
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    must_hold_the_log(desk, client, topic)


def test_a_partition_that_is_ahead_is_not_given_again_what_it_has(
    desk: Desk, app_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 3)
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    reached = desk.store.head()
    write(desk, 3)
    put(client, topic, desk.store.page(reached, 1, opened=False)[0])
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    must_hold_the_log(desk, client, topic)


def test_of_two_relays_one_stands_by_until_the_other_ends(desk: Desk, app_dsn: str, client: Client, topic: str) -> None:
    with running(relay, desk.store, app_dsn, client, topic) as first:
        write(desk, 3)
        until(lambda: complete_to(client, topic) == desk.store.head(), first)
        with running(relay, desk.store, app_dsn, client, topic) as second:
            write(desk, 3)
            until(lambda: complete_to(client, topic) == desk.store.head(), first, second)
            first.end()
            write(desk, 3)
            until(lambda: complete_to(client, topic) == desk.store.head(), second)
    must_hold_the_log(desk, client, topic)


def test_a_relay_refuses_a_topic_with_more_partitions_than_it_wrote_to(
    desk: Desk, app_dsn: str, client: Client, topic: str
) -> None:
    write(desk, 2)
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    admin = KafkaAdminClient(**client)
    admin.create_partitions({topic: 5})
    admin.close()
    with pytest.raises(Halted, match="partitions"):
        relay(desk.store, app_dsn, client, topic, Flag())
    with pytest.raises(Halted, match="5 partitions"):
        ensure_topic(client, topic, 3)


def test_a_relay_refuses_the_topic_of_another_desk(
    desk: Desk, app_dsn: str, client: Client, topic: str, databases: Databases
) -> None:
    write(desk, 2)
    with running(relay, desk.store, app_dsn, client, topic) as run:
        until(lambda: complete_to(client, topic) == desk.store.head(), run)
    other = databases.fresh(prepare)
    with open_desk(other) as stranger:
        with pytest.raises(Halted, match="does not have"):
            relay(stranger.store, app_dsn, client, topic, Flag())
        while stranger.store.head() < desk.store.head():
            opened(stranger)
        with pytest.raises(Halted, match="another event"):
            relay(stranger.store, app_dsn, client, topic, Flag())
    databases.drop(other)


def test_a_relay_refuses_a_topic_somebody_else_writes_to(desk: Desk, app_dsn: str, client: Client, topic: str) -> None:
    producer = KafkaProducer(**client)
    for partition in range(3):
        producer.send(topic, b"hello", partition=partition)
    producer.flush()
    producer.close()
    with pytest.raises(Halted, match="not ours"):
        relay(desk.store, app_dsn, client, topic, Flag())


def test_a_topic_that_forgets_is_refused(client: Client, topics: str) -> None:
    admin = KafkaAdminClient(**client)
    admin.create_topics({f"{topics}short": {"num_partitions": 3, "configs": {"retention.ms": "60000"}}})
    admin.close()
    with pytest.raises(Halted, match="retention"):
        ensure_topic(client, f"{topics}short", 3)
