"""Batches of messages as a client may send them that keeps to nothing: packed by hand, in any compression."""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

import cramjam
import lz4.frame
import zstandard
from kafka import KafkaProducer, TopicPartition
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from consumers.kafka.packing import acknowledged, varint
from consumers.kafka.topics import Client

AT_MS = 1_700_000_000_000
HEAD = 61
"""Bytes of a batch before its records; a broker writes into them."""
_PIECE = bytes(1024 * 1024)


def field(text: bytes | None) -> bytes:
    """Bytes with their length before them."""
    return varint(-1) if text is None else varint(len(text)) + text


def record(
    value: bytes | None, key: bytes | None = None, headers: Iterable[tuple[bytes, bytes]] = (), number: int = 0
) -> bytes:
    """A message, the ``number``-th of its batch."""
    named = [field(name) + field(text) for name, text in headers]
    return field(b"\0" + varint(0) + varint(number) + field(key) + field(value) + varint(len(named)) + b"".join(named))


def zeros(size: int) -> Iterable[bytes]:
    """One message, whose value is ``size`` zeros, in pieces."""
    before, after = b"\0" + varint(0) + varint(0) + varint(-1) + varint(size), varint(0)
    yield varint(len(before) + size + len(after)) + before
    yield from (_PIECE[: min(len(_PIECE), size - begin)] for begin in range(0, size, len(_PIECE)))
    yield after


def batch(codec: int, packed: bytes, count: int = 1) -> bytes:
    """A whole batch around records that are packed."""
    summed = struct.pack(">hiqqqhii", codec, count - 1, AT_MS, AT_MS, -1, -1, -1, count) + packed
    return struct.pack(">qiibI", 0, 9 + len(summed), -1, 2, calc_crc32c(summed)) + summed


def _gzip(pieces: Iterable[bytes]) -> bytes:
    packing = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(map(packing.compress, pieces)) + packing.flush()


def _lz4(pieces: Iterable[bytes]) -> bytes:
    with lz4.frame.LZ4FrameCompressor(block_linked=False) as packing:
        return packing.begin() + b"".join(map(packing.compress, pieces)) + packing.flush()


def _zstd(pieces: Iterable[bytes]) -> bytes:
    packing = zstandard.ZstdCompressor().compressobj()
    return b"".join(map(packing.compress, pieces)) + packing.flush()


def _snappy(pieces: Iterable[bytes]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(pieces)))


def _java_snappy(pieces: Iterable[bytes]) -> bytes:
    whole = b"".join(pieces)
    blocks = [bytes(cramjam.snappy.compress_raw(whole[n : n + 32_768])) for n in range(0, len(whole), 32_768)]
    return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + b"".join(struct.pack(">i", len(one)) + one for one in blocks)


PACKING: Mapping[str, tuple[int, Callable[[Iterable[bytes]], bytes]]] = {
    "none": (0, b"".join),
    "gzip": (1, _gzip),
    "snappy": (2, _snappy),
    "snappy of Java": (2, _java_snappy),
    "lz4": (3, _lz4),
    "zstd": (4, _zstd),
}


def packed(kind: str, pieces: Iterable[bytes], count: int = 1) -> bytes:
    """A whole batch of these records."""
    codec, pack = PACKING[kind]
    return batch(codec, pack(pieces), count)


class _Ready:
    """A batch that kafka-python takes for one that it has built."""

    producer_id = producer_epoch = base_sequence = -1

    def __init__(self, whole: bytes) -> None:
        self._whole = bytearray(whole)

    def set_producer_state(self, *_: Any) -> None:
        """It comes from nobody in particular."""

    def size(self) -> int:
        return len(self._whole)

    def build(self) -> bytearray:
        return self._whole


def produce(client: Client, topic: str, whole: bytes) -> None:
    """Have a broker take a batch into partition 0; raises what it says if it does not."""
    with closing(KafkaProducer(**client, enable_idempotence=False, retries=0)) as producer:
        producer.partitions_for(topic)
        records = MemoryRecordsBuilder(2, 0, len(whole), offset=1)
        records._builder = _Ready(whole)
        partition = TopicPartition(topic, 0)
        handed = ProducerBatch(partition, records)
        with producer._accumulator._tp_lock(partition):
            producer._accumulator._batches[partition].append(handed)
            producer._accumulator._incomplete.add(handed)
        producer.flush()
        acknowledged(handed.produce_future)
