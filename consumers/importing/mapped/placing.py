"""Placing: a row of another desk's log, read by its map, as an update of a case; or why it has no place here."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from consumers.importing.local_times import LocalTimes
from consumers.importing.mapped.document import CODE, MEANINGS, ActivityPart, ColumnPart, LogMap
from consumers.importing.telling import resolution_code
from domain.envelope import Json

Kind = Literal["agent", "requester", "service", "system"]
Cells = Callable[[str], str]
"""The cell of a column, by its name; "" where there is none."""

_LONGEST = {"title": 300, "description": 100_000, "text": 100_000, "group": 64, "requester": 200}
_LONGEST_WORD = 200
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNNAMED = ActivityPart(act="update")
IGNORED = ActivityPart(act="ignore")


class NoPlace(ValueError):
    """The row cannot be told; the message says why and repeats nothing personal."""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says of its case: ``cells`` as they stand, for the digest; None where it says nothing.

    ``by`` is a handle. ``place`` is a status and the reason of the hold, if it is one.
    """

    row: int
    line: int
    number: str
    cells: tuple[str, ...]
    at: datetime
    by: str
    kind: Kind
    id: str
    act: str
    place: tuple[str, str] | None
    title: str
    description: str
    requester: str
    text: str
    code: str
    group: str | None
    assignee: str | None
    category: str | None
    impact: int | None
    urgency: int | None
    priority: int | None
    fields: dict[str, Json]


_PLACES: dict[str, str] = {
    "start": "in_progress",
    "resume": "in_progress",
    "reopen": "in_progress",
    "hold": "on_hold",
    "resolve": "resolved",
    "close": "closed",
    "cancel": "cancelled",
}
"""Where a case stands after an act."""


class Placing:
    """Reads rows by a map. ``pseudonym`` gives people of the source their handles here, if the map wants that."""

    def __init__(self, by: LogMap) -> None:
        self.map = by
        self.times = LocalTimes(by.time.zone, *_reader(by.time.format))
        self.pseudonym: Callable[[str], str] = str
        self._used = tuple(dict.fromkeys(column for _, column in by.named()))
        self._activities = {name: _laid_over(part, by) for name, part in by.activities.items()}
        self._otherwise = _laid_over(UNNAMED, by)
        self._now = datetime.now(UTC)

    def update(self, row: int, line: int, cells: Cells) -> Update:
        """The row as an update; raises ``NoPlace``. One that the map ignores says nothing but when, and by whom."""
        part = self._activity(cells)
        number = self._case(cells)
        at = self._time(row, cells)
        by, kind = self._actor(cells)
        columns, values = part.columns, {place[-1]: one for place, one in part.columns.parts() if len(place) == 1}
        act = part.act
        said = {
            name: _word(values.get(name), name, cells)
            for name in ("title", "description", "requester", "text", "code", "group", "assignee", "category")
        }
        levels = {name: _level(values.get(name), name, cells) for name in ("impact", "urgency", "priority")}
        assignee = said["assignee"]
        if act in ("claim", "release"):
            assignee = by if act == "claim" else ""
            if act == "claim" and not by:
                raise NoPlace("whoever claims it is not named")
        elif assignee:
            assignee = self._handle(assignee, "assignee")
        return Update(
            row=row,
            line=line,
            number=number,
            cells=tuple([cells(column) for column in self._used]),
            at=at,
            by=by,
            kind=kind,
            id=cells(self.map.id) if self.map.id else "",
            act=act,
            place=_place(part, values, cells),
            title=said["title"] or "",
            description=said["description"] or "",
            requester=said["requester"] or "",
            text=said["text"] or "",
            code=_code(part, said["code"]),
            group=said["group"],
            assignee=assignee,
            category=said["category"],
            **levels,
            fields=_fields(columns.fields, cells),
        )

    def case_of(self, cells: Cells) -> str:
        """The case that a row seems to be of, whatever else is wrong with it."""
        return cells(self.map.case)[:_LONGEST_WORD]

    def _case(self, cells: Cells) -> str:
        number = cells(self.map.case)
        if not number:
            raise NoPlace(f"{self.map.case} is empty: it belongs to no case")
        _must_be_word(number, self.map.case, _LONGEST_WORD)
        return number

    def _activity(self, cells: Cells) -> ActivityPart:
        if not self.map.activity:
            return self._otherwise
        activity = cells(self.map.activity)
        part = self._activities.get(activity)
        if part is None:
            if not activity and self.map.otherwise != "ignore":
                raise NoPlace(f"{self.map.activity} is empty: it says no activity")
            if self.map.otherwise == "refuse":
                raise NoPlace(f"the activity {activity[:60]!r} is not in the map")
            return self._otherwise if self.map.otherwise == "update" else IGNORED
        return part

    def _time(self, row: int, cells: Cells) -> datetime:
        column = self.map.time.column
        try:
            at = self.times.utc(cells(column), row, column)
        except ValueError as fault:
            raise NoPlace(str(fault)) from None
        if at is None:
            raise NoPlace(f"{column} is empty: it says no time")
        if at > self._now:
            raise NoPlace(f"{column} lies in the future")
        return at

    def _actor(self, cells: Cells) -> tuple[str, Kind]:
        actor = self.map.actor
        if actor is None or not (name := cells(actor.column)):
            return "", "system"
        kind = cells(actor.kind) if actor.kind else "agent"
        known: tuple[Kind, ...] = ("agent", "requester", "service", "system")
        return self._handle(name, "actor"), next((one for one in known if one == kind), "agent")

    def _handle(self, name: str, place: str) -> str:
        known = self.map.handles.get(name)
        if known is not None:
            return known
        if self.map.pseudonyms:
            return self.pseudonym(name)
        if "@" in name:
            raise NoPlace(f"the {place} is an address, and handles are stored readable: see handles and pseudonyms")
        _must_be_word(name, place, _LONGEST_WORD)
        return name


def _laid_over(part: ActivityPart, by: LogMap) -> ActivityPart:
    """An activity with the columns of all rows where it has none of its own; one that is ignored has none at all."""
    if part.act == "ignore":
        return IGNORED
    own = part.columns
    merged = {name: getattr(own, name) or getattr(by.columns, name) for name in type(own).model_fields}
    merged["fields"] = {**by.columns.fields, **own.fields}
    return part.model_copy(update={"columns": own.model_copy(update=merged)})


def _word(part: ColumnPart | None, name: str, cells: Cells) -> str | None:
    """A value as it is here; "" where it is said that there is none."""
    if part is None:
        return None
    cell = cells(part.column)
    if not cell:
        return "" if part.empty == "clear" else None
    word = part.values.get(cell, cell)
    longest = _LONGEST.get(name, _LONGEST_WORD)
    if name in ("title", "description", "text"):
        if len(word) > longest:
            raise NoPlace(f"{part.column} is longer than {longest:,} characters")
        return word
    _must_be_word(word, part.column, longest)
    return word


def _level(part: ColumnPart | None, name: str, cells: Cells) -> int | None:
    word = _word(part, name, cells)
    if not word:
        return None
    assert part is not None
    if word not in MEANINGS[name]:
        raise NoPlace(f"{part.column} is no {name}: the map gives {word[:60]!r} no meaning")
    return int(word)


def _place(part: ActivityPart, values: Mapping[str, ColumnPart], cells: Cells) -> tuple[str, str] | None:
    """Where the case stands after the row: the activity says it, or the column of the status."""
    status = _PLACES.get(part.act) or _meaning("status", values, cells)
    if status is None:
        return None
    if status != "on_hold":
        return status, ""
    reason = part.reason or _meaning("hold_reason", values, cells)
    if reason is None:
        raise NoPlace("it is on hold, and nothing says why")
    return status, reason


def _meaning(name: str, values: Mapping[str, ColumnPart], cells: Cells) -> str | None:
    column = values.get(name)
    word = _word(column, name, cells)
    if not word:
        return None
    assert column is not None
    if word not in MEANINGS[name]:
        raise NoPlace(f"{column.column} is no {name}: the map gives {word[:60]!r} no meaning")
    return word


def _code(part: ActivityPart, said: str | None) -> str:
    code = said or part.code
    return code if re.fullmatch(CODE, code) else resolution_code(code)


def _fields(columns: Mapping[str, ColumnPart], cells: Cells) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    for name, part in columns.items():
        word = _word(part, name, cells)
        if word is not None:
            fields[name] = word or None
    return fields


def _must_be_word(text: str, place: str, longest: int) -> None:
    if len(text) > longest:
        raise NoPlace(f"{place} is longer than {longest:,} characters")
    if _NO_TEXT.search(text):
        raise NoPlace(f"{place} has control characters in it")


def _reader(form: str) -> tuple[Callable[[str], datetime], str]:
    """How a format reads a time, and how it is called."""
    if form == "iso":
        return datetime.fromisoformat, "ISO 8601"

    def read(text: str) -> datetime:
        return datetime.strptime(text, form)  # noqa: DTZ007  a zone that is not written is put in by who knows it

    return read, form
