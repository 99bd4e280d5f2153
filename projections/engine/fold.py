"""Folding events into rows, in memory.

A ``Shelf`` holds the rows of one state table that this reader has touched; a ``Journal`` gathers new rows. Neither
knows where rows come from or go to.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from domain.envelope import UNSTAMPED, Event
from projections.engine.columns import cleaner
from projections.engine.errors import KeyMismatch, RowMissing
from projections.engine.tables import span_of
from projections.engine.view import JournalTable, PartsTable, Rule, StateTable, Versions, View


class Slot:
    """The place of one key: its row (None: there is none), since when it is as it is, and whether the table has it."""

    __slots__ = ("position", "row", "since", "stored")

    def __init__(self, row: Any, since: datetime, position: int, stored: bool) -> None:
        self.row = row
        self.since = since
        self.position = position
        self.stored = stored


class Shelf:
    """The rows of one state table, as far as they are in memory."""

    def __init__(self, table: StateTable[Any], versions: Versions) -> None:
        self.table = table
        self.slots: dict[Any, Slot] = {}
        self.changed: dict[Any, Slot] = {}
        self.past: list[tuple[Any, ...]] = []
        self.parts: list[Parts] = []
        self._functions = {t: (_bound(rule, versions), rule.needs_row) for t, rule in table.rules.items()}
        self._clean = cleaner(table.row)
        self._keeps_past = table.history is not None
        self._left_out = table.history.without if table.history else ()
        self._kept = [index for index, column in enumerate(table.columns) if column in table.kept]

    def keys_of(self, events: Iterable[Event]) -> set[Any]:
        """The keys that ``events`` touch and that are not in memory yet."""
        rules, key_of, slots = self.table.rules, self.table.key_of, self.slots
        keys = {key_of(event) for event in events if type(event) in rules}
        keys.discard(None)
        return keys - slots.keys()

    def fold(self, event: Event) -> None:
        """Let one event change the row of its key, which must be on the shelf."""
        known = self._functions.get(type(event))
        if known is None:
            return
        function, needs_row = known
        key = self.table.key_of(event)
        if key is None:
            return
        slot = self.slots[key]
        old = slot.row
        if old is None and needs_row:
            raise RowMissing(self.table.name, event.stream)
        new = function(old, event)
        if new is not old and self._set(key, slot, new, event):
            for parts in self.parts:
                parts.follow(old, slot.row, event)

    def _set(self, key: Any, slot: Slot, new: Any, event: Event) -> bool:
        """Let ``new`` be the row of ``key``; whether anything has changed."""
        old = slot.row
        if new is not None:
            new = self._clean(new)
        if new == old:
            return False
        if self._keeps_past and not self._only_left_out(old, new):
            self._turn(slot, old, event)
        slot.row = new
        self.changed[key] = slot
        return True

    def _only_left_out(self, old: Any, new: Any) -> bool:
        """Whether nothing has changed of which the past is kept."""
        if not self._left_out or old is None or new is None:
            return False
        before, after = msgspec.structs.astuple(old), msgspec.structs.astuple(new)
        return all(before[index] == after[index] for index in self._kept)

    def _turn(self, slot: Slot, old: Any, event: Event) -> None:
        """Close the interval of ``old``, unless it has no length, and begin the next."""
        at = event.effective_at
        if old is None:
            slot.since = at
        elif at > slot.since:
            values = msgspec.structs.astuple(old)
            kept = [values[index] for index in self._kept] if self._left_out else values
            self.past.append((*kept, slot.since, at, slot.position, span_of(at - slot.since)))
            slot.since = at
        slot.position = event.position

    def put(self, key: Any, row: Any, since: datetime = UNSTAMPED, position: int = 0, *, stored: bool) -> None:
        """Place what the table holds for ``key``: a row, or None for nothing."""
        self.slots[key] = Slot(row, since, position, stored)

    def written(self, most: int) -> None:
        """The changes are safe in the table: forget them, and all but ``most`` of the rows, the oldest first."""
        for slot in self.changed.values():
            slot.stored = slot.row is not None
        self.changed.clear()
        self.past.clear()
        surplus = len(self.slots) - most
        if surplus > 0:
            for key in list(self.slots)[:surplus]:
                del self.slots[key]

    def forget(self) -> None:
        """The changes came to nothing."""
        self.slots.clear()
        self.changed.clear()
        self.past.clear()

    def check_keys(self) -> None:
        """KeyMismatch if a function moved a row to another key: the table would hold it twice."""
        names = self.table.key
        for key, slot in self.changed.items():
            if slot.row is not None:
                found = tuple(getattr(slot.row, name) for name in names)
                if found != (key if len(names) > 1 else (key,)):
                    raise KeyMismatch(self.table.name)


class Parts(Shelf):
    """The rows of a table of parts; they follow the rows of the whole, whose shelf is ``whole``."""

    def __init__(self, table: PartsTable[Any], whole: Shelf) -> None:
        super().__init__(table, {})
        self._whole = whole
        self._parts_of = table.parts_of
        self._key_of = attrgetter(*table.key)
        whole.parts.append(self)

    def keys_of(self, events: Iterable[Event]) -> set[Any]:
        """The keys of the parts of all rows that ``events`` touch, which are on the other shelf already."""
        whole, rules, key_of = self._whole, self._whole.table.rules, self._key_of
        touched = {whole.table.key_of(event) for event in events if type(event) in rules}
        touched.discard(None)
        rows = (whole.slots[key].row for key in touched)
        keys = {key_of(part) for row in rows if row is not None for part in self._parts_of(row)}
        return keys - self.slots.keys()

    def follow(self, old: Any, new: Any, event: Event) -> None:
        """A row of the whole has changed: so have some of its parts."""
        key_of, slots = self._key_of, self.slots
        before = () if old is None else tuple(self._parts_of(old))
        after = () if new is None else tuple(self._parts_of(new))
        # Most parts are the very same, and need no look at their keys.
        gone = {key_of(part) for part in before if not any(part is other for other in after)}
        for part in after:
            if any(part is other for other in before):
                continue
            key = key_of(part)
            gone.discard(key)
            slot = slots.get(key)
            if slot is None:
                slot = slots[key] = Slot(None, UNSTAMPED, 0, stored=False)
            self._set(key, slot, part, event)
        for key in gone:
            self._set(key, slots[key], None, event)


def shelves(view: View, versions: Versions) -> list[Shelf]:
    """A shelf for each state table of ``view``, that of a whole before those of its parts."""
    found: dict[str, Shelf] = {}
    for table in view.tables:
        if isinstance(table, PartsTable):
            found[table.name] = Parts(table, found[table.whole.name])
        else:
            found[table.name] = Shelf(table, versions)
    return list(found.values())


class Journal:
    """The new rows of one journal table."""

    def __init__(self, table: JournalTable[Any], versions: Versions) -> None:
        self.table = table
        self.rows: list[tuple[Any, ...]] = []
        self._functions = {t: _bound(rule, versions) for t, rule in table.rules.items()}
        self._clean = cleaner(table.row)

    def append(self, event: Event) -> None:
        """Write down what one event has to say."""
        function = self._functions.get(type(event))
        if function is None:
            return
        said = function(event)
        if said is None:
            return
        rows = (said,) if isinstance(said, msgspec.Struct) else said
        for n, row in enumerate(rows):
            self.rows.append((*msgspec.structs.astuple(self._clean(row)), event.position, n))


def _bound(rule: Rule, versions: Versions) -> Callable[..., Any]:
    function = rule.function
    if not rule.wants_versions:
        return function
    return lambda *arguments: function(*arguments, versions)
