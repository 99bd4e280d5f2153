"""Reading a log: its rows, one at a time; what cannot be read is reported, never dropped."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from zlib import crc32

import msgspec

from consumers.importing.local_times import LocalTimes
from consumers.importing.records import NotThisLayout, Record, Table, Unreadable, opened
from consumers.importing.servicenow import layout as at

_BY_NAME = re.compile(r"[A-Za-z]{2,10}\d{1,20}")


class Row(msgspec.Struct, frozen=True):
    """One row that could be read: its number (1 is the first after the header), its line, its cells, its times in UTC.

    A cell of which nothing is known is empty. ``times`` are in the order of ``layout.TIMES``.
    """

    row: int
    line: int
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


def rows_of(path: Path, times: LocalTimes, *, share: int = 0, shares: int = 1) -> Iterator[Row | Unreadable]:
    """The rows of a log in the order of the file, or those of one share of its incidents; raises ``NotThisLayout``."""
    with opened(path, ".csv") as file:
        yield from _Reader(file, times).rows(share, shares)


def records_of(path: Path) -> Iterator[Record]:
    """The records of a log without a look at what their cells say, columns in order; raises ``NotThisLayout``."""
    with opened(path, ".csv") as file:
        yield from _Reader(file, None).records()


class _Reader:
    """One pass over the bytes of a log."""

    def __init__(self, file: BinaryIO, times: LocalTimes | None) -> None:
        self._table = Table(file)
        self._order = _order(self._table.header)
        self._times = times

    def rows(self, share: int, shares: int) -> Iterator[Row | Unreadable]:
        for record in self.records():
            if shares > 1 and crc32(_incident(record.cells).encode(errors="replace")) % shares != share:
                self._table.odd = False
                continue
            read = record.fault or self._row(record)
            if isinstance(read, str):
                yield Unreadable(record.row, record.line, record.lines, _incident(record.cells), read)
            else:
                yield read

    def records(self) -> Iterator[Record]:
        order = self._order
        if order is None:
            yield from self._table.records()
            return
        for record in self._table.records():
            cells = [record.cells[place] for place in order] if not record.fault else record.cells
            yield msgspec.structs.replace(record, cells=cells)

    def _row(self, record: Record) -> Row | str:
        """The row, or why it is none."""
        row, cells = record.row, record.cells
        if self._table.odd:
            self._table.odd, cells = False, [cell.strip() for cell in cells]
        if len(cells[at.GROUP]) > at.LONGEST_HANDLE or max(map(len, cells)) > at.LONGEST:
            return f"a cell is longer than {at.LONGEST} characters, or the group's name than {at.LONGEST_HANDLE}"
        known = tuple(["" if cell == at.UNKNOWN else cell for cell in cells])
        fault = _fault(known)
        if fault:
            return fault
        try:
            assert self._times is not None
            times = tuple([self._times.utc(known[column], row, at.COLUMNS[column]) for column in at.TIMES])
            mod_count, reopenings = int(known[at.MOD_COUNT]), int(known[at.REOPENINGS] or 0)
        except ValueError as error:
            return str(error)
        if times[0] is None or times[2] is None:
            return "opened_at and sys_updated_at must be given"
        return Row(row, record.line, known, times, reopenings, mod_count)


def _order(header: list[str]) -> tuple[int, ...] | None:
    """Where each column stands, or None when they stand as usual."""
    if tuple(header) == at.COLUMNS:
        return None
    missing, more = set(at.COLUMNS) - set(header), set(header) - set(at.COLUMNS)
    if missing or more or len(header) != len(at.COLUMNS):
        said = [f"missing: {', '.join(sorted(missing))}"] if missing else []
        said += [f"not known: {', '.join(sorted(more))}"] if more else []
        raise NotThisLayout("The header does not name the 36 columns of this layout; " + "; ".join(said or ["twice"]))
    return tuple(header.index(name) for name in at.COLUMNS)


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
