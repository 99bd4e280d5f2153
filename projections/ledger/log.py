"""The log as it is written: entries are added, then a checkpoint over all of them is signed and published.

Nothing is signed before the bytes it speaks of are on the disk. What was signed is first kept among all checkpoints,
which makes it binding, then once more outside the folder, then published by a rename. A process that dies anywhere in
between leaves bytes beyond the last one kept, which the next process cuts off. One process writes at a time: the lock
on the folder is the kernel's, and goes with its holder.
"""

import fcntl
import os
from pathlib import Path

from domain.durable import replace, sync_folder
from domain.record import merkle
from domain.record.merkle import HEIGHT, SIZE, leaf_hash
from domain.record.note import LINES, MARK, Checkpoint, NoteRefused, Signer
from domain.record.tiles import WIDTH
from projections.ledger.binding import Binding
from projections.ledger.folder import (
    BUNDLES,
    CHECKPOINT,
    CHECKPOINTS,
    ENTRIES,
    KEY,
    LENGTH,
    OFFERED,
    PLACE,
    Damaged,
    Folder,
    level_file,
)
from projections.ledger.notes import size_of

_TAIL = 65_536
"""Bytes in which the last note of a file stands: a key's name is not nearly as long."""


class Occupied(Exception):
    """Another process writes this log."""


class Log(Folder):
    """A log to which entries are added, in a folder that nobody else writes to meanwhile.

    ``signed`` is how many entries the newest checkpoint signs. ``bound_in`` is a file outside the folder that tells
    what was signed last; a folder that is behind it, such as a new one in place of one that was lost, ``owes`` so many
    entries: they can be written, and nothing is signed before they give the root that was signed.

    Raises ``Occupied`` while another process has the folder, ``Damaged`` when its files are not what its checkpoint
    or that file signs, or were signed with another key.
    """

    def __init__(self, path: Path, signer: Signer, bound_in: Path | None = None) -> None:
        super().__init__(path)
        self._signer = signer
        self._binding = Binding(bound_in, signer.verifier)
        self._leaves = bytearray()
        self._entries = bytearray()
        self._places = bytearray()
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._occupy()
            self._must_be_signed_by_us()
            note = self._last_kept()
            self.signed = self._written = self._checked_size(note)
            self._bound = self._must_be_bound(note)
            self._show(note)
            self._entries_end = self._cut()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the folder; what was added and not published is forgotten."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def size(self) -> int:
        """How many entries there are, with those that are not signed yet."""
        return self._written + len(self._leaves) // SIZE

    @property
    def owes(self) -> int:
        """The size below which nothing is signed, since it was signed once; 0 once that is reached."""
        return self._bound.size if self._bound is not None else 0

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an entry, signed or not yet."""
        fresh = (index - self._written) * SIZE
        return super().leaf(index) if fresh < 0 else bytes(self._leaves[fresh : fresh + SIZE])

    def add(self, entry: bytes) -> None:
        """Add an entry; it is in the log once it is published."""
        if self.size % WIDTH == 0:
            self._places += (self._entries_end + len(self._entries)).to_bytes(PLACE, "big")
        self._entries += len(entry).to_bytes(LENGTH, "big") + entry
        self._leaves += leaf_hash(entry)

    def write(self) -> None:
        """Put everything added into the files, where it stays unseen, and is cut off if nobody signs it."""
        size = self.size
        self._write(ENTRIES, self._entries_end, self._entries)
        self._write(BUNDLES, -(-self._written // WIDTH) * PLACE, self._places)
        self._write(level_file(0), self._written * SIZE, self._leaves)
        self._raise_levels(size)
        self._entries_end += len(self._entries)
        self._written = size
        self._leaves, self._entries, self._places = bytearray(), bytearray(), bytearray()

    def publish(self) -> str:
        """Put everything added on the disk, sign it, and let readers see it; the signed note.

        Raises ``Damaged`` if that is less, or not, what was signed once.
        """
        self.write()
        for file in self._open.values():
            os.fsync(file)
        sync_folder(self.path)
        self._must_pay()
        note = self._signer.note(self.size, merkle.root(self, self.size))
        self._write(CHECKPOINTS, self._notes_end, note.encode())
        os.fsync(self._file(CHECKPOINTS))
        self._notes_end += len(note.encode())
        self._binding.bind(note)
        self._show(note)
        self.signed = self.size
        return note

    def offer(self) -> None:
        """Let witnesses cosign the newest checkpoint from now on, instead of the one offered before."""
        newest = self.text(CHECKPOINT)
        if newest != self.text(OFFERED):
            replace(self.path / OFFERED, newest)

    def _raise_levels(self, size: int) -> None:
        """Write the hash of every tile that has become full, level by level."""
        level = 0
        while size >> HEIGHT * (level + 1):
            level += 1
            first, last = self._written >> HEIGHT * level, size >> HEIGHT * level
            roots = b"".join(
                merkle.fold(self.hashes(level - 1, number * WIDTH, (number + 1) * WIDTH))
                for number in range(first, last)
            )
            self._write(level_file(level), first * SIZE, roots)

    def _occupy(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(f"another process writes the log in {self.path}") from None

    def _must_be_signed_by_us(self) -> None:
        vkey = self._signer.verifier.vkey
        there = self.text(KEY).strip()
        if not there:
            replace(self.path / KEY, vkey + "\n")
        elif there != vkey:
            raise Damaged(f"the log in {self.path} is signed with another key or has another origin: {there}")

    def _last_kept(self) -> str:
        """The last note that was kept whole, "" if there is none yet."""
        kept = self._file(CHECKPOINTS)
        end = os.fstat(kept).st_size
        start = max(0, end - _TAIL)
        lines = os.pread(kept, _TAIL, start).splitlines(keepends=True)
        while lines and not (lines[-1].startswith(MARK.encode()) and lines[-1].endswith(b"\n")):
            end -= len(lines.pop())
        note = b"".join(lines[-LINES:]).decode()
        published = self.text(CHECKPOINT)
        if size_of(published) > size_of(note):
            raise Damaged(f"{self.path / CHECKPOINTS} has lost the checkpoint that {CHECKPOINT} holds")
        os.ftruncate(kept, end)
        self._notes_end = end
        return note

    def _show(self, note: str) -> None:
        """Let readers see a note, unless they do already."""
        if note != self.text(CHECKPOINT):
            replace(self.path / CHECKPOINT, note)

    def _must_be_bound(self, note: str) -> Checkpoint | None:
        """What was signed last, if the folder does not have it yet, after it was looked for outside the folder."""
        bound = self._binding.checkpoint()
        if bound is not None and bound.size > self.signed:
            return bound
        if bound is not None:
            self._must_give(bound)
        elif note:
            self._binding.begin(note)
        if bound is not None and bound.size < self.signed:
            self._binding.bind(note)
        return None

    def _must_pay(self) -> None:
        """Refuse to sign less than was signed once, or something else."""
        if self._bound is not None:
            if self.size < self._bound.size:
                raise Damaged(f"{self.size} events are less than the {self._bound.size} that were signed")
            self._must_give(self._bound)
            self._bound = None

    def _must_give(self, bound: Checkpoint) -> None:
        if merkle.root(self, bound.size) != bound.root:
            raise Damaged(
                f"the first {bound.size} of the {self.size} events of the log in {self.path} do not give the root that"
                f" was signed, as {self._binding.path} says"
            )

    def _checked_size(self, note: str) -> int:
        """The size that a note signs, once the files give the root that it signs."""
        if not note:
            return 0
        try:
            checkpoint = self._signer.verifier.open(note)
        except NoteRefused as fault:
            raise Damaged(f"{self.path / CHECKPOINTS}: {fault}") from None
        if merkle.root(self, checkpoint.size) != checkpoint.root:
            raise Damaged(f"the hashes in {self.path} are not those that its checkpoint signs")
        return checkpoint.size

    def _cut(self) -> int:
        """Cut off what is beyond the signed size; where the entries end."""
        end = 0
        if self.signed:
            number, rest = divmod(self.signed - 1, WIDTH)
            end = int.from_bytes(self._read(BUNDLES, number * PLACE, PLACE), "big") + len(self.bundle(number, rest + 1))
        os.ftruncate(self._file(ENTRIES), end)
        os.ftruncate(self._file(BUNDLES), -(-self.signed // WIDTH) * PLACE)
        level = 0
        while level == 0 or (self.path / level_file(level)).exists():
            os.ftruncate(self._file(level_file(level)), (self.signed >> HEIGHT * level) * SIZE)
            level += 1
        return end

    def _write(self, name: str, start: int, content: bytes | bytearray) -> None:
        rest, file = memoryview(content), self._file(name)
        while rest:
            written = os.pwrite(file, rest, start)
            rest, start = rest[written:], start + written

    def _flags(self) -> int:
        return os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
