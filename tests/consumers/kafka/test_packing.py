"""Batches as packed here, against kafka-python's own: byte for byte the same."""

from hypothesis import example, given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import decode_varint

from consumers.kafka.packing import LARGEST_BATCH, Batch, varint

CODEC = DefaultRecordBatchBuilder.CODEC_LZ4
SMALL, ENDLESS = 300, 2**31 - 1
headers = st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=SMALL)), max_size=12)
messages = st.lists(
    st.tuples(st.integers(0, 2**41), st.none() | st.binary(max_size=SMALL), st.binary(max_size=SMALL), headers),
    min_size=1,
    max_size=70,
)
HEADERS = [("ce_id", b"7/1")]


def sealed(records: MemoryRecordsBuilder) -> bytes:
    records.set_producer_state(7, 1, 42, True)
    records.close()
    return bytes(records.buffer())


@given(messages)
@example([(1, b"k", b"v" * 5_000, HEADERS), (0, None, b"{}", []), (2**41, b"", b"", [("é", b"v" * 70_000)])])
def test_a_batch_is_what_the_library_makes_of_the_same_messages(messages):
    ours, theirs = Batch(CODEC), MemoryRecordsBuilder(2, CODEC, ENDLESS)
    for timestamp, key, value, headers in messages:
        ours.add(timestamp, key, value, headers)
        theirs.append(timestamp, key, value, headers)
    records = ours.records()
    assert records.next_offset() == theirs.next_offset() == len(messages)
    assert sealed(records) == sealed(theirs)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_number_of_64_bits_is_written_as_the_library_reads_it(number):
    assert decode_varint(bytearray(varint(number))) == (number, len(varint(number)))


def test_a_batch_is_full_once_it_has_its_size_and_takes_a_larger_message_alone():
    batch = Batch()
    assert not batch.full()
    batch.add(0, None, b"x" * LARGEST_BATCH, [])
    assert batch.full()
