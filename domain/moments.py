"""Instants as people and programs write them: RFC 3339 with a zone, in years that can be reckoned with; UTC inside.

And the zones themselves, by name.
"""

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

FIRST, LAST = 1900, 9000
"""Years beyond which arithmetic with zones leaves the calendar."""

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


def read(text: str) -> datetime:
    """The instant that a text names, with the zone it states or none; ValueError if it is not RFC 3339.

    Readers of numbers would take "2026" for half an hour past midnight in 1970.
    """
    if not _WRITTEN.fullmatch(text):
        raise ValueError("must be a time as RFC 3339 has it")
    return datetime.fromisoformat(text.upper())


def in_utc(moment: datetime) -> datetime:
    """The same instant in UTC; ValueError outside the years that can be reckoned with."""
    if not FIRST <= moment.year <= LAST:
        raise PydanticCustomError("datetime_out_of_range", f"must lie between the years {FIRST} and {LAST}")
    return moment.astimezone(UTC)


def zone_named(name: str) -> ZoneInfo:
    """The time zone of this name; ValueError for a name that the IANA database does not have.

    Machines know more names, such as ``localtime``, which are another zone on each of them.
    """
    if name not in _zones():
        raise ValueError(f"zone: {name!r} is not a known IANA time zone")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


def _read(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return read(given)
    except ValueError:
        raise PydanticCustomError("datetime_parsing", "must be a time as RFC 3339 has it") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_read), AfterValidator(in_utc)]
"""An instant, written with a zone."""
