"""What an export names: persons, agents, groups and departments, each once, however many tickets name them.

Kept in a file that has no name and goes with the process, since a desk may know more persons than memory should hold.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Literal

Role = Literal["person", "agent", "group", "department"]


class Named:
    """A set of objects by type and id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE named (type TEXT, id TEXT, PRIMARY KEY (type, id)) WITHOUT ROWID")

    def add(self, objects: Iterable[tuple[Role, str]]) -> None:
        """Note that these are named."""
        self._connection.executemany("INSERT OR IGNORE INTO named VALUES (?, ?)", objects)

    def pages(self, role: Role, size: int) -> Iterator[list[str]]:
        """The ids of one type in order, so many at a time; more of another type may be added meanwhile."""
        after = ""
        query = "SELECT id FROM named WHERE type = ? AND id > ? ORDER BY id LIMIT ?"
        while page := [name for (name,) in self._connection.execute(query, (role, after, size))]:
            yield page
            after = page[-1]


@contextmanager
def named() -> Iterator[Named]:
    """An empty set, for as long as it is needed; by one thread at a time, which may be another one each time."""
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as connection:
        yield Named(connection)
