"""What an export says of an event: a readable activity, and its own fields as typed attributes; nothing personal.

Personal fields are left out by their mark, and the seals of the others are never opened, so that no export can tell
what a person wrote or is called, whoever runs it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from domain.envelope import EVENT_TYPES, Event, personal_fields
from domain.ticket.events import AttachmentAdded, TicketEvent, TicketImported

Kind = Literal["string", "time", "integer", "float", "boolean"]
"""The types of attributes, by the names that OCEL has for them."""

_ENVELOPE = frozenset(Event.__struct_fields__)
_TOO_LONG: dict[type[Event], frozenset[str]] = {
    TicketImported: frozenset({"updates"}),
    AttachmentAdded: frozenset({"chunks"}),
}
"""Fields that repeat the rows of a source, or the parts of a file, hundreds of them in one event."""


class Attribute(NamedTuple):
    """A named value; times are aware, whatever is no scalar is compact JSON."""

    name: str
    kind: Kind
    value: str | int | float | bool | datetime


class Field(NamedTuple):
    """A field of an event type as an attribute; a duration is in seconds and named so."""

    field: str
    name: str
    kind: Kind


def ticket_types() -> list[type[TicketEvent]]:
    """Every type of event that a ticket can have, by name."""
    return [kind for _, kind in sorted(EVENT_TYPES.items()) if issubclass(kind, TicketEvent)]


@cache
def activity(kind: type[Event]) -> str:
    """The fact of an event type in words: ``ticket.put-on-hold.v1`` is "put on hold".

    What is not the ticket's own has its kind before it: ``sla.breached.v1`` is "sla breached".
    The version is left out, so that the facts before and after a change of the event's form are one activity.
    """
    stream, fact, _ = kind.TYPE.split(".")
    words = fact.replace("-", " ")
    return words if stream == "ticket" else f"{stream} {words}"


@cache
def fields_of(kind: type[Event]) -> tuple[Field, ...]:
    """The fields of an event type that an export tells."""
    hints = get_type_hints(kind)
    left_out = _ENVELOPE | set(personal_fields(kind)) | _TOO_LONG.get(kind, frozenset())
    return tuple(_field(name, hints[name]) for name in kind.__struct_fields__ if name not in left_out)


def attributes(event: Event) -> Iterator[Attribute]:
    """What an event says, without what is empty."""
    for field, name, kind in fields_of(type(event)):
        value = getattr(event, field)
        if value is not None and value not in ("", (), {}):
            yield Attribute(name, kind, _plain(value))


def _field(name: str, hint: Any) -> Field:
    members = [member for member in get_args(hint) if member is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(members) == 1:
        hint = members[0]
    if get_origin(hint) is Literal:
        hint = type(get_args(hint)[0])
    if hint is timedelta:
        return Field(name, f"{name}_seconds", "float")
    kinds: dict[Any, Kind] = {bool: "boolean", int: "integer", float: "float", datetime: "time"}
    return Field(name, name, kinds.get(hint, "string"))


def written(value: str | int | float | bool | datetime) -> str:
    """A value as both formats write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return str(value)


def _plain(value: Any) -> str | int | float | bool | datetime:
    if isinstance(value, str | bool | int | float | datetime):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    return msgspec.json.encode(value, order="deterministic").decode()
