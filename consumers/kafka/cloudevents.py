"""Events as Kafka messages: CloudEvents 1.0, Kafka protocol binding, binary mode. The value is the stored bytes.

=====================  ===============================================================
ce_id                  ``<stream>/<version>``; of a head ``<stream>/<version>/<partition>``
ce_type                ``acta.<event type>``; of a head ``acta.head``
ce_source              the desk
ce_subject             the stream (also the message's key)
ce_time                when it happened
ce_position            its place in the whole log, from 1
ce_streamversion       its place in its stream, from 1
ce_recordedat          when it was recorded (also the message's timestamp)
=====================  ===============================================================

A *head* says that its partition holds every event of its own up to a position; it names the event there, has no key and
an empty object as its value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import msgspec
from kafka.partitioner.default import murmur2

from domain.envelope import UNSTAMPED
from domain.store.recorder import SealedEvent

PREFIX = "acta."
HEAD = "acta.head"
CONTENT_TYPE = b"application/json"
NOTHING = b"{}"
Headers = list[tuple[str, bytes]]

_REQUIRED = ("ce_type", "ce_id", "ce_subject", "ce_position", "ce_streamversion", "ce_recordedat")


class Malformed(Exception):
    """A message is not one of ours. The text names the header at fault, never what it holds."""


@dataclass(frozen=True, slots=True)
class Head:
    """A partition is complete up to ``position``, where the event (``stream``, ``version``) stands."""

    position: int
    stream: UUID
    version: int


class _When(msgspec.Struct):
    occurred_at: datetime | None = None


_when = msgspec.json.Decoder(_When)


@lru_cache(maxsize=65_536)
def partition_of(stream: UUID, partitions: int) -> int:
    """The partition of a stream. It must never change."""
    return partition_of_key(key_of(stream), partitions)


def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2 as every Kafka client computes it."""
    return int((murmur2(key) & 0x7FFF_FFFF) % partitions)


def key_of(stream: UUID) -> bytes:
    """The key of every message of a stream."""
    return str(stream).encode()


class Envelope:
    """Writes the headers of one desk's messages."""

    def __init__(self, source: str) -> None:
        self._same: Headers = [
            ("ce_specversion", b"1.0"),
            ("content-type", CONTENT_TYPE),
            ("ce_source", source.encode()),
        ]

    def of_event(self, event: SealedEvent, key: bytes) -> Headers:
        """The headers of a stored event."""
        assert event.recorded_at is not None
        recorded = _text(event.recorded_at)
        return [
            *self._same,
            ("ce_id", b"%b/%d" % (key, event.originator_version)),
            ("ce_type", f"{PREFIX}{event.topic}".encode()),
            ("ce_subject", key),
            ("ce_time", _occurred(event.state) or recorded),
            ("ce_position", b"%d" % event.position),
            ("ce_streamversion", b"%d" % event.originator_version),
            ("ce_recordedat", recorded),
        ]

    def of_head(self, event: SealedEvent, partition: int) -> Headers:
        """The headers that tell a partition that it is complete up to ``event``."""
        assert event.recorded_at is not None
        key, recorded = key_of(event.originator_id), _text(event.recorded_at)
        return [
            *self._same,
            ("ce_id", b"%b/%d/%d" % (key, event.originator_version, partition)),
            ("ce_type", HEAD.encode()),
            ("ce_subject", key),
            ("ce_time", recorded),
            ("ce_position", b"%d" % event.position),
            ("ce_streamversion", b"%d" % event.originator_version),
            ("ce_recordedat", recorded),
        ]


def read(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> SealedEvent | Head:
    """The stored event or the head of a message; raises ``Malformed``."""
    given = dict(headers)
    if given.get("ce_specversion") != b"1.0":
        raise Malformed("ce_specversion")
    if given.get("content-type") != CONTENT_TYPE:
        raise Malformed("content-type")
    for name in _REQUIRED:
        if name not in given:
            raise Malformed(f"{name} is missing")
    stream, version, position = _stream(given), _number(given, "ce_streamversion"), _number(given, "ce_position")
    try:
        type_name = given["ce_type"].decode()
    except UnicodeDecodeError:
        raise Malformed("ce_type") from None
    if type_name == HEAD:
        return Head(position, stream, version)
    if not type_name.startswith(PREFIX):
        raise Malformed("ce_type")
    if key != given["ce_subject"]:
        raise Malformed("the key is not ce_subject")
    if given["ce_id"] != b"%b/%d" % (key, version):
        raise Malformed("ce_id")
    if value is None:
        raise Malformed("there is no value")
    return SealedEvent(stream, version, type_name.removeprefix(PREFIX), value, position, _time(given, "ce_recordedat"))


def milliseconds(moment: datetime) -> int:
    """A message's timestamp: UTC milliseconds since 1970, rounded down, so that a search by time never starts late."""
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _text(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat().encode()


def _occurred(body: bytes) -> bytes | None:
    """When the event of a body happened, where that differs from when it was recorded."""
    try:
        occurred = _when.decode(body).occurred_at
    except (msgspec.MsgspecError, ValueError):
        return None
    return None if occurred is None or occurred == UNSTAMPED or occurred.tzinfo is None else _text(occurred)


def _stream(given: dict[str, bytes]) -> UUID:
    try:
        return UUID(given["ce_subject"].decode())
    except ValueError:
        raise Malformed("ce_subject") from None


def _number(given: dict[str, bytes], name: str) -> int:
    try:
        number = int(given[name])
    except ValueError:
        raise Malformed(name) from None
    if number < 1:
        raise Malformed(name)
    return number


def _time(given: dict[str, bytes], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given[name].decode())
    except ValueError:
        raise Malformed(name) from None
    if moment.tzinfo is None:
        raise Malformed(name)
    return moment
