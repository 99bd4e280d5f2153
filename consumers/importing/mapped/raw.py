"""A row as a file has it, whatever the format."""

from typing import NamedTuple

from consumers.importing.mapped.placing import Cells


class Raw(NamedTuple):
    """A row, where it stands in the file (from 1), its cells by column, and why it is none, if it is none.

    ``trace`` counts the traces of an XES file from 1; 0 in a file that has none.
    """

    row: int
    line: int
    lines: int
    cells: Cells
    fault: str
    trace: int = 0
