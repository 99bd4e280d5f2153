"""A topic of requests that is not what it was: what is lost is said, and what is there is taken."""

from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from consumers.doors import ensure_doors
from consumers.intake import GROUP
from consumers.kafka.topics import Client
from consuming import until
from domain.desk.letters import found
from door_talk import Door, Sender


@pytest.fixture
def topic(door: Door) -> str:
    return f"{door.doors.prefix}.requests.it"


def ask(door: Door, *numbers: int) -> None:
    """Requests of one reference, in one partition."""
    for number in numbers:
        door.sender.request("it", "reply" if number else "open", "HR-1", str(number), **said(number))
    door.sender.flush()


def said(number: int) -> dict[str, str]:
    return {"text": f"reply {number}"} if number else {"title": "A laptop for Petra"}


def ids(door: Door) -> list[str]:
    return [told.body["request"]["id"] for told in door.decided()]


def test_requests_that_were_deleted_before_they_were_decided_are_a_dead_letter(
    door: Door, client: Client, topic: str
) -> None:
    ask(door, 0, 1)
    with door.open() as runs:
        until(lambda: committed(door, topic) == 2, *runs)
    ask(door, 2, 3, 4)
    with closing(KafkaAdminClient(**client)) as admin:
        admin.delete_records({TopicPartition(topic, n): offset for n, offset in enumerate(ends(door, topic, -1))})
    assert [told.body["request"]["id"] for told in door.settled(3, 1)] == ["0", "1", "4"]
    assert [told.body["code"] for told in door.letters()] == ["could-not-be-taken"]
    (kept,) = door.desk.drawer.page(None, None, 9)
    assert found(door.desk, kept.letter)[1].headers == (("acta-lost", b"offsets 2 to 3"),)
    assert len(door.settled(3, 1)) == 3


def committed(door: Door, topic: str) -> int:
    """How many requests an intake that begins now takes for decided."""
    with closing(KafkaConsumer(group_id=GROUP, **door.client)) as consumer:
        return sum(consumer.committed(TopicPartition(topic, n)) or 0 for n in range(2))


def ends(door: Door, topic: str, less: int) -> list[int]:
    """The end of each partition that holds something, and so much less."""
    with closing(KafkaConsumer(**door.client)) as consumer:
        found = consumer.end_offsets([TopicPartition(topic, n) for n in range(2)])
    return [max(0, end + less) for _, end in sorted(found.items())]


def test_a_topic_that_was_deleted_and_made_again_is_read_from_its_beginning(
    door: Door, client: Client, topic: str
) -> None:
    ask(door, 0, 1, 2)
    with door.open() as runs:
        until(door.has(3), *runs)
        with closing(KafkaAdminClient(**client)) as admin:
            admin.delete_topics([topic])
            until(lambda: topic not in admin.list_topics(), *runs)
        ensure_doors(client, door.doors, 2)
        ask(door, 3)
        until(door.has(4), *runs)
    assert ids(door) == ["0", "1", "2", "3"]


def test_partitions_that_are_added_are_read_too(door: Door, client: Client, topic: str) -> None:
    with door.open() as runs:
        ask(door, 0)
        until(door.has(1), *runs)
        with closing(KafkaAdminClient(**client)) as admin:
            admin.create_partitions({topic: 16})
        with closing(Sender(client, door.doors)) as sender:
            for number in range(1, 33):
                sender.request("it", "open", f"HR-{number}-more", str(number), title="Another laptop")
        until(door.has(33), *runs)
    assert sorted(map(int, ids(door))) == list(range(33))
