"""Verifying: everything computed anew from the stored events, and compared with the log and with what was signed.

One pass in order of position, in constant memory, beside a running system. Every event must be what its entry says,
every hash of the tree what its leaves give, and the root at the size of every checkpoint, of all that were signed here
and of those that others have kept, the one that was signed. What differs first is named.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import merge

from consumers.record.differing import difference
from consumers.record.entering import PAGE, Succession, entry_of
from domain.record.growth import Growth
from domain.record.merkle import HEIGHT, SIZE, leaf_hash
from domain.record.note import LINES, Checkpoint, NoteRefused, Verifier
from domain.store.recorder import PostgresRecorder
from projections.engine import ahead
from projections.ledger import CHECKPOINT, CHECKPOINTS, Damaged, Folder

_BEFORE_ALL = -(2**62)
"""A position before any that an event can have, also one that nobody has given it."""


class Differs(Exception):
    """History is not what was signed. The message names the first event at fault, and nothing of its content."""


@dataclass(frozen=True)
class Verified:
    """What is as it was signed: so many events, the sizes of so many checkpoints; ``unsigned`` events came later."""

    events: int
    checkpoints: int
    unsigned: int


def verify(
    store: PostgresRecorder,
    log: Folder,
    verifier: Verifier,
    kept: Sequence[Checkpoint] = (),
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> Verified:
    """Compare every signed event with the log, its tree, all its checkpoints, and those that others have ``kept``.

    ``progress`` is told how many of how many events are done. Raises ``Differs`` at the first difference.
    """
    try:
        newest = verifier.open(log.text(CHECKPOINT))
        checkpoints = merge(_signed(log, verifier, newest.size), sorted(kept, key=_size), key=_size)
        return _Pass(store, log, newest, checkpoints).run(progress)
    except (Damaged, NoteRefused) as fault:
        raise Differs(f"the log's own files: {fault}") from None


class _Pass:
    """One pass over the store."""

    def __init__(
        self, store: PostgresRecorder, log: Folder, newest: Checkpoint, checkpoints: Iterator[Checkpoint]
    ) -> None:
        self._store = store
        self._log = log
        self._newest = newest
        self._checkpoints = checkpoints
        self._said = log.all_entries(newest.size)
        self._tree = Growth()
        self._compared = 0
        self._agreed = 0
        """The size of the last checkpoint whose root came out."""

    def run(self, progress: Callable[[int, int], None]) -> Verified:
        size = self._newest.size
        due = next(self._checkpoints, None)
        with closing(ahead(self._pages(size))) as pages:
            for page in pages:
                start = self._tree.size
                leaves = self._log.hashes(0, start, start + len(page))
                for succession in page:
                    self._take(succession, start, leaves)
                    while due is not None and due.size == self._tree.size:
                        self._must_have_this_root(due)
                        due = next(self._checkpoints, None)
                progress(self._tree.size, size)
        if self._tree.size < size:
            raise Differs(difference(self._store, self._log, size, self._tree.size + 1, None))
        if due is not None:
            raise Differs(
                f"a checkpoint signs {due.size} events, the log's newest only {size}: what follows position {size} was"
                " removed, from the log as well"
            )
        return Verified(size, self._compared, self._store.head() - size)

    def _pages(self, size: int) -> Iterator[list[Succession]]:
        after, read = _BEFORE_ALL, 0
        while read < size and (page := self._store.succession(after, min(PAGE, size - read))):
            yield page
            after, read = page[-1][0].position, read + len(page)

    def _take(self, succession: Succession, start: int, leaves: bytes) -> None:
        """Compare one event; ``leaves`` are the leaf hashes that the log has from number ``start`` on."""
        event, previous = succession
        position = self._tree.size + 1
        if not 0 < previous < position:
            before = b""
        elif previous > start:
            before = leaves[(previous - 1 - start) * SIZE : (previous - start) * SIZE]
        else:
            before = self._log.leaf(previous - 1)
        entry = entry_of(event, before)
        if event.position != position or entry != next(self._said):
            raise Differs(difference(self._store, self._log, self._newest.size, position, event))
        leaf = leaf_hash(entry)
        if leaf != leaves[(position - 1 - start) * SIZE : (position - start) * SIZE]:
            raise Differs(f"the log's tile of level 0 does not fit the events up to position {position}")
        completed = self._tree.add(leaf)
        for height in range(HEIGHT, len(completed), HEIGHT):
            level, number = height // HEIGHT, (self._tree.size >> height) - 1
            if self._log.hashes(level, number, number + 1) != completed[height]:
                raise Differs(f"the log's tile of level {level} does not fit the events up to position {position}")

    def _must_have_this_root(self, checkpoint: Checkpoint) -> None:
        if checkpoint.root != self._tree.root:
            raise Differs(
                f"the first {checkpoint.size} events are not those that a checkpoint signs: at or after position"
                f" {self._agreed + 1} events, entries and tiles were rewritten together"
            )
        self._agreed = checkpoint.size
        self._compared += 1


def _signed(log: Folder, verifier: Verifier, newest: int) -> Iterator[Checkpoint]:
    """Every checkpoint that was signed here, in order, to the one that signs ``newest`` events."""
    size = 0
    with (log.path / CHECKPOINTS).open(encoding="utf-8") as notes:
        while size < newest:
            checkpoint = verifier.open("".join(notes.readline() for _ in range(LINES)))
            size = checkpoint.size
            yield checkpoint


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size
