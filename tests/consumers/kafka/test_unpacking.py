"""Batches are unpacked as they are meant; what is too large or means nothing is one message that says so."""

import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import AT_MS, PACKING, batch, packed, record, zeros
from consumers.kafka.packing import varint
from consumers.kafka.unpacking import MOST_HEADERS, MOST_MESSAGES, MOST_UNPACKED, UNREAD, BoundedBatch

KINDS = list(PACKING)
GOOD = record(b"a value", b"HR-1", [(b"ce_id", b"1")])


def read(whole: bytes) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    """Offset, key, value and headers of each message."""
    return [(one.offset, one.key, one.value, one.headers) for one in BoundedBatch(memoryview(whole))]


def stands_for_itself(whole: bytes, offset: int = 0) -> bool:
    """Whether a batch is one message: itself."""
    ((found, key, value, headers),) = read(whole)
    return (found, key, value, headers[0][0]) == (offset, None, whole, UNREAD)


TEXT = st.binary(max_size=40)
MESSAGES = st.lists(st.tuples(st.none() | TEXT, st.none() | TEXT, st.lists(st.tuples(st.text(max_size=9), TEXT))))


@given(MESSAGES.filter(bool), st.sampled_from(KINDS))
def test_what_was_packed_is_read(
    messages: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]], kind: str
) -> None:
    records = [
        record(value, key, [(name.encode(), text) for name, text in headers], number)
        for number, (key, value, headers) in enumerate(messages)
    ]
    expected = [(number, *message) for number, message in enumerate(messages)]
    assert read(packed(kind, records, len(records))) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_unpacked_up_to_its_limit_and_no_further(kind: str) -> None:
    around = len(b"".join(zeros(MOST_UNPACKED))) - MOST_UNPACKED
    ((_, _, value, _),) = read(packed(kind, zeros(MOST_UNPACKED - around)))
    assert value == bytes(MOST_UNPACKED - around)
    if kind != "none":
        assert stands_for_itself(packed(kind, zeros(MOST_UNPACKED + 1)))


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_what_would_unpack_to_much_more_takes_no_memory(kind: str) -> None:
    whole = packed(kind, zeros(100_000_000))
    tracemalloc.start()
    try:
        assert stands_for_itself(whole)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST_UNPACKED + 4 * len(whole)
    finally:
        tracemalloc.stop()


def many(count: int) -> Iterable[bytes]:
    """Messages of nothing."""
    return [record(None)] * count


@pytest.mark.parametrize(
    ("whole", "offset"),
    [
        (packed("gzip", many(MOST_MESSAGES + 1), MOST_MESSAGES + 1), MOST_MESSAGES),
        (packed("zstd", [record(b"", None, [(b"", b"")] * (MOST_HEADERS + 1))]), 0),
        (batch(0, varint(2_000_000_000) + b"\0" * 50), 0),
        (packed("lz4", [GOOD[:-1]]), 0),
        (packed("gzip", [b""]), 0),
        (packed("gzip", [b"\xff" * 30]), 0),
        (batch(1, b"no gzip"), 0),
        (batch(2, b"\xff\xff\xff\xff\x0f"), 0),
        (batch(2, b"\x82SNAPPY\0" + bytes(8) + b"\xff\xff\xff\xff"), 0),
        (batch(2, b""), 0),
        (batch(3, b"\x04\x22\x4d\x18"), 0),
        (batch(4, b"no zstandard"), 0),
        (batch(7, b"in a way that nobody knows"), 0),
    ],
)
def test_what_cannot_be_read_stands_for_itself(whole: bytes, offset: int) -> None:
    assert stands_for_itself(whole, offset)


@given(st.sampled_from(KINDS), st.data())
def test_whatever_bytes_are_in_a_batch_it_is_read_to_its_end(kind: str, data: st.DataObject) -> None:
    codec, pack = PACKING[kind]
    inside = bytearray(pack([GOOD, record(b"another", number=1), record(None, number=2)]))
    for _ in range(data.draw(st.integers(1, 4))):
        inside[data.draw(st.integers(0, len(inside) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(inside)))
    found = BoundedBatch(memoryview(batch(codec, bytes(inside[cut // 8 :]), 3)))
    assert 1 <= len(list(found)) <= 3


def test_what_can_be_read_before_what_cannot_is_read() -> None:
    whole = packed("zstd", [GOOD, record(b"another", number=1)[:-1], GOOD], 3)
    (first, *_), (offset, _, value, headers) = read(whole)
    assert (first, offset, value) == (0, 2, whole)
    assert headers == [(UNREAD, b"3 messages, of which 2 cannot be read")]


def test_the_name_of_a_header_that_is_no_text_is_none_that_anybody_knows() -> None:
    ((_, _, value, headers),) = read(packed("none", [record(b"x", b"HR-1", [(b"ce_\xc3", b"y"), (b"ce_id", b"1")])]))
    assert (value, headers) == (b"x", [("ce_\ufffd", b"y"), ("ce_id", b"1")])


def test_a_message_has_the_time_of_its_sender_or_of_the_broker() -> None:
    (sent,) = BoundedBatch(memoryview(packed("none", [GOOD])))
    (appended,) = BoundedBatch(memoryview(batch(8, GOOD)))
    assert sent.timestamp == appended.timestamp == AT_MS
