"""A map of another desk's log: which column is what, and what each activity means here. The shape of ``map.yaml``."""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from domain.desk.document import HANDLE
from domain.ticket.events import HoldReason
from domain.ticket.state import Status

Act = Literal[
    "open",
    "update",
    "start",
    "hold",
    "resume",
    "claim",
    "release",
    "reply",
    "requester-reply",
    "note",
    "resolve",
    "close",
    "reopen",
    "cancel",
    "ignore",
]
"""What an activity is here. "update" is no act of its own: the columns say what changed."""

Place = tuple[str, ...]
"""Where in a map something stands: the keys that lead to it."""

STATUSES: tuple[str, ...] = get_args(Status)
HOLD_REASONS: tuple[str, ...] = get_args(HoldReason)
CODE = r"^[a-z0-9][a-z0-9._-]{0,63}$"
FIELD = r"^[A-Za-z][A-Za-z0-9 ._-]{0,99}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ColumnPart(_Part):
    """Where a value stands, and what its words mean here; a word that ``values`` does not name stands for itself.

    An empty cell says nothing, or, where ``empty`` is "clear", that there is nothing.
    """

    column: str = Field(min_length=1, max_length=200)
    values: dict[str, str] = {}
    empty: Literal["keep", "clear"] = "keep"


def _named(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Column = Annotated[ColumnPart, BeforeValidator(_named)]
"""A column's name alone, or with what its words mean."""


class ColumnsPart(_Part):
    """What the rows say beside their activity. Title, description and requester are taken from a case's first row."""

    title: Column | None = None
    description: Column | None = None
    requester: Column | None = None
    status: Column | None = None
    hold_reason: Column | None = None
    group: Column | None = None
    assignee: Column | None = None
    category: Column | None = None
    impact: Column | None = None
    urgency: Column | None = None
    priority: Column | None = None
    text: Column | None = None
    code: Column | None = None
    fields: dict[str, Column] = {}

    @field_validator("status", "hold_reason", "impact", "urgency", "priority")
    @classmethod
    def _means_something(cls, part: ColumnPart | None, info: Any) -> ColumnPart | None:
        for word, value in (part.values if part else {}).items():
            if value not in MEANINGS[info.field_name]:
                raise ValueError(f"{word!r} must mean one of {', '.join(MEANINGS[info.field_name])}, not {value!r}")
        return part

    @field_validator("fields")
    @classmethod
    def _field_names(cls, fields: dict[str, ColumnPart]) -> dict[str, ColumnPart]:
        for name in fields:
            if not re.fullmatch(FIELD, name):
                raise ValueError(f"{name!r}: a field's name begins with a letter and has up to 100 of A-Z, 0-9, ' ._-'")
        return fields

    def parts(self) -> Iterator[tuple[Place, ColumnPart]]:
        """Every column that is named, with its place in the map."""
        for name in type(self).model_fields:
            part = getattr(self, name)
            if isinstance(part, ColumnPart):
                yield (name,), part
        for name, part in self.fields.items():
            yield ("fields", name), part


_CLEARED = frozenset({"group", "assignee", "category"})
MEANINGS: dict[str, tuple[str, ...]] = {
    "status": STATUSES,
    "hold_reason": HOLD_REASONS,
    "impact": ("1", "2", "3"),
    "urgency": ("1", "2", "3"),
    "priority": ("1", "2", "3", "4", "5"),
}
"""The words that some columns must come to."""


class TimePart(_Part):
    """When a row happened: ISO 8601, or as ``format`` (strptime) says; times that state no zone are of ``zone``."""

    column: str = Field(min_length=1, max_length=200)
    format: str = "iso"
    zone: str = ""


class ActorPart(_Part):
    """Who acted; ``kind`` is a column that says whether that is an agent, a requester, a service or a system."""

    column: str = Field(min_length=1, max_length=200)
    kind: str = ""


class ActivityPart(_Part):
    """What an activity means here; its ``columns`` go before those of all rows."""

    act: Act
    reason: HoldReason | None = None
    code: str = Field(default="", pattern=f"{CODE}|^$")
    columns: ColumnsPart = ColumnsPart()

    @model_validator(mode="after")
    def _whole(self) -> "ActivityPart":
        if self.reason and self.act != "hold":
            raise ValueError("only hold has a reason")
        if self.code and self.act != "resolve":
            raise ValueError("only resolve has a code")
        return self


def _act(value: Any) -> Any:
    return {"act": value} if isinstance(value, str) else value


class LogMap(_Part):
    """The whole of a map.

    ``case`` is the column that says which rows belong together, ``id`` one whose value no two rows of a case share.
    ``handles`` are people of the source by the handles they have here; whoever is not among them keeps the source's
    word, or gets a pseudonym.
    """

    source: str = Field(pattern=HANDLE)
    department: str = Field(default="it", pattern=HANDLE)
    request_type: str = Field(default="imported", pattern=HANDLE)
    case: str = Field(min_length=1, max_length=200)
    activity: str = ""
    time: Annotated[TimePart, BeforeValidator(_named)]
    actor: Annotated[ActorPart, BeforeValidator(_named)] | None = None
    id: str = ""
    columns: ColumnsPart = ColumnsPart()
    activities: dict[str, Annotated[ActivityPart, BeforeValidator(_act)]] = {}
    otherwise: Literal["refuse", "ignore", "update"] = "refuse"
    handles: dict[str, Annotated[str, Field(min_length=1, max_length=200)]] = {}
    pseudonyms: bool = False
    encoding: str = "utf-8"
    delimiter: Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1)] = ","

    @field_validator("encoding")
    @classmethod
    def _holds_ascii(cls, encoding: str) -> str:
        try:
            ascii_ = b'a,;\t"\n'.decode(encoding) == 'a,;\t"\n'
        except (LookupError, UnicodeError):
            ascii_ = False
        if not ascii_:
            raise ValueError(f"{encoding!r} is no encoding that can be read line by line, such as utf-8 or cp1252")
        return encoding

    def faults(self) -> Iterator[tuple[Place, str]]:
        """What does not hold together, with its place."""
        if self.activities and not self.activity:
            yield ("activities",), "there is no column that says which of them a row is: activity"
        for name, part in self.activities.items():
            reason = part.reason or part.columns.hold_reason or self.columns.hold_reason
            if part.act == "hold" and not reason:
                yield ("activities", name), "hold needs its reason, or a column for it"
        for place, part_ in self._parts():
            clears = part_.empty == "clear" or "" in part_.values.values()
            if clears and place[-1] not in _CLEARED and place[-2] != "fields":
                yield place, "only group, assignee, category and fields can be cleared"

    def named(self) -> Iterator[tuple[Place, str]]:
        """Every column that the map names, with its place in the map."""
        yield ("case",), self.case
        if self.activity:
            yield ("activity",), self.activity
        yield ("time", "column"), self.time.column
        if self.actor is not None:
            yield ("actor", "column"), self.actor.column
            if self.actor.kind:
                yield ("actor", "kind"), self.actor.kind
        if self.id:
            yield ("id",), self.id
        for place, part in self._parts():
            yield place, part.column

    def _parts(self) -> Iterator[tuple[Place, ColumnPart]]:
        for place, part in self.columns.parts():
            yield ("columns", *place), part
        for name, activity in self.activities.items():
            for place, part in activity.columns.parts():
                yield ("activities", name, "columns", *place), part

    def field_names(self) -> set[str]:
        """The custom fields that rows may set."""
        own = (name for part in self.activities.values() for name in part.columns.fields)
        return {*self.columns.fields, *own}

    @property
    def digest(self) -> bytes:
        """Over all that decides how a row is read."""
        return sha256(self.model_dump_json().encode()).digest()
