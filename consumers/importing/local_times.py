"""Local times of a source that names no zone, turned into UTC in the zone the caller names.

Twice a year that is a matter of a rule, and each use of it is reported:

* A time that never was, because clocks were put forward over it, is read as if they had not been (02:30 becomes 03:30
  summer time). Minutes stay as far apart as the source wrote them.
* A time that was twice, because clocks were put back, is read as the first of the two. Were it the second, the rows of
  an incident would still come in their order, since effective times never go back.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from domain.moments import in_utc, zone_named

Reader = Callable[[str], datetime]
"""Reads a time as a source writes it, without a zone unless it is written; ``ValueError`` if it is none."""

_REMEMBERED = 100_000
IMPOSSIBLE = "clocks were put forward over it; read as if they had not been"
AMBIGUOUS = "clocks were put back over it; read as the first of the two"


class TimeProblem(msgspec.Struct, frozen=True):
    """A local time that a rule had to decide."""

    row: int
    column: str
    text: str
    kind: Literal["impossible", "ambiguous"]
    read_as: datetime

    @property
    def rule(self) -> str:
        """The rule that was used."""
        return IMPOSSIBLE if self.kind == "impossible" else AMBIGUOUS


class ZoneMissing(ValueError):
    """A time without a zone, where none is known for it."""


class LocalTimes:
    """Reads the times of one zone, ``ValueError`` if there is none; ``problems`` collects what needed a rule.

    ``form`` is what ``read`` expects, in words. Times that are written with a zone of their own keep to that one;
    without a ``zone`` there are no others.
    """

    def __init__(self, zone: str, read: Reader, form: str) -> None:
        try:
            self._zone = zone_named(zone) if zone else None
        except ValueError as fault:
            raise ValueError(f"{zone!r} is no time zone of the IANA database, such as Europe/Lisbon") from fault
        self.zone = zone
        self.problems: list[TimeProblem] = []
        self._reader = read
        self._form = form
        self._known: dict[str, tuple[datetime | None, Literal["", "impossible", "ambiguous"]]] = {}

    def utc(self, text: str, row: int, column: str) -> datetime | None:
        """The moment, or None for an empty cell; raises ``ValueError`` for what is no time."""
        try:
            moment, problem = self._known[text]
        except KeyError:
            moment, problem = self._read(text, column)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = moment, problem
        if problem and moment is not None:
            self.problems.append(TimeProblem(row, column, text, problem, moment))
        return moment

    def _read(self, text: str, column: str) -> tuple[datetime | None, Literal["", "impossible", "ambiguous"]]:
        if not text:
            return None, ""
        try:
            wall = self._reader(text)
            if wall.tzinfo is not None:
                return in_utc(wall), ""
            if self._zone is None:
                raise ZoneMissing(f"{column} says no zone, and none is given for it")
            first = wall.replace(tzinfo=self._zone)
            moment = in_utc(first)
        except ZoneMissing:
            raise
        except (ValueError, OverflowError):
            raise ValueError(f"{column} is no time of the form {self._form}") from None
        if first.utcoffset() == first.replace(fold=1).utcoffset():
            return moment, ""
        came_back = moment.astimezone(self._zone).replace(tzinfo=None) == wall
        return moment, "ambiguous" if came_back else "impossible"
