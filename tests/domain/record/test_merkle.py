"""The tree and its proofs, against the vectors of RFC 6962 and a tree made as its definitions read."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.record import merkle
from domain.record.merkle import EMPTY, SIZE, consistency, continues, includes, inclusion, leaf_hash, root

ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    1: "6e340b9cffb37a98",
    2: "fac54203e7cc696c",
    3: "aeb6bcfe274b70a1",
    4: "d37ee418976dd957",
    5: "4e3bbb1f7b478dcf",
    6: "76e67dadbcdf1e10",
    7: "ddb89be403809e32",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


class Naive:
    """A tree in memory, made as RFC 6962 defines it: MTH, PATH, SUBPROOF over the leaves from one number to another."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.mth = cache(self._mth)

    def hashes(self, level: int, start: int, end: int) -> bytes:
        width = 256**level
        return b"".join(self.mth(n * width, (n + 1) * width) for n in range(start, end))

    def _mth(self, start: int, end: int) -> bytes:
        if start == end:
            return sha256(b"").digest()
        if end - start == 1:
            return self.leaves[start]
        k = start + largest_power_below(end - start)
        return sha256(b"\x01" + self.mth(start, k) + self.mth(k, end)).digest()

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        k = start + largest_power_below(end - start)
        if m < k:
            return [*self.path(m, start, k), self.mth(k, end)]
        return [*self.path(m, k, end), self.mth(start, k)]

    def subproof(self, m: int, start: int, end: int, known: bool = True) -> list[bytes]:
        if m == end:
            return [] if known else [self.mth(start, end)]
        k = start + largest_power_below(end - start)
        if m <= k:
            return [*self.subproof(m, start, k, known), self.mth(k, end)]
        return [*self.subproof(m, k, end, False), self.mth(start, k)]


def largest_power_below(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_root(leaves: list[bytes]) -> bytes:
    return Naive(leaves).mth(0, len(leaves))


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_of_the_rfcs_test_vectors(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    assert root(Naive(leaves), size).hex().startswith(ROOTS[size])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root(Naive([]), 0) == EMPTY == sha256(b"").digest()


LARGEST = Naive(leaves_of(1000))


def every_proof_holds(size: int, step: int) -> None:
    """Of every ``step``-th leaf, and from every ``step``-th size before."""
    tree, leaves, expected = LARGEST, LARGEST.leaves, LARGEST.mth(0, size)
    assert root(tree, size) == expected
    for index in range(size % step, size, step):
        proof = inclusion(tree, index, size)
        assert proof == tree.path(index, 0, size)
        assert includes(leaves[index], index, size, proof, expected)
    for old in range(1 + size % step, size + 1, step):
        proof = consistency(tree, old, size)
        assert proof == tree.subproof(old, 0, size)
        assert continues(old, tree.mth(0, old), size, expected, proof)


@pytest.mark.parametrize("size", [*range(1, 66), 127, 128, 129, 255, 256, 257])
def test_every_proof_of_a_small_tree_is_the_rfcs_and_holds(size: int) -> None:
    every_proof_holds(size, 1)


def test_proofs_are_the_rfcs_and_hold_at_every_size() -> None:
    for size in range(1, 301):
        every_proof_holds(size, 11)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_every_proof_of_every_tree_up_to_a_thousand_is_the_rfcs_and_holds(first: int) -> None:
    for size in range(first + 1, first + 101):
        every_proof_holds(size, 1)


@given(st.data())
def test_no_other_leaf_index_size_root_or_proof_is_accepted(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 600))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    tree, expected = Naive(leaves), naive_root(leaves)
    proof = inclusion(tree, index, size)
    assert not includes(leaf_hash(b"another"), index, size, proof, expected)
    assert not includes(leaves[index], index, size, proof, leaf_hash(b"another"))
    assert not includes(leaves[index], index, size, proof[:-1], expected)
    assert not includes(leaves[index], index, size, [*proof, expected], expected)
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    assert not includes(leaves[index], other, size, proof, expected)
    at = data.draw(st.integers(0, len(proof) - 1))
    wrong = [*proof[:at], leaf_hash(b"another"), *proof[at + 1 :]]
    assert not includes(leaves[index], index, size, wrong, expected)


@given(st.data())
def test_a_tree_whose_past_was_changed_has_no_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 600))
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(size)
    before = naive_root(leaves[:old])
    leaves[changed] = leaf_hash(b"another")
    tree, expected = Naive(leaves), naive_root(leaves)
    assert not continues(old, before, size, expected, consistency(tree, old, size))
    assert not continues(old, before, size, expected, [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_there_is_no_proof_of_a_leaf_beyond_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="beyond"):
        inclusion(Naive(leaves_of(3)), index, size)
    assert not includes(leaves_of(3)[0], index, size, [], naive_root(leaves_of(size)))


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3)])
def test_there_is_no_proof_from_nothing_or_from_the_future(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="old tree"):
        consistency(Naive(leaves_of(4)), old, size)
    assert not continues(old, naive_root(leaves_of(old)), size, naive_root(leaves_of(size)), [])


def test_a_fold_halves_until_one_is_left() -> None:
    leaves = leaves_of(256)
    assert merkle.fold(b"".join(leaves)) == naive_root(leaves)
    assert len(merkle.fold(leaves[0])) == SIZE
