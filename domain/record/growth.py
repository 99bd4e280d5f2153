"""A Merkle tree that grows leaf by leaf in constant memory: only the roots of its complete subtrees are known."""

from domain.record.merkle import EMPTY, node_hash


class Growth:
    """The right edge of a tree, from its largest complete subtree to its smallest."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def add(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash; the roots of the subtrees that it completes, by height, itself first."""
        self.size += 1
        completed, rest = [leaf], self.size
        while not rest & 1:
            completed.append(node_hash(self._edge.pop(), completed[-1]))
            rest >>= 1
        self._edge.append(completed[-1])
        return completed

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._edge:
            return EMPTY
        found = self._edge[-1]
        for left in self._edge[-2::-1]:
            found = node_hash(left, found)
        return found
