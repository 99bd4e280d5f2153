"""Messages into record batches (Kafka's format v2), packed once instead of field by field.

kafka-python encodes every header of every message by itself, byte by byte, and keeps a future for each message; that is
most of what sending costs. Here a message is joined from a few pieces, and there is one future per batch. The producer
does the rest: compression, checksum, sequence numbers, requests, retries, transactions.
"""

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.producer.future import FutureProduceResult
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder

from consumers.kafka.cloudevents import Headers

LARGEST_BATCH = 512 * 1024
"""Bytes, before compression; a single message may have more. A broker takes as many whatever its settings."""

_MAGIC = 2


def varint(number: int) -> bytes:
    """Kafka's variable-length form of a signed integer of 64 bits."""
    rest = (number << 1) ^ (number >> 63)
    found = bytearray()
    while rest > 0x7F:
        found.append(0x80 | rest & 0x7F)
        rest >>= 7
    found.append(rest)
    return bytes(found)


_SMALL = tuple(varint(number) for number in range(4096))
_NULL = varint(-1)


def _length(number: int) -> bytes:
    return _SMALL[number] if number < 4096 else varint(number)


class _Names(dict[str, bytes]):
    """The names of headers as they stand in messages; there are few."""

    def __missing__(self, name: str) -> bytes:
        text = name.encode()
        self[name] = packed = _length(len(text)) + text
        return packed


_names = _Names()


class _Packed(DefaultRecordBatchBuilder):  # type: ignore[misc]
    """A batch of the library's that takes messages from here."""

    _first_timestamp: int | None
    _max_timestamp: int
    _num_records: int

    def add(self, timestamp_ms: int, key: bytes | None, value: bytes, headers: Headers) -> None:
        """Append a message; the first gives the batch its time."""
        if self._first_timestamp is None:
            self._first_timestamp = self._max_timestamp = timestamp_ms
        elif timestamp_ms > self._max_timestamp:
            self._max_timestamp = timestamp_ms
        number = self._num_records
        later = timestamp_ms - self._first_timestamp
        pieces = [
            b"\x00",
            _SMALL[later] if 0 <= later < 4096 else varint(later),
            _length(number),
            _NULL if key is None else _length(len(key)) + key,
            _length(len(value)),
            value,
            _length(len(headers)),
        ]
        for name, text in headers:
            pieces += (_names[name], _length(len(text)), text)
        message = b"".join(pieces)
        self._buffer += _length(len(message))
        self._buffer += message
        self._last_offset = number
        self._num_records = number + 1


class Batch:
    """Messages for one partition, in order, compressed with ``codec`` when they are sent."""

    def __init__(self, codec: int = DefaultRecordBatchBuilder.CODEC_LZ4) -> None:
        self._packed = _Packed(_MAGIC, codec, False, -1, -1, -1, LARGEST_BATCH)
        self.add = self._packed.add

    def full(self) -> bool:
        """Whether it is time to begin another."""
        return int(self._packed.size()) >= LARGEST_BATCH

    def records(self) -> MemoryRecordsBuilder:
        """What has been added, as the library keeps it."""
        records = MemoryRecordsBuilder(_MAGIC, 0, LARGEST_BATCH, offset=self._packed._num_records)
        records._builder = self._packed
        return records


def hand_over(producer: KafkaProducer, partition: TopicPartition, batch: Batch) -> FutureProduceResult:
    """Let ``producer`` send a batch within the transaction that it has begun; no more can be added to it.

    Ask ``acknowledged`` of what is returned once the producer has been flushed.
    """
    producer._transaction_manager.maybe_add_partition_to_transaction(partition)
    handed = ProducerBatch(partition, batch.records())
    accumulator = producer._accumulator
    with accumulator._tp_lock(partition):
        accumulator._batches[partition].append(handed)
        accumulator._incomplete.add(handed)
    return handed.produce_future


def acknowledged(future: FutureProduceResult) -> None:
    """Return if every message of a batch has been acknowledged; raise why not otherwise."""
    if not future.is_done:
        raise KafkaTimeoutError("no answer to a batch")
    if future.failed():
        raise future.exception
    _, _, fault_of = future.value
    if fault_of is not None:
        raise fault_of(0)
