"""Files of another desk, plain or compressed, and delimited text in them as records, one at a time in bounded memory.

* NotThisLayout    the file as a whole cannot be used; nothing was imported
"""

import bz2
import csv
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)
LONGEST_LINE = 1 << 20
"""How many bytes a line may have; a longer one costs its record, and no memory."""


class NotThisLayout(Exception):
    """The file is not a log of the layout that this import reads."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a file: its cells in the file's order unless there is a fault; ``row`` and ``line`` from 1."""

    row: int
    line: int
    lines: int
    cells: list[str]
    fault: str


class Unreadable(msgspec.Struct, frozen=True):
    """A row that was refused, where it stands in the file, why, and of which incident it seems to be ("" unknown)."""

    row: int
    line: int
    lines: int
    incident: str
    reason: str


@contextmanager
def opened(path: Path, kind: str) -> Iterator[BinaryIO]:
    """The bytes of a file of a kind such as ".csv", uncompressed.

    Raises ``NotThisLayout`` for a file of another kind, and when it turns out to be damaged while it is read.
    """
    try:
        with _uncompressed(path, kind) as file:
            yield file
    except _DAMAGED as fault:
        raise NotThisLayout(f"{path.name} is damaged or cut off: {fault}") from fault


@contextmanager
def _uncompressed(path: Path, kind: str) -> Iterator[BinaryIO]:
    openers: dict[str, Callable[[Path], object]] = {
        kind: lambda path: path.open("rb"),
        ".xz": lzma.open,
        ".gz": gzip.open,
        ".bz2": bz2.open,
    }
    if path.suffix == ".zip":
        with _zipped(path, kind) as member:
            yield member
        return
    opener = openers.get(path.suffix)
    if opener is None:
        raise NotThisLayout(f"{path.name} is none of {kind}, {kind}.xz, {kind}.gz, {kind}.bz2, .zip")
    with cast(BinaryIO, opener(path)) as file:
        yield file


@contextmanager
def _zipped(path: Path, kind: str) -> Iterator[BinaryIO]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as fault:
        raise NotThisLayout(f"{path.name} is no zip archive") from fault
    with archive:
        members = [name for name in archive.namelist() if name.lower().endswith(kind)]
        if len(members) != 1:
            raise NotThisLayout(f"{path.name} must hold one {kind} file, it holds {len(members)}")
        with archive.open(members[0]) as member:
            yield cast(BinaryIO, member)


class Table:
    """One pass over delimited text: its ``header``, then its records.

    Text is read strictly in its encoding, line by line, so that one bad byte costs one record and is reported as such.
    ``odd`` says that a cell since it was last looked at may have blanks around it.
    """

    def __init__(self, file: BinaryIO, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
        self._file = file
        self._encoding = encoding
        self._blanks = (f" {delimiter}", f"{delimiter} ")
        self._fault = ""
        self.odd = False
        self._reader = csv.reader(self._lines(), delimiter=delimiter)
        try:
            self.header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise NotThisLayout(f"the header is not CSV: {error}") from None
        if self._fault:
            raise NotThisLayout(f"the header is {self._fault}")

    def records(self) -> Iterator[Record]:
        """What follows the header; empty lines are none."""
        reader = self._reader
        row, line = 0, reader.line_num
        while True:
            fault = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells, fault = [], f"not CSV: {error}"
            if cells or fault or self._fault:
                row += 1
                if self._fault:
                    self._fault, fault = "", self._fault
                elif not fault and len(cells) != len(self.header):
                    fault = f"{len(cells)} columns where {len(self.header)} belong"
                yield Record(row, line + 1, reader.line_num - line, cells, fault)
            line = reader.line_num

    def _lines(self) -> Iterator[str]:
        before, after = self._blanks
        first = True
        while line := self._file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                self._fault = f"longer than {LONGEST_LINE:,} bytes in one line"
                while (rest := self._file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                line = b"\n"
            try:
                text = line.decode(self._encoding)
            except UnicodeDecodeError:
                self._fault = f"not valid {self._encoding.upper()}"
                text = line.decode("ascii", errors="surrogateescape")
            if before in text or after in text or '"' in text:  # stripping every cell of every row is dear
                self.odd = True
            yield text.removeprefix("\ufeff") if first else text
            first = False
