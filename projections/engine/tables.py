"""The SQL of a view's tables, made from its description.

An edition is one build of a view, in a schema of its own. A state table that keeps its past carries the start of its
present interval (valid_from, from_position); intervals that are over are appended to ``<table>_past`` and never touched
again. ``<table>_history`` shows both as one.

``span`` makes "as of" a matter of plain b-trees: an interval of d whole seconds has span = bit length of d, so it is
shorter than 2^span seconds. The intervals of one span that hold an instant t therefore began within the 2^span seconds
before t, and at least about half of those that began there do hold it. One short index range per span finds them all.
Sorting intervals into power-of-two classes is the idea of the relational interval tree of Kriegel, Pötke and Seidl.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from psycopg import sql

from projections.engine.columns import Column
from projections.engine.view import StateTable, View

LONGEST_SPAN = 36
"""Whatever lasts 2^35 seconds (a thousand years) or longer; further back PostgreSQL's timestamps do not reach."""

_STRETCHES = (10, 13, 15, *range(16, 26), 27)
"""The last span of each stretch that is looked up together: the short ones are few in so short a time, and of those
longer than four years there are few at all."""

_SECOND = timedelta(seconds=1)


def span_of(length: timedelta) -> int:
    """The power-of-two class of an interval's length."""
    return min((length // _SECOND).bit_length(), LONGEST_SPAN)


def names(columns: Any) -> sql.Composed:
    """Quoted column names, comma-separated."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in columns)


def state_columns(table: StateTable[Any]) -> list[str]:
    """What a row of the state table is written as."""
    written = [column.name for column in table.columns]
    return [*written, "valid_from", "from_position"] if table.history else written


def create_tables(view: View, schema: str) -> Iterator[sql.Composed]:
    """Statements that make the bare tables of an edition, without secondary indexes, so that they fill fast."""
    yield sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))
    for table in view.tables:
        extra = [("valid_from", "timestamptz NOT NULL"), ("from_position", "bigint NOT NULL")] if table.history else []
        yield _create(schema, table.name, table.columns, [*extra, *table.generated.items()], table.key)
        yield from _not_sampled(schema, table.name, table.columns, table.generated)
        if table.history:
            yield _create(
                schema,
                f"{table.name}_past",
                table.kept,
                [
                    ("valid_from", "timestamptz NOT NULL"),
                    ("valid_to", "timestamptz NOT NULL"),
                    ("from_position", "bigint NOT NULL"),
                    ("span", "smallint NOT NULL"),
                ],
                (),
            )
            yield from _not_sampled(schema, f"{table.name}_past", table.kept, ())
            yield _history(schema, table)
    for journal in view.journals:
        own = [("position", "bigint NOT NULL"), ("n", "integer NOT NULL")]
        yield _create(schema, journal.name, journal.columns, [*own, *journal.generated.items()], ("position", "n"))
        yield from _not_sampled(schema, journal.name, journal.columns, journal.generated)


def _not_sampled(
    schema: str, name: str, columns: tuple[Column, ...], generated: Iterable[str]
) -> Iterator[sql.Composed]:
    """Keep personal data, and what PostgreSQL computes of it, out of its statistics: they would outlive the table."""
    personal = [column.name for column in columns if column.personal]
    for column in (*personal, *generated) if personal else ():
        yield sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET STATISTICS 0").format(
            sql.Identifier(schema, name), sql.Identifier(column)
        )


def _create(
    schema: str,
    name: str,
    columns: tuple[Column, ...],
    extra: list[tuple[str, str]],
    key: tuple[str, ...],
) -> sql.Composed:
    lines: list[sql.Composable] = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name), _trusted(column.sql), sql.SQL("" if column.nullable else " NOT NULL")
        )
        for column in columns
    ]
    lines += [sql.SQL("{} {}").format(sql.Identifier(column), _trusted(definition)) for column, definition in extra]
    if key:
        lines.append(sql.SQL("PRIMARY KEY ({})").format(names(key)))
    return sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(schema, name), sql.SQL(", ").join(lines))


def _history(schema: str, table: StateTable[Any]) -> sql.Composed:
    return sql.SQL(
        "CREATE VIEW {history} AS "
        "SELECT {columns}, valid_from, 'infinity'::timestamptz AS valid_to, from_position FROM {state} UNION ALL "
        "SELECT {columns}, valid_from, valid_to, from_position FROM {past}"
    ).format(
        history=sql.Identifier(schema, f"{table.name}_history"),
        columns=names(column.name for column in table.kept),
        state=sql.Identifier(schema, table.name),
        past=sql.Identifier(schema, f"{table.name}_past"),
    )


def create_indexes(view: View, schema: str) -> Iterator[sql.Composed]:
    """Statements that make the secondary indexes of an edition, and gather statistics."""
    for table in view.all_tables():
        where = sql.Identifier(schema, table.name)
        for definition in table.indexes:
            yield sql.SQL("CREATE INDEX ON {} {}").format(where, _trusted(definition))
        if isinstance(table, StateTable) and table.history:
            yield from _indexes_of_the_past(schema, table)
        yield sql.SQL("ANALYZE {}").format(where)


def _indexes_of_the_past(schema: str, table: StateTable[Any]) -> Iterator[sql.Composed]:
    assert table.history is not None
    state, past = sql.Identifier(schema, table.name), sql.Identifier(schema, f"{table.name}_past")
    only = _trusted(f" WHERE {table.history.where}" if table.history.where else "")
    yield sql.SQL("CREATE INDEX ON {} ({}, valid_from)").format(past, names(table.key))
    for columns in table.history.by:
        yield sql.SQL("CREATE INDEX ON {} ({}, span, valid_from){}").format(past, names(columns), only)
        yield sql.SQL("CREATE INDEX ON {} ({}, valid_from){}").format(state, names(columns), only)
    yield sql.SQL("ANALYZE {}").format(past)


def stable_views(view: View, schema: str) -> Iterator[tuple[str, sql.Composed]]:
    """What readers see of an edition: the name of each stable view, and the query it shows."""
    for table in view.tables:
        suffixes = ("", "_past", "_history") if table.history else ("",)
        for suffix in suffixes:
            name = f"{table.name}{suffix}"
            yield name, sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
    for journal in view.journals:
        yield journal.name, sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, journal.name))


def as_of_function(view: View, table: StateTable[Any]) -> sql.Composed:
    """``<view>.<table>_at(instant)``: the rows as they were. PostgreSQL inlines it, so conditions reach the indexes.

    It reads the stable views only, and so needs no right that its caller does not have.
    """
    # A branch for each stretch of spans: joined by OR instead, the conditions that all of them share (as the caller's)
    # would be looked up apart as well, over the whole history.
    lived = [
        sql.SQL("span = ANY ({}) AND valid_from <= instant AND valid_from > instant - interval {}").format(
            sql.Literal(list(range(first, last + 1))), sql.Literal(f"{1 << last} seconds")
        )
        for first, last in zip([0, *(span + 1 for span in _STRETCHES)], _STRETCHES, strict=False)
    ]
    lived.append(sql.SQL("span > {} AND valid_from <= instant").format(sql.Literal(_STRETCHES[-1])))
    columns = names(column.name for column in table.kept)
    branches = [
        sql.SQL("SELECT {}, valid_from, valid_to, from_position FROM {} WHERE valid_to > instant AND {}").format(
            columns, sql.Identifier(view.name, f"{table.name}_past"), condition
        )
        for condition in lived
    ]
    return sql.SQL(
        "CREATE FUNCTION {function}(instant timestamptz) RETURNS SETOF {history} LANGUAGE sql STABLE AS $body$ "
        "SELECT {columns}, valid_from, 'infinity'::timestamptz, from_position FROM {state} WHERE valid_from <= instant "
        "UNION ALL {branches} $body$"
    ).format(
        function=sql.Identifier(view.name, f"{table.name}_at"),
        history=sql.Identifier(view.name, f"{table.name}_history"),
        columns=columns,
        state=sql.Identifier(view.name, table.name),
        branches=sql.SQL(" UNION ALL ").join(branches),
    )


def _trusted(text: str) -> sql.SQL:
    """SQL that stands in the code of a view; never anything that came from outside."""
    return sql.SQL(text)
