"""Sealed chunks open in their place only: nothing flipped, moved, left out, cut off or of another file opens."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Altered
from domain.store.chunks import (
    CHUNK_BYTES,
    OVERHEAD,
    address_of,
    chunks_in,
    new_key,
    open_chunk,
    open_tail,
    path_of,
    seal_chunk,
    seal_tail,
)

FILE = UUID("f1000000-0000-4000-8000-000000000001")
OTHER = UUID("f1000000-0000-4000-8000-000000000002")
KEY = new_key()

plains = st.binary(max_size=200)
files = st.sampled_from([FILE, OTHER])
numbers = st.integers(0, 3)
places = st.tuples(files, numbers, st.booleans())


@given(plains, places)
def test_a_chunk_opens_in_its_place(plain: bytes, place: tuple[UUID, int, bool]) -> None:
    sealed = seal_chunk(KEY, *place, plain)
    assert open_chunk(KEY, *place, sealed) == plain
    assert len(sealed) == len(plain) + OVERHEAD


@given(plains, places, places)
def test_a_chunk_opens_in_no_other_place(
    plain: bytes, place: tuple[UUID, int, bool], other: tuple[UUID, int, bool]
) -> None:
    sealed = seal_chunk(KEY, *place, plain)
    if place != other:
        with pytest.raises(Altered):
            open_chunk(KEY, *other, sealed)


@given(plains, st.data())
def test_a_chunk_of_which_a_bit_was_flipped_does_not_open(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal_chunk(KEY, FILE, 0, True, plain))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Altered):
        open_chunk(KEY, FILE, 0, True, bytes(sealed))


@given(plains, st.data())
def test_a_chunk_that_was_cut_short_does_not_open(plain: bytes, data: st.DataObject) -> None:
    sealed = seal_chunk(KEY, FILE, 0, True, plain)
    length = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(Altered):
        open_chunk(KEY, FILE, 0, True, sealed[:length])


@given(plains)
def test_a_chunk_opens_with_no_other_key(plain: bytes) -> None:
    sealed = seal_chunk(KEY, FILE, 0, True, plain)
    with pytest.raises(Altered):
        open_chunk(new_key(), FILE, 0, True, sealed)


@given(plains)
def test_the_same_bytes_are_never_sealed_alike(plain: bytes) -> None:
    once, again = (seal_chunk(KEY, FILE, 0, True, plain) for _ in range(2))
    assert address_of(once) != address_of(again)


@given(plains, st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_tail_opens_where_it_ended_and_is_no_chunk(plain: bytes, offset: int, other: int) -> None:
    sealed = seal_tail(KEY, FILE, offset, plain)
    assert open_tail(KEY, FILE, offset, sealed) == plain
    with pytest.raises(Altered):
        open_chunk(KEY, FILE, 0, True, sealed)
    if other != offset:
        with pytest.raises(Altered):
            open_tail(KEY, FILE, other, sealed)


@pytest.mark.parametrize(
    ("length", "chunks"),
    [(0, 1), (1, 1), (CHUNK_BYTES - 1, 1), (CHUNK_BYTES, 1), (CHUNK_BYTES + 1, 2), (3 * CHUNK_BYTES, 3)],
)
def test_a_file_has_as_many_chunks_as_it_fills_and_at_least_one(length: int, chunks: int) -> None:
    assert chunks_in(length) == chunks


def test_a_chunk_lies_two_folders_deep_by_its_address() -> None:
    address = address_of(b"")
    assert path_of(address) == f"e3/b0/{address}"
