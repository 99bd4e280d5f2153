"""Rows into PostgreSQL, as many at a time as there are.

A JSON array of plain values is a line of CSV whose escape is a backslash and whose NULL is an unquoted ``null``. So
rows are encoded all together by msgspec, in C, and what COPY would take differently is put right where it occurs.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from projections.engine.columns import Column
from projections.engine.tables import names

_AT_ONCE = 2_000
"""Rows that are encoded together: large enough for speed, small enough not to be held twice."""

_OPTIONS = sql.SQL("(FORMAT csv, NULL 'null', QUOTE '\"', ESCAPE E'\\\\', ENCODING 'UTF8')")
_CONTROL = re.compile(rb"\\[bfnrtu]")
_ESCAPED = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-f]{4})')
_NAMED = {b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t"}
_encoder = msgspec.json.Encoder()


class Copier:
    """Appends rows, given as tuples of the values of ``columns`` and then of ``own``, to one table."""

    def __init__(self, schema: str, table: str, columns: Sequence[Column], own: Sequence[str]) -> None:
        listed = names([*(column.name for column in columns), *own])
        where = sql.Identifier(schema, table)
        self._statement = sql.SQL("COPY {} ({}) FROM STDIN {}").format(where, listed, _OPTIONS).as_bytes(None)
        self._writers = [(index, column.write) for index, column in enumerate(columns) if column.write]

    def append(self, connection: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write ``rows``; one that PostgreSQL cannot take is a DataError or an IntegrityError of the whole."""
        if not rows:
            return
        # All is encoded beforehand, so that the server does not wait in the middle of a statement, which nothing ends
        # if this process is stopped there.
        pieces = [
            _lines([_written(row, self._writers) for row in rows[start : start + _AT_ONCE]])
            for start in range(0, len(rows), _AT_ONCE)
        ]
        with connection.cursor().copy(self._statement) as copy:
            for piece in pieces:
                copy.write(piece)


def _written(row: tuple[Any, ...], writers: list[tuple[int, Callable[[Any], Any]]]) -> Sequence[Any]:
    if not writers:
        return row
    values = list(row)
    for index, write in writers:
        if values[index] is not None:
            values[index] = write(values[index])
    return values


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """The rows as CSV, each with its line end."""
    # No encoded value holds a bare line end, so this is the seam between two rows and nothing else.
    lines = _encoder.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n") + b"\n"
    # CSV's escape stands before quotes and itself only; JSON has more, which text with line ends, say, needs.
    return _ESCAPED.sub(_unescaped, lines) if _CONTROL.search(lines) else lines


def _unescaped(found: "re.Match[bytes]") -> bytes:
    escape = found[0]
    if escape[1:2] == b"u":
        return chr(int(escape[2:], 16)).encode()
    return _NAMED.get(escape, escape)
