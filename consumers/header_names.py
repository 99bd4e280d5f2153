"""Messages whose headers have names that are not UTF-8: Kafka takes them, and kafka-python 3.0 cannot get past one.

Reading the record raises, at every attempt, so that whoever may send one message could stop all that follow in its
partition. Here such a name is read with a question mark for each of its bytes: it is none that anybody knows.
"""

from typing import Any

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

_read_msg = DefaultRecordBatch._read_msg


def read_on() -> None:
    """Have every consumer of this process read past such names."""
    DefaultRecordBatch._read_msg = _read_leniently


def _read_leniently(batch: Any) -> Any:
    try:
        return _read_msg(batch)
    except UnicodeDecodeError:
        _make_readable(batch._buffer, batch._pos)
        return _read_msg(batch)


def _make_readable(records: bytearray, place: int) -> None:
    """Replace the names that are not UTF-8 in the record that begins there."""
    for _ in ("length", "attributes", "time", "offset"):
        _, place = decode_varint(records, place)
    for _ in ("key", "value"):
        size, place = decode_varint(records, place)
        place += max(size, 0)
    headers, place = decode_varint(records, place)
    for _ in range(headers):
        size, place = decode_varint(records, place)
        name = slice(place, place + size)
        if not _is_text(records[name]):
            records[name] = b"?" * size
        size, place = decode_varint(records, place + size)
        place += max(size, 0)


def _is_text(name: bytearray) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
