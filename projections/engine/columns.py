"""From the fields of a row type to columns, and from values to what COPY takes.

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
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
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


class Column(NamedTuple):
    """One column of a row: its SQL type, and how its values travel where psycopg's own way does not fit."""

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
        return Column(name, _SCALARS[hint], nullable, personal, None, None)
    if get_origin(hint) is tuple and get_args(hint)[1:] == (...,) and get_args(hint)[0] in _SCALARS:
        return Column(name, f"{_SCALARS[get_args(hint)[0]]}[]", nullable, personal, array_text, tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        # PostgreSQL hands jsonb over as plain objects, so that nothing depends on the settings of a connection.
        return Column(name, "jsonb", nullable, personal, json_text, partial(msgspec.convert, type=hint))
    if hint is Any or hint is dict or get_origin(hint) is dict:
        return Column(name, "jsonb", nullable, personal, json_text, None)
    raise TypeError(f"{row.__name__}.{name}: no column type for {hint!r}")


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


def cleaner(row: type[msgspec.Struct]) -> Callable[[Any], Any]:
    """A function that replaces U+0000, which PostgreSQL's text cannot hold, in the text fields of a row.

    It runs when a row is made, not when it is written, so that later functions see the same row whether it came
    from memory or from the table.
    """
    names = tuple(column.name for column in columns_of(row) if column.sql == "text")
    lists = tuple(column.name for column in columns_of(row) if column.sql == "text[]")

    def clean(value: Any) -> Any:
        for name in names:
            text = getattr(value, name)
            if text and "\x00" in text:
                value = msgspec.structs.replace(value, **{name: text.replace("\x00", _REPLACEMENT)})
        for name in lists:
            texts = getattr(value, name)
            if texts and any("\x00" in text for text in texts):
                value = msgspec.structs.replace(
                    value, **{name: tuple(text.replace("\x00", _REPLACEMENT) for text in texts)}
                )
        return value

    return clean
