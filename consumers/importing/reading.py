"""Reading a log: a plain or compressed CSV file as rows, one at a time; what cannot be read is reported, never dropped.

* NotThisLayout    the file as a whole cannot be used; nothing was imported
"""

import bz2
import csv
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from zlib import crc32

import msgspec

from consumers.importing import layout as at
from consumers.importing.local_times import LocalTimes

_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)
_BY_NAME = re.compile(r"[A-Za-z]{2,10}\d{1,20}")


class NotThisLayout(Exception):
    """The file is not a log of the layout that this import reads."""


class Row(msgspec.Struct, frozen=True):
    """One row that could be read: its number (1 is the first after the header), its cells, and its times in UTC.

    A cell of which nothing is known is empty. ``times`` are in the order of ``layout.TIMES``.
    """

    row: int
    cells: tuple[str, ...]
    times: tuple[datetime | None, ...]
    reopenings: int
    mod_count: int

    @property
    def number(self) -> str:
        return self.cells[at.NUMBER]

    @property
    def opened_at(self) -> datetime:
        return cast(datetime, self.times[0])

    @property
    def created_at(self) -> datetime | None:
        return self.times[1]

    @property
    def updated_at(self) -> datetime:
        return cast(datetime, self.times[2])

    @property
    def resolved_at(self) -> datetime | None:
        return self.times[3]

    @property
    def closed_at(self) -> datetime | None:
        return self.times[4]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of the file, in the order of ``layout.COLUMNS`` unless there is a fault; ``line`` counts from 1."""

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


def rows_of(path: Path, times: LocalTimes, *, share: int = 0, shares: int = 1) -> Iterator[Row | Unreadable]:
    """The rows of a log in the order of the file, or those of one share of its incidents; raises ``NotThisLayout``.

    Text is read strictly as UTF-8, row by row, so that one bad byte costs one row and is reported as such.
    """
    with opened(path) as file:
        try:
            yield from _Reader(file, times).rows(share, shares)
        except _DAMAGED as fault:
            raise NotThisLayout(f"{path.name} is damaged or cut off: {fault}") from fault


def records_of(path: Path) -> Iterator[Record]:
    """The records of a log without a look at what their cells say; raises ``NotThisLayout``."""
    with opened(path) as file:
        try:
            yield from _Reader(file, None).records()
        except _DAMAGED as fault:
            raise NotThisLayout(f"{path.name} is damaged or cut off: {fault}") from fault


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a log, uncompressed; raises ``NotThisLayout`` for a file of another kind."""
    openers: dict[str, Callable[[Path], object]] = {
        ".csv": lambda path: path.open("rb"),
        ".xz": lzma.open,
        ".gz": gzip.open,
        ".bz2": bz2.open,
    }
    if path.suffix == ".zip":
        with _zipped(path) as member:
            yield member
        return
    opener = openers.get(path.suffix)
    if opener is None:
        raise NotThisLayout(f"{path.name} is none of .csv, .csv.xz, .csv.gz, .csv.bz2, .zip")
    with cast(BinaryIO, opener(path)) as file:
        yield file


@contextmanager
def _zipped(path: Path) -> Iterator[BinaryIO]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as fault:
        raise NotThisLayout(f"{path.name} is no zip archive") from fault
    with archive:
        members = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        if len(members) != 1:
            raise NotThisLayout(f"{path.name} must hold one .csv file, it holds {len(members)}")
        with archive.open(members[0]) as member:
            yield cast(BinaryIO, member)


class _Reader:
    """One pass over the bytes of a log."""

    def __init__(self, file: BinaryIO, times: LocalTimes | None) -> None:
        self._file = file
        self._times = times
        self._not_text = False
        self._odd = False

    def _lines(self) -> Iterator[str]:
        first = True
        for line in self._file:
            try:
                text = line.decode()
            except UnicodeDecodeError:
                self._not_text = True
                text = line.decode(errors="surrogateescape")
            if " ," in text or ", " in text or '"' in text:  # stripping every cell of every row is dear
                self._odd = True
            yield text.removeprefix("\ufeff") if first else text
            first = False

    def rows(self, share: int, shares: int) -> Iterator[Row | Unreadable]:
        for record in self.records():
            if shares > 1 and crc32(_incident(record.cells).encode(errors="replace")) % shares != share:
                self._odd = False
                continue
            read = record.fault or self._row(record.row, record.cells)
            if isinstance(read, str):
                yield Unreadable(record.row, record.line, record.lines, _incident(record.cells), read)
            else:
                yield read

    def records(self) -> Iterator[Record]:
        reader = csv.reader(self._lines())
        order = _order(next(reader, []))
        row, line = 0, reader.line_num
        while True:
            fault = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells, fault = [], f"not CSV: {error}"
            if cells or fault:
                row += 1
                if self._not_text:
                    self._not_text, fault = False, "not valid UTF-8"
                elif not fault and len(cells) != len(at.COLUMNS):
                    fault = f"{len(cells)} columns where {len(at.COLUMNS)} belong"
                if order is not None and not fault:
                    cells = [cells[place] for place in order]
                yield Record(row, line + 1, reader.line_num - line, cells, fault)
            line = reader.line_num

    def _row(self, row: int, cells: list[str]) -> Row | str:
        """The row, or why it is none."""
        if self._odd:
            self._odd, cells = False, [cell.strip() for cell in cells]
        if len(cells[at.GROUP]) > at.LONGEST_HANDLE or max(map(len, cells)) > at.LONGEST:
            return f"a cell is longer than {at.LONGEST} characters, or the group's name than {at.LONGEST_HANDLE}"
        known = tuple(["" if cell == at.UNKNOWN else cell for cell in cells])
        fault = _fault(known)
        if fault:
            return fault
        try:
            assert self._times is not None
            times = tuple([self._times.utc(known[column], row, column) for column in at.TIMES])
            mod_count, reopenings = int(known[at.MOD_COUNT]), int(known[at.REOPENINGS] or 0)
        except ValueError as error:
            return str(error)
        if times[0] is None or times[2] is None:
            return "opened_at and sys_updated_at must be given"
        return Row(row, known, times, reopenings, mod_count)


def _order(header: list[str]) -> tuple[int, ...] | None:
    """Where each column stands, or None when they stand as usual."""
    names = [name.strip() for name in header]
    if tuple(names) == at.COLUMNS:
        return None
    missing, more = set(at.COLUMNS) - set(names), set(names) - set(at.COLUMNS)
    if missing or more or len(names) != len(at.COLUMNS):
        said = [f"missing: {', '.join(sorted(missing))}"] if missing else []
        said += [f"not known: {', '.join(sorted(more))}"] if more else []
        raise NotThisLayout("The header does not name the 36 columns of this layout; " + "; ".join(said or ["twice"]))
    return tuple(names.index(name) for name in at.COLUMNS)


_FLAGS = ("true", "false", "")


def _fault(cells: tuple[str, ...]) -> str:
    """Why a row of the right width cannot be read, or "". Names the column, and repeats nothing of free text."""
    if not cells[at.NUMBER]:
        return "no incident number"
    state = cells[at.STATE]
    if state not in at.STATES and not state.lstrip("-").isdigit():
        return "incident_state is neither a state of this layout nor a code"
    for column in at.FLAGS:
        if cells[column] not in _FLAGS:
            return f"{at.COLUMNS[column]} is neither true nor false"
    for column in at.COUNTS:
        if not (cells[column].isascii() and cells[column].isdigit()) and (cells[column] or column == at.MOD_COUNT):
            return f"{at.COLUMNS[column]} is no count"
    return ""


def _incident(cells: list[str]) -> str:
    """The incident that a row seems to be of, looked for where most exports have its number; "" where that is none."""
    cell = cells[at.NUMBER].strip() if cells else ""
    return cell if _BY_NAME.fullmatch(cell) else ""
