"""The log as it lies on disk.

Each level of the tree is one file of hashes and grows at its end; so are the entries. A tile of any width is a stretch
of a file, so that none is ever written twice or has to be cleaned up. What counts is what ``checkpoint`` signs: it is
replaced last, whole, and what lies beyond its size is not there for any reader.

* ``checkpoint``   the newest signed note
* ``checkpoints``  all of them, one after another
* ``offered``      the one of them that witnesses are to cosign now
* ``key``          the verifier key
* ``level-0`` …    hashes of complete subtrees of 256^level entries
* ``entries``      the entries, each behind its length (two bytes, big-endian)
* ``bundles``      for every 256th entry, where it begins in ``entries`` (eight bytes, big-endian)
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.record.merkle import SIZE
from domain.record.tiles import WIDTH, Tile
from projections.ledger.notes import first_note, size_of

CHECKPOINT, CHECKPOINTS, OFFERED, KEY = "checkpoint", "checkpoints", "offered", "key"
ENTRIES, BUNDLES = "entries", "bundles"
PLACE = 8
LENGTH = 2


class Damaged(Exception):
    """The folder of the log does not hold what its checkpoint signs."""


def level_file(level: int) -> str:
    """The file of a level's hashes."""
    return f"level-{level}"


class Folder:
    """Reading a log, also while it is written; ``close`` it after use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def text(self, name: str) -> str:
        """A small file whole; "" if there is none."""
        with suppress(FileNotFoundError):
            return (self.path / name).read_text(encoding="utf-8")
        return ""

    def signed_size(self) -> int:
        """How many entries the newest checkpoint signs; 0 before the first."""
        return size_of(self.text(CHECKPOINT))

    def signed_at(self) -> datetime | None:
        """When the newest checkpoint was published, by the clock of the folder's disk; None before the first."""
        with suppress(FileNotFoundError):
            return datetime.fromtimestamp((self.path / CHECKPOINT).stat().st_mtime, UTC)
        return None

    def note_from(self, size: int) -> str:
        """The first published note that signs at least so many entries; "" if there is none yet."""
        return first_note(self._file(CHECKPOINTS), size) if 0 < size <= self.signed_size() else ""

    def hashes(self, level: int, start: int, end: int) -> bytes:
        """Hashes of a level, one after another."""
        return self._read(level_file(level), start * SIZE, (end - start) * SIZE)

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an entry."""
        return self.hashes(0, index, index + 1)

    def bundle(self, number: int, width: int) -> bytes:
        """The first ``width`` of the 256 entries of a bundle, each behind its length."""
        start = int.from_bytes(self._read(BUNDLES, number * PLACE, PLACE), "big")
        file = self._file(ENTRIES)
        found = bytearray()
        at = 0
        for _ in range(width):
            while len(found) < at + LENGTH or len(found) < at + LENGTH + int.from_bytes(found[at : at + LENGTH], "big"):
                more = os.pread(file, WIDTH * 512, start + len(found))
                if not more:
                    raise Damaged(f"{self.path / ENTRIES} has lost its end")
                found += more
            at += LENGTH + int.from_bytes(found[at : at + LENGTH], "big")
        return bytes(found[:at])

    def entries(self, number: int, width: int) -> list[bytes]:
        """The same, without the lengths."""
        packed, at, found = self.bundle(number, width), 0, []
        while at < len(packed):
            end = at + LENGTH + int.from_bytes(packed[at : at + LENGTH], "big")
            found.append(packed[at + LENGTH : end])
            at = end
        return found

    def entry(self, index: int) -> bytes:
        """One entry."""
        return self.entries(index // WIDTH, index % WIDTH + 1)[-1]

    def all_entries(self, size: int) -> Iterator[bytes]:
        """The first ``size`` entries in order, read bundle by bundle."""
        for start in range(0, size, WIDTH):
            yield from self.entries(start // WIDTH, min(WIDTH, size - start))

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile within the signed size."""
        if tile.level is None:
            return self.bundle(tile.number, tile.width)
        return self.hashes(tile.level, tile.start, tile.end)

    def _read(self, name: str, start: int, length: int) -> bytes:
        found = os.pread(self._file(name), length, start)
        if len(found) < length:
            raise Damaged(f"{self.path / name} has lost its end")
        return found

    def _file(self, name: str) -> int:
        if name not in self._open:
            try:
                self._open[name] = os.open(self.path / name, self._flags(), 0o644)
            except FileNotFoundError:
                raise Damaged(f"{self.path / name} is gone") from None
        return self._open[name]

    def _flags(self) -> int:
        return os.O_RDONLY | os.O_CLOEXEC
