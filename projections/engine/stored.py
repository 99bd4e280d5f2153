"""Shelves and journals with their tables: rows are loaded by key, and written many at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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

    def __init__(self, view: View, schema: str, versions: Versions, *, empty: bool = False) -> None:
        """``empty``: nothing has been written to them yet."""
        found = shelves(view, versions)
        for shelf in found:
            shelf.holds_all = empty
        journals = [Journal(table, versions) for table in view.journals]
        self._memory: list[Shelf | Journal] = [*found, *journals]
        self._shelves = [_StoredShelf(shelf, schema) for shelf in found]
        self._journals = [_StoredJournal(journal, schema) for journal in journals]
        self._acts = {
            event_type: [act for table in self._memory if (act := table.act(event_type)) is not None]
            for event_type in view.events()
        }

    def fold(self, connection: Callable[[], Connection], events: Sequence[Event]) -> None:
        """Let each event change the rows it touches; those that are not in memory are loaded from ``connection()``."""
        for shelf in self._shelves:
            shelf.load(connection, events)
        cleans = hold_nul(events)
        for table in self._memory:
            table.cleans = cleans
        acts = self._acts
        for event in events:
            for act in acts[type(event)]:
                act(event)

    def take(self) -> "Changes":
        """What the fold has changed, to be written; it counts as written from now on."""
        writes = [shelf.take() for shelf in self._shelves]
        return Changes(writes + [journal.take() for journal in self._journals])

    def keep(self, most: int) -> None:
        """Forget all but ``most`` of the rows of each table."""
        for stored in self._shelves:
            stored.shelf.keep(most)

    def forget(self) -> None:
        """What was written came to nothing: forget everything."""
        for stored in self._shelves:
            stored.shelf.forget()
        for journal in self._journals:
            journal.forget()


@dataclass(frozen=True)
class Changes:
    """What a fold has come to, apart from the memory that goes on."""

    _writes: list[Callable[[Connection], None]]

    def write(self, connection: Connection) -> None:
        """Write it, within the transaction that is open."""
        for write in self._writes:
            write(connection)


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

    def load(self, connection: Callable[[], Connection], events: Sequence[Event]) -> None:
        """Bring the rows that ``events`` touch into memory."""
        shelf = self.shelf
        missing = shelf.keys_of(events)
        if missing and not shelf.holds_all:
            for values in connection().execute(self._select, self._arrays(missing)).fetchall():
                row = self._make(values[: self._width])
                key = shelf.key_in(row)
                since, position = values[self._width :] if shelf.table.history else (UNSTAMPED, 0)
                shelf.put(key, row, since, position, stored=True)
                missing.discard(key)
        for key in missing:
            shelf.put(key, None, stored=False)

    def take(self) -> Callable[[Connection], None]:
        """What writes the changes."""
        outdated, rows, past = self.shelf.take()

        def write(connection: Connection) -> None:
            if outdated:
                connection.execute(self._delete, self._arrays(outdated))
            self._rows.append(connection, rows)
            self._past.append(connection, past)

        return write

    def _arrays(self, keys: Any) -> list[list[Any]]:
        return [list(column) for column in zip(*keys, strict=True)] if self._several else [list(keys)]


class _StoredJournal:
    """A journal and its table."""

    def __init__(self, journal: Journal, schema: str) -> None:
        self._journal = journal
        self._rows = Copier(schema, journal.table.name, journal.table.columns, ("position", "n"))

    def take(self) -> Callable[[Connection], None]:
        """What writes what is new."""
        rows, self._journal.rows = self._journal.rows, []
        return lambda connection: self._rows.append(connection, rows)

    def forget(self) -> None:
        """What is new came to nothing."""
        self._journal.rows.clear()
