"""What a department's software does: it sends requests and reads outcomes, with kafka-python and nothing of ours."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from api.problems import told
from consumers.doors import Doors, ensure_doors
from consumers.intake import intake
from consumers.outcomes import outcomes
from consumers.topics import Client
from consuming import Running, running, until
from desks import as_role
from domain.desk import Desk
from traffic import NOISE, Traffic

SOURCE = "/hr/onboarding"


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
    ) -> None:
        """Send a request, in binary mode."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_type", f"acta.request.{kind}.v1".encode()),
            ("ce_source", source.encode()),
            ("ce_id", id.encode()),
            *([("traceparent", trace.encode())] if trace else []),
        ]
        self.raw(department, reference.encode(), headers, json.dumps(data).encode())

    def raw(self, department: str, key: bytes | None, headers: list[tuple[str, bytes]], value: bytes | None) -> None:
        """Send whatever."""
        self._producer.send(f"{self._doors.prefix}.requests.{department}", value, key, headers)

    def send(self, made: Traffic) -> None:
        """Send all of it."""
        for department, kind, reference, id, body in made.requests:
            if kind == NOISE:
                self.raw(department, reference.encode(), [], b"\xff\x00 nothing that anybody could read")
            else:
                self.request(department, kind, reference, id, **body)
        self.flush()

    def flush(self) -> None:
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


def all_told(client: Client, topic: str) -> list[Told]:
    """All that is committed on a topic of the desk's."""
    consumer = KafkaConsumer(**client, isolation_level="read_committed", enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=200).values():
                found += [_told(message) for message in batch]
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
