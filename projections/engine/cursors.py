"""Cursors: where a list goes on, as a text that its reader need not understand and may have changed.

A cursor names the last row shown by what the list is sorted by. What comes back is checked before the database sees it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import TypeVar

import msgspec

from domain.errors import NotUnderstood
from domain.moments import in_utc

T = TypeVar("T")

NEVER = "infinity"
"""The place of what has no time: after everything."""


class CursorNotValid(NotUnderstood):
    """The cursor does not belong to this list."""


def cursor_at(place: tuple[object, ...]) -> str:
    """The cursor that goes on after this place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, kind: type[T]) -> T:
    """The place that a cursor names; raises CursorNotValid unless it is one of this kind."""
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorNotValid from error


def instant(text: str) -> datetime | str:
    """The time in a place; NEVER is one."""
    if text == NEVER:
        return NEVER
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise CursorNotValid
        return in_utc(found)
    except ValueError as error:
        raise CursorNotValid from error


def number(given: int | str) -> int:
    """The number in a place, within what the database can compare."""
    try:
        found = int(given)
    except ValueError as error:
        raise CursorNotValid from error
    if abs(found) >= 2**63:
        raise CursorNotValid
    return found
