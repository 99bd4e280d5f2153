"""Batches of messages, unpacked within bounds: one that cannot be read passes as one message, packed as it is.

Brokers pass on what a client has compressed, and only skim it. So a few bytes that a department's software sends may
unpack to gigabytes, or to what kafka-python 3.0 raises over at every attempt: either would stop whatever follows in
its partition. Here what is left of such a batch is one message at the batch's last offset, without a key, whose value
is the batch as the broker keeps it and whose header says what it is: no request, and for an event malformed.

Names of headers that are not UTF-8, which Kafka takes, are read with a mark in place of what is no text.
"""

import zlib
from collections.abc import Callable, Mapping

import cramjam
import lz4.frame
import zstandard
from kafka.errors import CorruptRecordError
from kafka.record import memory_records
from kafka.record.default_records import ControlRecord, DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

MOST_UNPACKED = 9 * 1024 * 1024
"""Bytes of an unpacked batch. Clients send batches of up to 1 MiB packed; ours may be a single event of 8 MiB."""
MOST_MESSAGES = 100_000
"""In a batch: more requests than these, at their smallest, fill ``MOST_UNPACKED``."""
MOST_HEADERS = 1_000
"""Of a message."""
UNREAD = "acta-unread-batch"
"""The header of a message that stands for a batch, or for the rest of one."""

_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16


class _Unreadable(Exception):
    """A batch is too large, or means nothing."""


def read_on() -> None:
    """Have every consumer of this process read batches so."""
    memory_records.DefaultRecordBatch = BoundedBatch


class BoundedBatch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch of the library's that is unpacked within bounds and never raises over what a client put into it."""

    _buffer: bytes
    _pos: int
    _decompressed: bool
    _num_records: int
    _next_record_index: int

    def __init__(self, packed: memoryview) -> None:
        super().__init__(packed)
        self._packed = packed

    def __iter__(self) -> "BoundedBatch":
        return self

    def __next__(self) -> DefaultRecord:
        if self._next_record_index >= self._num_records:
            raise StopIteration
        try:
            self._maybe_uncompress()
            record = self._read_msg()
        except (_Unreadable, ValueError, IndexError):
            if self.is_control_batch:
                raise CorruptRecordError("A control record cannot be read.") from None
            return self._rest()
        self._next_record_index += 1
        return record

    def _rest(self) -> DefaultRecord:
        """What is left, as one message."""
        told = f"{self._num_records} messages, of which {self._num_records - self._next_record_index} cannot be read"
        self._next_record_index = self._num_records
        whole, headers = bytes(self._packed), [(UNREAD, told.encode())]
        return DefaultRecord(
            len(whole), self.last_offset, self.max_timestamp, self.timestamp_type, None, whole, headers
        )

    def _maybe_uncompress(self) -> None:
        if self._decompressed:
            return
        if self._num_records > MOST_MESSAGES:
            raise _Unreadable
        if self.compression_type != self.CODEC_NONE:
            self._buffer = _unpacked(self.compression_type, bytes(memoryview(self._buffer)[self._pos :]))
            self._pos = 0
        self._decompressed = True

    def _read_msg(self) -> DefaultRecord:
        buffer = self._buffer
        length, begin = decode_varint(buffer, self._pos)
        later, place = decode_varint(buffer, begin + 1)
        further, place = decode_varint(buffer, place)
        key, place = _field(buffer, place)
        value, place = _field(buffer, place)
        count, place = decode_varint(buffer, place)
        if not 0 <= count <= MOST_HEADERS:
            raise _Unreadable
        headers = []
        for _ in range(count):
            name, place = _field(buffer, place)
            text, place = _field(buffer, place)
            headers.append(((name or b"").decode(errors="replace"), text))
        if place - begin != length or place > len(buffer):
            raise _Unreadable
        self._pos = place
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        at_ms = self.max_timestamp if appended else self.first_timestamp + later
        kind = ControlRecord if self.is_control_batch else DefaultRecord
        return kind(length, self.base_offset + further, at_ms, self.timestamp_type, key, value, headers)


def _field(buffer: bytes, place: int) -> tuple[bytes | None, int]:
    """Bytes with their length before them, which is negative where there are none; and the place behind them."""
    length, place = decode_varint(buffer, place)
    if length < 0:
        return None, place
    return bytes(buffer[place : place + length]), place + length


def _unpacked(codec: int, packed: bytes) -> bytes:
    """Raise ``_Unreadable`` for what is larger than ``MOST_UNPACKED``, before it takes more memory than that."""
    unpack = _UNPACKING.get(codec)
    if unpack is None:
        raise _Unreadable
    try:
        found = unpack(packed)
    except (zlib.error, RuntimeError, zstandard.ZstdError, cramjam.DecompressionError, ValueError, MemoryError):
        raise _Unreadable from None
    if len(found) > MOST_UNPACKED:
        raise _Unreadable
    return found


def _gunzip(packed: bytes) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, MOST_UNPACKED + 1)


def _unlz4(packed: bytes) -> bytes:
    return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed, MOST_UNPACKED + 1))


def _unzstd(packed: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        return stream.read(MOST_UNPACKED + 1)


def _unsnap(packed: bytes) -> bytes:
    """Snappy says first how long it becomes; Java's clients send a row of blocks, each behind its own length."""
    if not packed.startswith(_XERIAL):
        return _unsnap_block(packed, MOST_UNPACKED)
    blocks, place, left = [], _XERIAL_HEAD, MOST_UNPACKED
    while place < len(packed):
        begin = place + 4
        place = begin + int.from_bytes(packed[place:begin], "big")
        blocks.append(_unsnap_block(packed[begin:place], left))
        left -= len(blocks[-1])
    return b"".join(blocks)


def _unsnap_block(block: bytes, most: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(block) > most:
        raise _Unreadable
    return bytes(cramjam.snappy.decompress_raw(block))


_UNPACKING: Mapping[int, Callable[[bytes], bytes]] = {
    DefaultRecordBatch.CODEC_GZIP: _gunzip,
    DefaultRecordBatch.CODEC_SNAPPY: _unsnap,
    DefaultRecordBatch.CODEC_LZ4: _unlz4,
    DefaultRecordBatch.CODEC_ZSTD: _unzstd,
}
