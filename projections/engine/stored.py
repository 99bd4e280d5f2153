"""Shelves and journals with their tables: rows are loaded by key, and written many at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from psycopg import sql

from domain.envelope import UNSTAMPED, Event
from projections.engine.columns import hold_nul, maker
from projections.engine.copying import Copier
from projections.engine.editions import Connection
from projections.engine.fold import Journal, Shelf, shelves
from projections.engine.tables import names, state_columns
from projections.engine.view import Versions, View


class Tables:
    """All tables of an edition, and what they have in memory."""

    def __init__(self, view: View, schema: str, versions: Versions) -> None:
        found = shelves(view, versions)
        journals = [Journal(table, versions) for table in view.journals]
        self._memory: list[Shelf | Journal] = [*found, *journals]
        self._shelves = [_StoredShelf(shelf, schema) for shelf in found]
        self._journals = [_StoredJournal(journal, schema) for journal in journals]
        self._acts = {
            event_type: [act for table in self._memory if (act := table.act(event_type)) is not None]
            for event_type in view.events()
        }

    def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        """Load the rows that ``events`` touch, let each event change them, and write what has changed."""
        for shelf in self._shelves:
            shelf.load(connection, events)
        cleans = hold_nul(events)
        for table in self._memory:
            table.cleans = cleans
        acts = self._acts
        for event in events:
            for act in acts[type(event)]:
                act(event)
        for shelf in self._shelves:
            shelf.store(connection)
        for journal in self._journals:
            journal.store(connection)

    def written(self, most: int) -> None:
        """What was written is safe: forget the changes, and all but ``most`` of the rows of each table."""
        for stored in self._shelves:
            stored.shelf.written(most)
        for journal in self._journals:
            journal.forget()

    def forget(self) -> None:
        """What was written came to nothing: forget everything."""
        for stored in self._shelves:
            stored.shelf.forget()
        for journal in self._journals:
            journal.forget()


class _StoredShelf:
    """A shelf and its table: rows are written by deleting what changed and copying it anew.

    An UPDATE would write a new row version as well; COPY takes rows several times as fast as INSERT … ON CONFLICT.
    """

    def __init__(self, shelf: Shelf, schema: str) -> None:
        self.shelf = shelf
        table = shelf.table
        here = sql.Identifier(schema, table.name)
        kinds = {column.name: column.sql for column in table.columns}
        keys = sql.SQL(", ").join(sql.SQL("%s::" + kinds[name] + "[]") for name in table.key)
        match = sql.SQL(" AND ").join(sql.SQL("t.{0} = k.{0}").format(sql.Identifier(name)) for name in table.key)
        wanted = sql.SQL("unnest({}) AS k({})").format(keys, names(table.key))
        listed = sql.SQL(", ").join(sql.Identifier("t", name) for name in state_columns(table))
        self._select = sql.SQL("SELECT {} FROM {} JOIN {} t ON {}").format(listed, wanted, here, match).as_bytes(None)
        self._delete = sql.SQL("DELETE FROM {} t USING {} WHERE {}").format(here, wanted, match).as_bytes(None)
        own = ("valid_from", "from_position") if table.history else ()
        self._rows = Copier(schema, table.name, table.columns, own)
        place = ("valid_from", "valid_to", "from_position", "span")
        self._past = Copier(schema, f"{table.name}_past", table.kept, place)
        self._make = maker(table.row)
        self._width = len(table.columns)
        self._several = len(table.key) > 1

    def load(self, connection: Connection, events: Sequence[Event]) -> None:
        """Bring the rows that ``events`` touch into memory."""
        shelf = self.shelf
        missing = shelf.keys_of(events)
        if not missing:
            return
        for values in connection.execute(self._select, self._arrays(missing)).fetchall():
            row = self._make(values[: self._width])
            key = shelf.key_in(row)
            since, position = values[self._width :] if shelf.table.history else (UNSTAMPED, 0)
            shelf.put(key, row, since, position, stored=True)
            missing.discard(key)
        for key in missing:
            shelf.put(key, None, stored=False)

    def store(self, connection: Connection) -> None:
        """Write what the fold has changed."""
        shelf = self.shelf
        shelf.check_keys()
        if outdated := [key for key, slot in shelf.changed.items() if slot.stored]:
            connection.execute(self._delete, self._arrays(outdated))
        values: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
        there = [slot for slot in shelf.changed.values() if slot.row is not None]
        if shelf.table.history:
            self._rows.append(connection, [(*values(slot.row), slot.since, slot.position) for slot in there])
        else:
            self._rows.append(connection, [values(slot.row) for slot in there])
        self._past.append(connection, shelf.past)

    def _arrays(self, keys: Any) -> list[list[Any]]:
        return [list(column) for column in zip(*keys, strict=True)] if self._several else [list(keys)]


class _StoredJournal:
    """A journal and its table."""

    def __init__(self, journal: Journal, schema: str) -> None:
        self._journal = journal
        self._rows = Copier(schema, journal.table.name, journal.table.columns, ("position", "n"))

    def store(self, connection: Connection) -> None:
        """Write what is new."""
        self._rows.append(connection, self._journal.rows)

    def forget(self) -> None:
        """What is new is safe, or came to nothing."""
        self._journal.rows.clear()
