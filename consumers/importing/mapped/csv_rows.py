"""Rows of a delimited file for a map: each with its cells by the names of the columns."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from consumers.importing.mapped.document import LogMap, Place
from consumers.importing.mapped.placing import Cells
from consumers.importing.mapped.raw import Raw
from consumers.importing.records import NotThisLayout, Table, opened


class NoSuchColumn(NotThisLayout):
    """The file has no column that the map names; ``place`` is where in the map."""

    def __init__(self, place: Place, column: str) -> None:
        super().__init__(f"the file has no column {column!r}")
        self.place = place


def table_rows(path: Path, by: LogMap) -> Iterator[Raw]:
    """The rows of a CSV file; raises ``NotThisLayout``, or ``NoSuchColumn``, before the first."""
    with opened(path, ".csv") as file:
        table = Table(file, encoding=by.encoding, delimiter=by.delimiter)
        places: dict[str, int] = {}
        for n, name in enumerate(table.header):
            if name in places and name in {column for _, column in by.named()}:
                raise NotThisLayout(f"the file has the column {name!r} twice")
            places[name] = n
        for place, column in by.named():
            if column not in places:
                raise NoSuchColumn(place, column)
        for record in table.records():
            yield Raw(record.row, record.line, record.lines, _cells(places, record.cells), record.fault)


def _cells(places: Mapping[str, int], cells: list[str]) -> Cells:
    def cell(column: str) -> str:
        place = places[column]
        return cells[place].strip() if place < len(cells) else ""

    return cell
