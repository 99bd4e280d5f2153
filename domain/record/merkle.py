"""The Merkle tree of RFC 6962 over SHA-256: its hashes, its proofs, and how a proof is checked.

A tree is read through ``Hashes``: the roots of its complete subtrees of 256^level leaves, which is what tiles hold.
Proofs are made as RFC 6962 (2.1.1, 2.1.2) defines them and checked with the loops of RFC 9162 (2.1.3.2, 2.1.4.2), which
know nothing of how they were made.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

SIZE = 32
"""Bytes of a hash."""

HEIGHT = 8
"""Levels of the tree from one level of ``Hashes`` to the next."""

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


class Hashes(Protocol):
    """Where the hashes of a tree are read."""

    def hashes(self, level: int, start: int, end: int) -> bytes:
        """The roots, one after another, of complete subtrees of 256^level leaves: from number ``start`` to ``end``."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\1" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root over 1, 2, 4, 8 … hashes of equal height."""
    while len(hashes) > SIZE:
        hashes = b"".join(sha256(b"\1" + hashes[at : at + 2 * SIZE]).digest() for at in range(0, len(hashes), 2 * SIZE))
    return hashes


def root(tree: Hashes, size: int) -> bytes:
    """The root of the first ``size`` leaves."""
    return _span(tree, 0, size) if size else EMPTY


def inclusion(tree: Hashes, index: int, size: int) -> list[bytes]:
    """The proof that leaf ``index`` is among the first ``size`` leaves; the hash beside the leaf comes first."""
    if not 0 <= index < size:
        raise ValueError("a leaf beyond the tree")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_span(tree, middle, end))
            end = middle
        else:
            proof.append(_span(tree, start, middle))
            start = middle
    return proof[::-1]


def consistency(tree: Hashes, old: int, size: int) -> list[bytes]:
    """The proof that the tree of the first ``size`` leaves goes on from that of the first ``old``."""
    if not 0 < old <= size:
        raise ValueError("an old tree that is empty, or beyond the new one")
    proof: list[bytes] = []
    start, end = 0, size
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_span(tree, middle, end))
            end = middle
        else:
            proof.append(_span(tree, start, middle))
            start = middle
    # A subtree that begins with the first leaf is the old tree itself, which whoever checks has already.
    if start:
        proof.append(_span(tree, start, end))
    return proof[::-1]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether a proof shows that the leaf hash ``leaf`` is number ``index`` under the root of ``size`` leaves."""
    if not 0 <= index < size:
        return False
    number, last, found = index, size - 1, leaf
    for beside in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(beside, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        number, last = number >> 1, last >> 1
    return last == 0 and found == expected


def continues(old: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree of ``size`` leaves begins with the ``old`` leaves under ``old_root``."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == new_root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        number, last = number >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _span(tree: Hashes, start: int, end: int) -> bytes:
    """The root over the leaves from ``start`` to ``end``, which is a subtree of some tree."""
    parts: list[bytes] = []
    while start < end:
        # Below the first bit of start, so that the subtree is complete; no larger than what is left.
        height = (end - start).bit_length() - 1
        level, rest = divmod(height, HEIGHT)
        first = start >> HEIGHT * level
        parts.append(fold(tree.hashes(level, first, first + (1 << rest))))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found
