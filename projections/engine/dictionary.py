"""The words for those who query stable views in SQL: comments, a data dictionary; and the analysts' right to read.

The words stand beside the rows: a row type's docstring tells of the table, ``msgspec.Meta(description=…)`` of a column.
They are put into the database together with the stable views, so that no switch of editions loses them. Analysts may
read every column that is not personal and that is not computed by PostgreSQL (which may hold the words of one that is),
unless the view is not for them.
"""

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Any, NamedTuple, get_type_hints

import msgspec
import psycopg
from psycopg import sql

from projections.engine.view import JournalTable, StateTable, View

ANALYST = "acta_analyst"
"""The role that reads stable views and nothing else."""

_PLACE = {
    "valid_from": ("timestamptz", "Effective time from which the row was as it is."),
    "valid_to": ("timestamptz", "Effective time until which it was so (exclusive); infinity if it still is."),
    "from_position": ("bigint", "Position in the record of the event that made the row so."),
    "span": ("smallint", "Power-of-two class of the interval's length in seconds; serves look-ups as of a past time."),
    "position": ("bigint", "Position in the record of the event that is told of."),
    "n": ("integer", "Number of the row among those of the same event, from 0."),
}
_SUFFIXES = {
    "": ("valid_from", "from_position"),
    "_past": ("valid_from", "valid_to", "from_position", "span"),
    "_history": ("valid_from", "valid_to", "from_position"),
}
_INTRODUCTIONS = {"": "", "_past": "What is over: ", "_history": "Past and present: "}


class ColumnWords(NamedTuple):
    """What a column of a stable view is."""

    name: str
    sql: str
    nullable: bool
    personal: bool
    text: str


class ViewWords(NamedTuple):
    """What a stable view is."""

    schema: str
    name: str
    text: str
    columns: tuple[ColumnWords, ...]


def described(view: View) -> Iterator[ViewWords]:
    """The stable views of ``view`` in words, state tables first."""
    for table in view.tables:
        own = {column.name for column in table.kept}
        columns = _columns(table)
        for suffix, places in _SUFFIXES.items() if table.history else (("", ()),):
            shown = columns if suffix == "" else tuple(column for column in columns if column.name in own)
            text = _INTRODUCTIONS[suffix] + _text(table.row)
            yield ViewWords(view.name, table.name + suffix, text, (*shown, *map(_place, places)))
    for journal in view.journals:
        columns = (*_columns(journal), _place("position"), _place("n"))
        yield ViewWords(view.name, journal.name, _text(journal.row), columns)


def publish(connection: psycopg.Connection[Any], view: View) -> None:
    """Write the words beside the stable views of ``view``, and let analysts read what is not personal.

    For whoever owns the views. Where the database has no analysts' role, nobody is granted anything.
    """
    role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ANALYST,)).fetchone()
    # One journey for all of them: readers are held while a view is switched.
    connection.execute(sql.SQL("; ").join(_statements(view, granting=role is not None and view.for_analysts)))


def _statements(view: View, *, granting: bool) -> Iterator[sql.Composed]:
    analyst = sql.Identifier(ANALYST)
    if granting:
        yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(view.name), analyst)
    for words in described(view):
        name = sql.Identifier(words.schema, words.name)
        yield sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(words.text))
        for column in words.columns:
            place = sql.Identifier(words.schema, words.name, column.name)
            yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, sql.Literal(column.text))
        if granting:
            readable = [column.name for column in words.columns if not column.personal]
            listed = sql.SQL(", ").join(map(sql.Identifier, readable))
            # What an earlier edition's columns allowed says nothing of this one's.
            yield sql.SQL("REVOKE ALL ON {} FROM {}").format(name, analyst)
            yield sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(listed, name, analyst)


def markdown(views: Iterable[View]) -> str:
    """The data dictionary: every stable view that analysts may read, with the columns they see."""
    return "\n".join(
        line for view in views if view.for_analysts for words in described(view) for line in _chapter(words)
    )


def _chapter(words: ViewWords) -> Iterator[str]:
    yield f"## {words.schema}.{words.name}\n"
    yield f"{words.text}\n"
    yield "| column | type | empty? | meaning |"
    yield "|---|---|---|---|"
    for column in words.columns:
        if not column.personal:
            text = " ".join(column.text.split()).replace("|", "\\|")
            yield f"| {column.name} | {column.sql} | {'may be' if column.nullable else 'never'} | {text} |"
    yield ""


def _columns(table: StateTable[Any] | JournalTable[Any]) -> tuple[ColumnWords, ...]:
    hints = get_type_hints(table.row, include_extras=True)
    return tuple(
        ColumnWords(column.name, column.sql, column.nullable, column.personal, _meaning(hints[column.name]))
        for column in table.columns
    )


def _place(name: str) -> ColumnWords:
    kind, text = _PLACE[name]
    return ColumnWords(name, kind, False, False, text)


def _meaning(hint: Any) -> str:
    marks = (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, msgspec.Meta))
    return next((mark.description for mark in marks if mark.description), "")


def _text(row: type[msgspec.Struct]) -> str:
    return cleandoc(row.__doc__ or "")
