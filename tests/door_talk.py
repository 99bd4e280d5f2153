"""What a department's software does: it sends requests and reads outcomes, with kafka-python and nothing of ours."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from api.problems import told
from consumers.doors import Doors, ensure_doors
from consumers.intake import intake
from consumers.kafka.topics import Client
from consumers.outcomes import outcomes
from consuming import Running, running, until
from desks import as_role
from domain.desk import Desk
from traffic import NOISE, Asked

SOURCE = "/hr/onboarding"
UNREADABLE = b"\xff\x00 nothing that anybody could read"


@dataclass(frozen=True)
class Told:
    """A message from the desk: its key, headers and body."""

    key: str
    headers: Mapping[str, str]
    body: Any

    @property
    def kind(self) -> str:
        return self.headers["ce_type"].split(".")[2]


class Sender:
    """The software of departments."""

    def __init__(self, client: Client, doors: Doors) -> None:
        self._client = client
        self._doors = doors
        self._producer = KafkaProducer(**client, linger_ms=5)

    def request(
        self,
        department: str,
        kind: str,
        reference: str,
        id: str,
        /,
        *,
        source: str = SOURCE,
        trace: str = "",
        **data: Any,
    ) -> Any:
        """Send a request, in binary mode; the future of its place."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_type", f"acta.request.{kind}.v1".encode()),
            ("ce_source", source.encode()),
            ("ce_id", id.encode()),
            *([("traceparent", trace.encode())] if trace else []),
        ]
        return self.raw(department, reference.encode(), headers, json.dumps(data).encode())

    def raw(self, department: str, key: bytes | None, headers: list[tuple[str, bytes]], value: bytes | None) -> Any:
        """Send whatever; the future of its place."""
        return self._producer.send(f"{self._doors.prefix}.requests.{department}", value, key, headers)

    def send(self, asked: Iterable[Asked]) -> None:
        """Send all of it, however often the broker goes away: of a reference the next when it has the one before.

        What the broker took without its word reaching us is sent a second time.
        """
        waiting: dict[tuple[str, str], deque[Asked]] = {}
        for one in asked:
            waiting.setdefault((one.department, one.reference), deque()).append(one)
        while waiting:
            sent = {name: self._sent(line[0]) for name, line in waiting.items()}
            self.flush()
            for name, future in sent.items():
                if future.succeeded():
                    waiting[name].popleft()
            waiting = {name: line for name, line in waiting.items() if line}

    def _sent(self, one: Asked) -> Any:
        if one.kind == NOISE:
            return self.raw(one.department, one.reference.encode(), [], UNREADABLE)
        return self.request(one.department, one.kind, one.reference, one.id, **one.body)

    def flush(self) -> None:
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


def all_told(client: Client, topic: str) -> list[Told]:
    """All that is committed on a topic of the desk's."""
    return [_told(message) for message in committed(client, topic)]


def committed(client: Client, topic: str) -> list[Any]:
    """The messages that are committed on a topic."""
    settings = {"isolation_level": "read_committed", "enable_auto_commit": False, "fetch_max_wait_ms": 20}
    consumer = KafkaConsumer(**client, **settings)
    try:
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=200, max_records=5_000).values():
                found += batch
        # It has asked for more already; kafka-python never closes a socket to which something is still to be written.
        consumer.end_offsets(partitions)
        return found
    finally:
        consumer.close()


def _told(message: Any) -> Told:
    headers = {name: value.decode() for name, value in message.headers}
    return Told(message.key.decode(), headers, json.loads(message.value))


class Door:
    """A desk with doors: what is sent, and what came of it."""

    def __init__(self, desk: Desk, lease_dsn: str, client: Client, doors: Doors) -> None:
        self.desk = desk
        self.client = client
        self.doors = doors
        self.sender = Sender(client, doors)
        self._lease_dsn = lease_dsn

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close()

    @contextmanager
    def open(self) -> Iterator[tuple[Running, Running]]:
        """Intake and outcomes run as long as the block."""
        self.sender.flush()
        with (
            running(intake, self.desk, self._lease_dsn, self.client, self.doors.requests()) as taking,
            running(outcomes, self.desk, self._lease_dsn, self.client, self.doors, told) as telling,
        ):
            yield taking, telling

    @contextmanager
    def taking(self, *departments: str) -> Iterator[Running]:
        """An intake of these departments runs as long as the block."""
        topics = Doors(self.doors.prefix, departments).requests()
        with running(intake, self.desk, self._lease_dsn, self.client, topics) as taking:
            yield taking

    def outcomes(self, department: str = "it") -> list[Told]:
        return all_told(self.client, self.doors.outcomes(department))

    def decided(self, department: str = "it") -> list[Told]:
        """The outcomes of requests, without what happened later."""
        return [told for told in self.outcomes(department) if told.kind != "happened"]

    def letters(self) -> list[Told]:
        return all_told(self.client, self.doors.dead_letters)

    def settled(self, requests: int, letters: int = 0, department: str = "it") -> list[Told]:
        """Run until so many requests are decided and so many letters are dead; the outcomes."""
        with self.open() as runs:
            until(self.has(requests, letters, department), *runs)
        return self.decided(department)

    def has(self, requests: int, letters: int = 0, department: str = "it") -> Callable[[], bool]:
        return lambda: len(self.decided(department)) >= requests and len(self.letters()) >= letters


def make_door(desk: Desk, database: str, client: Client, prefix: str, *departments: str, partitions: int = 2) -> Door:
    """Topics for these departments, and a door to the desk."""
    doors = Doors(prefix, departments)
    ensure_doors(client, doors, partitions)
    return Door(desk, as_role(database, "acta_app"), client, doors)
