"""Folding events into rows, in memory.

A ``Shelf`` holds the rows of one state table that this reader has touched; a ``Journal`` gathers new rows. Neither
knows where rows come from or go to.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec

from domain.envelope import UNSTAMPED, Event
from projections.engine.columns import cleaner, fields_of
from projections.engine.errors import KeyMismatch, RowMissing
from projections.engine.tables import span_of
from projections.engine.view import JournalTable, PartsTable, Rule, StateTable, Versions, View

Act = Callable[[Event], None]
"""What one event does to one table in memory."""


class Slot:
    """The place of one key: its row (None: there is none), since when it is as it is, and whether the table has it."""

    __slots__ = ("position", "row", "since", "stored")

    def __init__(self, row: Any, since: datetime, position: int, stored: bool) -> None:
        self.row = row
        self.since = since
        self.position = position
        self.stored = stored


class Shelf:
    """The rows of one state table, as far as they are in memory.

    ``cleans``: whether events may hold U+0000; ``holds_all``: whether the table has no row that is not here.
    """

    def __init__(self, table: StateTable[Any], versions: Versions) -> None:
        self.table = table
        self.slots: dict[Any, Slot] = {}
        self.changed: dict[Any, Slot] = {}
        self.past: list[tuple[Any, ...]] = []
        self.parts: list[Parts] = []
        self.key_in = attrgetter(*table.key)
        self._key_of = table.key_of
        self._versions = versions
        self.cleans = True
        self.holds_all = False
        self._clean = cleaner(table.row)
        self._keeps_past = table.history is not None
        self._leaves_out = table.kept != table.columns
        self._kept = fields_of(table.row, [column.name for column in table.kept])

    def act(self, event_type: type[Event]) -> Act | None:
        """What an event of this type does to the row of its key, which must be on the shelf; None: nothing."""
        rule = self.table.rules.get(event_type)
        return None if rule is None else partial(self._fold, _bound(rule, self._versions), rule.needs_row)

    def keys_of(self, events: Iterable[Event]) -> set[Any]:
        """The keys that ``events`` touch and that are not in memory yet."""
        rules, key_of, slots = self.table.rules, self._key_of, self.slots
        keys = {key for event in events if type(event) in rules and (key := key_of(event)) not in slots}
        keys.discard(None)
        return keys

    def _fold(self, function: Callable[..., Any], needs_row: bool, event: Event) -> None:
        key = self._key_of(event)
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
        if new is not None and self.cleans:
            new = self._clean(new)
        if new == old:
            return False
        if self._keeps_past:
            self._turn(slot, old, new, event)
        slot.row = new
        self.changed[key] = slot
        return True

    def _turn(self, slot: Slot, old: Any, new: Any, event: Event) -> None:
        """Close the interval of ``old``, unless it has no length, and begin the next."""
        at = event.effective_at
        if old is None:
            slot.since = at
        else:
            kept = self._kept(old)
            if self._leaves_out and new is not None and self._kept(new) == kept:
                return  # Nothing has changed of which the past is kept.
            if at > slot.since:
                self.past.append((*kept, slot.since, at, slot.position, span_of(at - slot.since)))
                slot.since = at
        slot.position = event.position

    def put(self, key: Any, row: Any, since: datetime = UNSTAMPED, position: int = 0, *, stored: bool) -> None:
        """Place what the table holds for ``key``: a row, or None for nothing."""
        self.slots[key] = Slot(row, since, position, stored)

    def take(self) -> tuple[list[Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """What there is to be written, which counts as written from now on.

        Keys of rows that the table holds otherwise, rows as they are now, intervals that are over.
        """
        self.check_keys()
        outdated = [key for key, slot in self.changed.items() if slot.stored]
        there = [slot for slot in self.changed.values() if slot.row is not None]
        if self._keeps_past:
            rows = [(*msgspec.structs.astuple(slot.row), slot.since, slot.position) for slot in there]
        else:
            rows = [msgspec.structs.astuple(slot.row) for slot in there]
        for slot in self.changed.values():
            slot.stored = slot.row is not None
        past = self.past
        self.changed, self.past = {}, []
        return outdated, rows, past

    def keep(self, most: int) -> None:
        """Forget all but ``most`` of the rows, the oldest first; what has changed must have been taken."""
        surplus = len(self.slots) - most
        if surplus > 0:
            self.holds_all = False
            for key in list(islice(self.slots, surplus)):
                del self.slots[key]

    def forget(self) -> None:
        """The changes came to nothing."""
        self.holds_all = False
        self.slots.clear()
        self.changed.clear()
        self.past.clear()

    def check_keys(self) -> None:
        """KeyMismatch if a function moved a row to another key: the table would hold it twice."""
        key_in = self.key_in
        for key, slot in self.changed.items():
            if slot.row is not None and key_in(slot.row) != key:
                raise KeyMismatch(self.table.name)


class Parts(Shelf):
    """The rows of a table of parts; they follow the rows of the whole, whose shelf is ``whole``."""

    def __init__(self, table: PartsTable[Any], whole: Shelf) -> None:
        super().__init__(table, {})
        self._whole = whole
        self._parts_of = table.parts_of
        whole.parts.append(self)

    def keys_of(self, events: Iterable[Event]) -> set[Any]:
        """The keys of the parts of all rows that ``events`` touch, which are on the other shelf already."""
        whole, rules, key_in = self._whole, self._whole.table.rules, self.key_in
        touched = {whole.table.key_of(event) for event in events if type(event) in rules}
        touched.discard(None)
        rows = (whole.slots[key].row for key in touched)
        keys = {key_in(part) for row in rows if row is not None for part in self._parts_of(row)}
        return keys - self.slots.keys()

    def follow(self, old: Any, new: Any, event: Event) -> None:
        """A row of the whole has changed: so have some of its parts."""
        before = () if old is None else tuple(self._parts_of(old))
        after = () if new is None else tuple(self._parts_of(new))
        # Most parts are the very same, and need no look at their keys.
        known, kept = {id(part) for part in before}, {id(part) for part in after}
        key_in, slots = self.key_in, self.slots
        gone = {key_in(part) for part in before if id(part) not in kept}
        for part in after:
            if id(part) in known:
                continue
            key = key_in(part)
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
    """The new rows of one journal table. ``cleans``: whether events may hold U+0000."""

    def __init__(self, table: JournalTable[Any], versions: Versions) -> None:
        self.table = table
        self.rows: list[tuple[Any, ...]] = []
        self.cleans = True
        self._versions = versions
        self._clean = cleaner(table.row)

    def act(self, event_type: type[Event]) -> Act | None:
        """What writes down an event of this type; None: nothing is said of it."""
        rule = self.table.rules.get(event_type)
        return None if rule is None else partial(self._append, _bound(rule, self._versions))

    def _append(self, function: Callable[..., Any], event: Event) -> None:
        said = function(event)
        if said is None:
            return
        rows = (said,) if isinstance(said, msgspec.Struct) else said
        for n, row in enumerate(rows):
            if self.cleans:
                row = self._clean(row)
            self.rows.append((*msgspec.structs.astuple(row), event.position, n))


def _bound(rule: Rule, versions: Versions) -> Callable[..., Any]:
    function = rule.function
    if not rule.wants_versions:
        return function
    return lambda *arguments: function(*arguments, versions)
