"""How a view is written: its tables, and one small pure function per event.

A view is described once, at import; nothing here touches a database.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_type_hints, overload

import msgspec

from domain.clock.policy import Policies
from domain.envelope import Event
from projections.engine.columns import Column, columns_of

R = TypeVar("R", bound=msgspec.Struct)
E = TypeVar("E", bound=Event)
E1 = TypeVar("E1", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)
E4 = TypeVar("E4", bound=Event)


Versions = Policies
"""What was configured, as far as folds need it: policy versions with their calendars. A numbered one never changes."""

NO_VERSIONS: Versions = {}
"""For views whose functions need no configuration."""


@dataclass(frozen=True)
class History:
    """A state table keeps its past. ``by``: the columns, together, by which lists as of a past time are asked for.

    ``where``: SQL that narrows those lists and their indexes; a query must repeat it. ``without``: columns that only
    the fold needs, and whose past is not kept; a change of nothing else begins no interval.
    """

    by: tuple[tuple[str, ...], ...] = ()
    where: str = ""
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One function of a view, as the engine calls it."""

    function: Callable[..., Any]
    needs_row: bool
    wants_versions: bool


class OnState(Generic[R, E]):
    """Registers functions ``(row, event) -> row | None``; see ``StateTable.on``."""

    def __init__(self, table: "StateTable[R]", types: tuple[type[Event], ...]) -> None:
        self._table = table
        self._types = types

    @overload
    def __call__(self, function: Callable[[R, E], R | None]) -> Callable[[R, E], R | None]: ...
    @overload
    def __call__(self, function: Callable[[R, E, Versions], R | None]) -> Callable[[R, E, Versions], R | None]: ...
    def __call__(self, function: Callable[..., R | None]) -> Callable[..., R | None]:
        names = list(inspect.signature(function).parameters)
        row_hint = get_type_hints(function)[names[0]]
        needs_row = row_hint is not NoneType and NoneType not in get_args(row_hint)
        for event_type in self._types:
            _enter(self._table.rules, event_type, Rule(function, needs_row, len(names) == 3), self._table.name)
        return function


class OnJournal(Generic[R, E]):
    """Registers functions ``event -> row | rows | None``; see ``JournalTable.on``."""

    def __init__(self, table: "JournalTable[R]", types: tuple[type[Event], ...]) -> None:
        self._table = table
        self._types = types

    @overload
    def __call__(self, function: Callable[[E], R | Iterable[R] | None]) -> Callable[[E], R | Iterable[R] | None]: ...
    @overload
    def __call__(
        self, function: Callable[[E, Versions], R | Iterable[R] | None]
    ) -> Callable[[E, Versions], R | Iterable[R] | None]: ...
    def __call__(self, function: Callable[..., R | Iterable[R] | None]) -> Callable[..., R | Iterable[R] | None]:
        wants_versions = len(inspect.signature(function).parameters) == 2
        for event_type in self._types:
            _enter(self._table.rules, event_type, Rule(function, False, wants_versions), self._table.name)
        return function


def _enter(rules: dict[type[Event], Rule], event_type: type[Event], rule: Rule, table: str) -> None:
    if event_type in rules:
        raise TypeError(f"{table} has two functions for {event_type.__name__}")
    rules[event_type] = rule


@dataclass(eq=False)
class StateTable(Generic[R]):
    """One row per key, made by folding. ``key_of`` finds the key of an event; None: the event is none of its business.

    All events of one key come from one stream. ``generated`` are columns that PostgreSQL computes (name to SQL);
    ``indexes`` is what follows ``CREATE INDEX … ON table``.
    """

    name: str
    row: type[R]
    key: tuple[str, ...]
    key_of: Callable[[Any], Any]
    history: History | None
    indexes: tuple[str, ...]
    generated: dict[str, str]
    rules: dict[type[Event], Rule] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.row)

    @cached_property
    def kept(self) -> tuple[Column, ...]:
        """The columns whose past is kept."""
        left_out = self.history.without if self.history else ()
        return tuple(column for column in self.columns if column.name not in left_out)

    @overload
    def on(self, a: type[E1], /) -> OnState[R, E1]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], /) -> OnState[R, E1 | E2]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], c: type[E3], /) -> OnState[R, E1 | E2 | E3]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], c: type[E3], d: type[E4], /) -> OnState[R, E1 | E2 | E3 | E4]: ...
    @overload
    def on(self, *types: type[Event]) -> OnState[R, Any]: ...
    def on(self, *types: type[Event]) -> OnState[R, Any]:
        """Fold events of ``types`` with the decorated ``(row, event[, versions]) -> row | None``; None deletes.

        A function whose first parameter may be None also begins rows. One whose parameter may not be None stops the
        view when there is no row: an event is never dropped in silence.
        """
        return OnState(self, types)


@dataclass(eq=False)
class PartsTable(StateTable[R]):
    """Rows that the rows of another state table consist of.

    Whenever a row of ``whole`` changes, ``parts_of`` says all its parts anew; what differs is written, with history
    where it is kept, and a part that is no longer named is deleted. No part belongs to two wholes.
    """

    whole: StateTable[Any] = field(kw_only=True)
    parts_of: Callable[[Any], Iterable[R]] = field(kw_only=True)


@dataclass(eq=False)
class JournalTable(Generic[R]):
    """Rows appended per event, under (position, n): the event's position and the row's number within it, from 0."""

    name: str
    row: type[R]
    indexes: tuple[str, ...]
    generated: dict[str, str]
    rules: dict[type[Event], Rule] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.row)

    @overload
    def on(self, a: type[E1], /) -> OnJournal[R, E1]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], /) -> OnJournal[R, E1 | E2]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], c: type[E3], /) -> OnJournal[R, E1 | E2 | E3]: ...
    @overload
    def on(self, a: type[E1], b: type[E2], c: type[E3], d: type[E4], /) -> OnJournal[R, E1 | E2 | E3 | E4]: ...
    @overload
    def on(self, *types: type[Event]) -> OnJournal[R, Any]: ...
    def on(self, *types: type[Event]) -> OnJournal[R, Any]:
        """Append what the decorated ``event[, versions] -> row | rows | None`` returns for events of ``types``."""
        return OnJournal(self, types)


_STREAM = attrgetter("stream")


class View:
    """A read model: tables that are computed from events and can be thrown away.

    ``version`` is raised whenever the tables or the functions change; the view is then rebuilt, never migrated.
    ``for_analysts``: whether they may read what is not personal of it in SQL.
    """

    def __init__(self, name: str, version: int, *, for_analysts: bool = True) -> None:
        self.name = name
        self.version = version
        self.for_analysts = for_analysts
        self.tables: list[StateTable[Any]] = []
        self.journals: list[JournalTable[Any]] = []

    def table(
        self,
        name: str,
        row: type[R],
        *,
        key: str | tuple[str, ...],
        key_of: Callable[[Any], Any] = _STREAM,
        history: History | bool = False,
        indexes: tuple[str, ...] = (),
        generated: dict[str, str] | None = None,
    ) -> StateTable[R]:
        """A state table. With more than one ``key`` column, ``key_of`` returns a tuple in their order."""
        past = History() if history is True else history or None
        keys = (key,) if isinstance(key, str) else key
        table = StateTable(name, row, keys, key_of, past, indexes, dict(generated or {}))
        self._check(table)
        self.tables.append(table)
        return table

    def parts(
        self,
        name: str,
        row: type[R],
        *,
        of: StateTable[Any],
        parts_of: Callable[[Any], Iterable[R]],
        key: tuple[str, ...],
        history: History | bool = False,
        indexes: tuple[str, ...] = (),
        generated: dict[str, str] | None = None,
    ) -> PartsTable[R]:
        """A table of the parts of the rows of ``of``: one event may change several of them. See ``PartsTable``."""
        past = History() if history is True else history or None
        made = dict(generated or {})
        table = PartsTable(name, row, key, _STREAM, past, indexes, made, whole=of, parts_of=parts_of)
        self._check(table)
        if not any(known is of for known in self.tables):
            raise TypeError(f"{name}: {of.name} is no table of {self.name}")
        self.tables.append(table)
        return table

    def journal(
        self, name: str, row: type[R], *, indexes: tuple[str, ...] = (), generated: dict[str, str] | None = None
    ) -> JournalTable[R]:
        """A journal table."""
        journal = JournalTable(name, row, indexes, dict(generated or {}))
        self._check(journal)
        self.journals.append(journal)
        return journal

    def events(self) -> frozenset[type[Event]]:
        """The event types this view cares about; a feed may leave out all others."""
        return frozenset(event_type for table in self.all_tables() for event_type in table.rules)

    def personal(self) -> bool:
        """Whether it shows personal data; the seals of its events need not be opened otherwise."""
        return any(column.personal for table in self.all_tables() for column in table.columns)

    def all_tables(self) -> "list[StateTable[Any] | JournalTable[Any]]":
        """Every table, state tables first."""
        return [*self.tables, *self.journals]

    def _check(self, table: StateTable[Any] | JournalTable[Any]) -> None:
        names = [column.name for column in table.columns]
        own = (
            {"valid_from", "valid_to", "from_position", "span"} if isinstance(table, StateTable) else {"position", "n"}
        )
        if taken := own.intersection(names):
            raise TypeError(f"{table.name}: {sorted(taken)} are the engine's own columns")
        if isinstance(table, StateTable) and not set(table.key) <= set(names):
            raise TypeError(f"{table.name}: the key {table.key} is no column")
        if any(other.name == table.name for other in self.all_tables()):
            raise TypeError(f"{self.name} has two tables {table.name}")
