"""The last committed message of each partition: where the relay stands, as the topic itself says."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition

from consumers.kafka import cloudevents
from consumers.kafka.cloudevents import Malformed
from consumers.kafka.topics import Client, partitions_of, reader
from consumers.loop import Halted, NotYet
from domain.store.recorder import PostgresRecorder

_FIRST_STRIDE = 64
_POLL_MS = 200
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Tail:
    """The last message of a partition: the event it is or, being a head, tells of."""

    position: int
    stream: UUID
    version: int


def read_tails(client: Client, topic: str) -> list[Tail | None]:
    """The tail of each partition, in order; None where nothing was ever committed.

    Raises ``Halted`` when a tail is not ours.
    """
    return [None if message is None else _tail(message) for message in last_messages(client, topic)]


def last_messages(client: Client, topic: str) -> list[Any]:
    """The last committed message of each partition, in order; None where nothing was ever committed."""
    consumer = reader(client)
    try:
        return _last_of(consumer, partitions_of(consumer, topic))
    finally:
        consumer.close(timeout_ms=0)


def _last_of(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> list[Any]:
    begins = consumer.beginning_offsets(partitions)
    ends = consumer.end_offsets(partitions)
    found: dict[TopicPartition, Any] = {}
    stride = _FIRST_STRIDE
    left = [partition for partition in partitions if begins[partition] < ends[partition]]
    while left:
        starts = {partition: max(begins[partition], ends[partition] - stride) for partition in left}
        _read_to_the_end(consumer, starts, ends, found)
        # Control records and what was aborted can fill any stretch at the end; look further back for a message.
        left = [partition for partition in left if partition not in found and starts[partition] > begins[partition]]
        stride *= 16
    return [found.get(partition) for partition in partitions]


def must_be_of(store: PostgresRecorder, topic: str, tails: Sequence[Tail | None]) -> None:
    """Raise ``Halted`` unless each tail is the event that the store has at its position."""
    for number, tail in enumerate(tails):
        if tail is None:
            continue
        found = store.page(tail.position - 1, 1, opened=False)
        if not found:
            raise Halted(f"partition {number} of {topic} is at position {tail.position}, which the store does not have")
        if (found[0].originator_id, found[0].originator_version) != (tail.stream, tail.version):
            raise Halted(f"partition {number} of {topic} holds another event at position {tail.position}")


def _read_to_the_end(
    consumer: KafkaConsumer,
    starts: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
    found: dict[TopicPartition, Any],
) -> None:
    consumer.assign(list(starts))
    for partition, offset in starts.items():
        consumer.seek(partition, offset)
    until = monotonic() + PATIENCE_S
    while any(consumer.position(partition) < ends[partition] for partition in starts):
        if monotonic() > until:
            raise NotYet("the end of the topic is not readable yet")
        for partition, messages in consumer.poll(timeout_ms=_POLL_MS, max_records=100_000).items():
            found[partition] = messages[-1]


def _tail(message: Any) -> Tail:
    try:
        said = cloudevents.read(message.key, message.value, message.headers)
    except Malformed as fault:
        raise Halted(f"the last message of partition {message.partition} is not ours: {fault}") from None
    if isinstance(said, cloudevents.Head):
        return Tail(said.position, said.stream, said.version)
    return Tail(said.position, said.originator_id, said.originator_version)
