"""Events as messages: the form, and what is refused."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from kafka.partitioner.default import murmur2

from consumers.kafka.cloudevents import Envelope, Head, Headers, Malformed, key_of, milliseconds, partition_of, read
from domain.store.recorder import SealedEvent

STREAM = UUID("0190b6e5-3f4a-7c11-9a55-5f1de3a8b001")
RECORDED = datetime(2026, 3, 1, 12, 30, 0, 123456, UTC)


def event(body: bytes = b'{"number":7}') -> SealedEvent:
    return SealedEvent(STREAM, 3, "ticket.opened.v1", body, 41, RECORDED)


def message(body: bytes = b'{"number":7}') -> tuple[bytes, Headers]:
    key = key_of(STREAM)
    return key, Envelope("/acta").of_event(event(body), key)


def test_a_message_is_a_cloud_event_in_binary_mode() -> None:
    key, headers = message(b'{"occurred_at":"2026-02-01T08:00:00Z"}')
    assert key == str(STREAM).encode()
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
        "ce_source": b"/acta",
        "ce_id": f"{STREAM}/3".encode(),
        "ce_type": b"acta.ticket.opened.v1",
        "ce_subject": str(STREAM).encode(),
        "ce_time": b"2026-02-01T08:00:00+00:00",
        "ce_position": b"41",
        "ce_streamversion": b"3",
        "ce_recordedat": b"2026-03-01T12:30:00.123456+00:00",
    }


def test_an_event_not_dated_otherwise_happened_when_it_was_recorded() -> None:
    headers = dict(message()[1])
    assert headers["ce_time"] == headers["ce_recordedat"]


def test_what_is_read_is_what_was_stored() -> None:
    key, headers = message()
    assert read(key, b'{"number":7}', headers) == event()


def test_a_head_names_the_event_it_stands_at() -> None:
    assert read(None, b"{}", Envelope("/acta").of_head(event(), 2)) == Head(41, STREAM, 3)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("content-type", b"application/cloudevents+json"),
        ("ce_type", b"other.ticket"),
        ("ce_type", b"\xff"),
        ("ce_id", b"something"),
        ("ce_subject", b"no uuid"),
        ("ce_position", b"0"),
        ("ce_position", b"many"),
        ("ce_streamversion", b"-1"),
        ("ce_recordedat", b"yesterday"),
        ("ce_recordedat", b"2026-03-01T12:30:00"),
        ("ce_position", None),
    ],
)
def test_a_message_that_is_not_ours_is_refused_without_quoting_it(header: str, value: bytes | None) -> None:
    key, headers = message()
    changed = [(name, value if name == header else old) for name, old in headers]
    with pytest.raises(Malformed) as refused:
        read(key, b"{}", [(name, old) for name, old in changed if old is not None])
    assert value is None or value.decode(errors="replace") not in str(refused.value)


def test_a_message_under_another_key_is_refused() -> None:
    _, headers = message()
    with pytest.raises(Malformed):
        read(b"other", b"{}", headers)


@pytest.mark.parametrize(
    ("stream", "of_three", "of_twelve"),
    [
        ("00000000-0000-0000-0000-000000000001", 2, 2),
        ("0190b6e5-3f4a-7c11-9a55-5f1de3a8b001", 2, 11),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 0, 6),
    ],
)
def test_a_stream_never_changes_its_partition(stream: str, of_three: int, of_twelve: int) -> None:
    assert (partition_of(UUID(stream), 3), partition_of(UUID(stream), 12)) == (of_three, of_twelve)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_keys_are_hashed_as_by_the_java_client(key: bytes, hashed: int) -> None:
    """The figures are those of Apache Kafka's own tests."""
    assert murmur2(key) == hashed & 0xFFFF_FFFF


def test_the_timestamp_of_a_message_is_never_later_than_the_event() -> None:
    assert milliseconds(RECORDED) == 1772368200123
