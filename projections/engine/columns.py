"""From the fields of a row type to columns, and from values to what JSON would not say as PostgreSQL reads it.

=====================  ===========================
annotation             column
=====================  ===========================
UUID                   uuid
str, Literal["…"]      text
int, Literal[1, …]     bigint
float, bool            double precision, boolean
datetime               timestamptz (aware, UTC)
date, timedelta        date, interval
tuple[T, ...]          T[] of the column type of T
dict, Json (Any)       jsonb
a msgspec.Struct       jsonb, read back as that type
X | None               the column of X, nullable
=====================  ===========================
"""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

_SCALARS: dict[Any, str] = {
    UUID: "uuid",
    str: "text",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    datetime: "timestamptz",
    date: "date",
    timedelta: "interval",
    Any: "jsonb",
}
_NUL_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT = "\ufffd"
_AT_ONCE = 1_000


class Column(NamedTuple):
    """One column of a row: its SQL type, and how its values are written and read where the plain way does not fit."""

    name: str
    sql: str
    nullable: bool
    personal: bool
    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None


def columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns of ``row``, in the order of its fields; TypeError if an annotation has no column type."""
    hints = get_type_hints(row, include_extras=True)
    return tuple(_column(row, name, hints[name]) for name in row.__struct_fields__)


def _column(row: type[msgspec.Struct], name: str, hint: Any) -> Column:
    personal = False
    nullable = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *marks = get_args(hint)
            personal = personal or any(isinstance(m, msgspec.Meta) and (m.extra or {}).get("personal") for m in marks)
        elif get_origin(hint) in (Union, UnionType):
            members = [member for member in get_args(hint) if member is not NoneType]
            if len(members) != 1:
                raise TypeError(f"{row.__name__}.{name} has more than one type")
            nullable, hint = True, members[0]
        else:
            break
    if get_origin(hint) is Literal:
        hint = type(get_args(hint)[0])
    if hint in _SCALARS and hint is not Any:
        return Column(name, _SCALARS[hint], nullable, personal, _WRITERS.get(hint), None)
    if get_origin(hint) is tuple and get_args(hint)[1:] == (...,) and get_args(hint)[0] in _SCALARS:
        return Column(name, f"{_SCALARS[get_args(hint)[0]]}[]", nullable, personal, array_text, tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        # PostgreSQL hands jsonb over as plain objects, so that nothing depends on the settings of a connection.
        return Column(name, "jsonb", nullable, personal, json_text, partial(msgspec.convert, type=hint))
    if hint is Any or hint is dict or get_origin(hint) is dict:
        return Column(name, "jsonb", nullable, personal, json_text, None)
    raise TypeError(f"{row.__name__}.{name}: no column type for {hint!r}")


def interval_text(value: timedelta) -> str:
    """ISO 8601 with a sign of its own for the days, as PostgreSQL reads it."""
    return f"P{value.days}DT{value.seconds}.{value.microseconds:06}S"


_WRITERS: dict[Any, Callable[[Any], str]] = {timedelta: interval_text, float: repr}


def array_text(values: tuple[Any, ...]) -> str:
    """PostgreSQL's text form of a one-dimensional array."""
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def json_text(value: Any) -> str:
    """JSON that jsonb takes: it cannot hold U+0000."""
    text = msgspec.json.encode(value).decode()
    return _NUL_ESCAPE.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def maker(row: type[msgspec.Struct]) -> Callable[[tuple[Any, ...]], Any]:
    """A function from the column values of ``row``, in order, to a row."""
    names = row.__struct_fields__
    readers = [(index, column.read) for index, column in enumerate(columns_of(row)) if column.read]
    by_name = any(place.kind is place.KEYWORD_ONLY for place in inspect.signature(row).parameters.values())

    def make(values: tuple[Any, ...]) -> Any:
        if readers:
            read = list(values)
            for index, reader in readers:
                if read[index] is not None:
                    read[index] = reader(read[index])
            values = tuple(read)
        return row(**dict(zip(names, values, strict=True))) if by_name else row(*values)

    return make


def hold_nul(events: Sequence[msgspec.Struct]) -> bool:
    """Whether U+0000 may be in a text of these; a backslash before an escape like it may raise a false alarm."""
    return any(
        b"\\u0000" in msgspec.json.encode(events[start : start + _AT_ONCE]) for start in range(0, len(events), _AT_ONCE)
    )


def cleaner(row: type[msgspec.Struct]) -> Callable[[Any], Any]:
    """A function that replaces U+0000, which PostgreSQL's text cannot hold, in the text fields of a row.

    It runs when a row is made, not when it is written, so that later functions see the same row whether it came
    from memory or from the table. Rows made of events that do not ``hold_nul`` need it not.
    """
    names = tuple(column.name for column in columns_of(row) if column.sql == "text")
    lists = tuple(column.name for column in columns_of(row) if column.sql == "text[]")
    texts_of = fields_of(row, names)
    lists_of = fields_of(row, lists)

    def clean(value: Any) -> Any:
        if "\x00" in "".join(filter(None, texts_of(value))):
            changes = {name: text.replace("\x00", _REPLACEMENT) for name in names if (text := getattr(value, name))}
            value = msgspec.structs.replace(value, **changes)
        for texts in lists_of(value):
            if texts and "\x00" in "".join(filter(None, texts)):
                return _clean_lists(value, lists)
        return value

    return clean


def _clean_lists(value: Any, names: Iterable[str]) -> Any:
    changes = {
        name: tuple(text and text.replace("\x00", _REPLACEMENT) for text in texts)
        for name in names
        if (texts := getattr(value, name))
    }
    return msgspec.structs.replace(value, **changes)


def fields_of(row: type[msgspec.Struct], names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function from a row to the tuple of these of its fields."""
    if tuple(names) == row.__struct_fields__:
        return msgspec.structs.astuple
    if len(names) > 1:
        return attrgetter(*names)
    read = [attrgetter(name) for name in names]
    return lambda value: tuple(one(value) for one in read)
