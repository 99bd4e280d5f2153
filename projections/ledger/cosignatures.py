"""What witnesses have cosigned, kept beside the log.

One file for each witness, of records of equal length in order of size, so that any is found without reading the others:
the size of the checkpoint (eight bytes, big-endian), then the cosignature as a note carries it. What a writer that
died left half written is written over by the next.
"""

import fcntl
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.durable import sync_folder
from domain.record.cosignature import BYTES, Cosignature, Witness
from projections.ledger.folder import CHECKPOINT, Folder
from projections.ledger.notes import size_of

_PLACE = 8
_RECORD = _PLACE + BYTES


class Overtaken(Exception):
    """The witness has cosigned a later checkpoint already, of ``size`` entries."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"a checkpoint of {size} entries was cosigned already")


class Cosignatures:
    """The cosignatures of these witnesses, in a folder to which several processes may write."""

    def __init__(self, folder: Path, witnesses: Sequence[Witness]) -> None:
        self._folder = folder
        self.witnesses = tuple(witnesses)

    def keep(self, witness: Witness, size: int, cosignature: Cosignature) -> None:
        """Keep a cosignature, which must have been checked; on the disk once this returns.

        One that is there already stays. Raises ``Overtaken`` when a later checkpoint was cosigned before.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path(witness), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            kept = _Records(file)
            newest = kept[-1] if len(kept) else 0
            if newest > size:
                raise Overtaken(newest)
            if newest < size:
                os.pwrite(file, size.to_bytes(_PLACE, "big") + cosignature.packed(), len(kept) * _RECORD)
                os.fsync(file)
                sync_folder(self._folder)
        finally:
            os.close(file)

    def lines(self, size: int) -> str:
        """The lines that cosign the checkpoint of this size, one for each witness who did."""
        return "".join(line for witness in self.witnesses if (line := self._line(witness, size)))

    def newest(self, witness: Witness) -> int:
        """The size of the newest checkpoint that a witness has cosigned; 0 if there is none."""
        return self._before(witness, None)

    def common(self, count: int) -> int:
        """The size of the newest checkpoint that so many witnesses have cosigned; 0 if there is none."""
        bound: int | None = None
        while True:
            tops = sorted((self._before(witness, bound) for witness in self.witnesses), reverse=True)
            if len(tops) < count or not tops[count - 1]:
                return 0
            if tops[0] == tops[count - 1]:
                return tops[0]
            # Fewer than so many have cosigned anything larger.
            bound = tops[count - 1]

    def note_over(self, log: Folder, covered: int) -> str:
        """The checkpoint to prove with: the newest that most witnesses have cosigned and that signs ``covered`` events.

        Without such, the newest of all; "" if not even that signs so many. Its cosignatures come with it.
        """
        for count in range(len(self.witnesses), 0, -1):
            note = self.cosigned_note(log, count)
            if note and size_of(note) >= covered:
                return note
        size = log.signed_size()
        return log.text(CHECKPOINT) + self.lines(size) if size >= covered else ""

    def cosigned_note(self, log: Folder, count: int) -> str:
        """The newest checkpoint that so many witnesses have cosigned, with their lines; "" if there is none.

        A log that was lost and written again may have signed others than were cosigned before.
        """
        size = self.common(count)
        note = log.note_from(size)
        return note + self.lines(size) if size_of(note) == size else ""

    def _before(self, witness: Witness, bound: int | None) -> int:
        """The largest size that a witness has cosigned, up to a bound."""
        with self._records(witness) as kept:
            place = len(kept) if bound is None else bisect_left(kept, bound + 1)
            return kept[place - 1] if place else 0

    def _line(self, witness: Witness, size: int) -> str:
        with self._records(witness) as kept:
            place = bisect_left(kept, size)
            if place == len(kept) or kept[place] != size:
                return ""
            return witness.line(kept.cosignature(place).packed())

    @contextmanager
    def _records(self, witness: Witness) -> "Iterator[_Records]":
        file = -1
        with suppress(FileNotFoundError):
            file = os.open(self._path(witness), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield _Records(file)
        finally:
            if file >= 0:
                os.close(file)

    def _path(self, witness: Witness) -> Path:
        return self._folder / witness.number.hex()


NO_COSIGNATURES = Cosignatures(Path(), ())
"""Of a log that nobody witnesses."""


class _Records(Sequence[int]):
    """The sizes in an open file, in order; none for no file."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._count = os.fstat(file).st_size // _RECORD if file >= 0 else 0
        while self._count and not self[-1]:
            self._count -= 1  # after a loss of power a file may have grown without its content

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> int:  # type: ignore[override]
        at = place if place >= 0 else self._count + place
        return int.from_bytes(os.pread(self._file, _PLACE, at * _RECORD), "big")

    def cosignature(self, place: int) -> Cosignature:
        """The cosignature at a place."""
        return Cosignature.unpacked(os.pread(self._file, BYTES, place * _RECORD + _PLACE))
