"""The log as it is written: entries are added, then a checkpoint over all of them is signed and published.

Nothing is signed before the bytes it speaks of are on the disk. What was signed is first kept among all checkpoints,
which makes it binding, then published by a rename. A process that dies anywhere in between leaves bytes beyond the last
one kept, which the next process cuts off. One process writes at a time: the lock on the folder is the kernel's, and
goes with its holder.
"""

import fcntl
import os
from pathlib import Path

from domain.record import merkle
from domain.record.merkle import HEIGHT, SIZE, leaf_hash
from domain.record.note import LINES, MARK, NoteRefused, Signer
from domain.record.tiles import WIDTH
from projections.ledger.durable import replace, sync_folder
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

    ``signed`` is how many entries the newest checkpoint signs. Raises ``Occupied`` while another process has the
    folder, ``Damaged`` when its files are not what its checkpoint signs, or were signed with another key.
    """

    def __init__(self, path: Path, signer: Signer) -> None:
        super().__init__(path)
        self._signer = signer
        self._leaves = bytearray()
        self._entries = bytearray()
        self._places = bytearray()
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._occupy()
            self._must_be_signed_by_us()
            self.signed = self._checked_size(self._last_signed())
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
        return self.signed + len(self._leaves) // SIZE

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an entry, signed or not yet."""
        fresh = (index - self.signed) * SIZE
        return super().leaf(index) if fresh < 0 else bytes(self._leaves[fresh : fresh + SIZE])

    def add(self, entry: bytes) -> None:
        """Add an entry; it is in the log once it is published."""
        if self.size % WIDTH == 0:
            self._places += (self._entries_end + len(self._entries)).to_bytes(PLACE, "big")
        self._entries += len(entry).to_bytes(LENGTH, "big") + entry
        self._leaves += leaf_hash(entry)

    def publish(self) -> str:
        """Put everything added on the disk, sign it, and let readers see it; the signed note."""
        size = self.size
        self._write(ENTRIES, self._entries_end, self._entries)
        self._write(BUNDLES, -(-self.signed // WIDTH) * PLACE, self._places)
        self._write(level_file(0), self.signed * SIZE, self._leaves)
        self._raise_levels(size)
        for file in self._open.values():
            os.fsync(file)
        sync_folder(self.path)
        note = self._signer.note(size, merkle.root(self, size))
        self._write(CHECKPOINTS, self._notes_end, note.encode())
        os.fsync(self._file(CHECKPOINTS))
        replace(self.path / CHECKPOINT, note)
        self._notes_end += len(note.encode())
        self._entries_end += len(self._entries)
        self.signed = size
        self._leaves, self._entries, self._places = bytearray(), bytearray(), bytearray()
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
            first, last = self.signed >> HEIGHT * level, size >> HEIGHT * level
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

    def _last_signed(self) -> str:
        """The last note that was kept whole, "" if there is none yet; published, in case that was not done any more."""
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
        if note != published:
            replace(self.path / CHECKPOINT, note)
        return note

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
