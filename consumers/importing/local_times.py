"""Local times of a source that names no zone: day first, to the minute, turned into UTC in the zone the caller names.

Twice a year that is a matter of a rule, and each use of it is reported:

* A time that never was, because clocks were put forward over it, is read as if they had not been (02:30 becomes 03:30
  summer time). Minutes stay as far apart as the source wrote them.
* A time that was twice, because clocks were put back, is read as the first of the two. Were it the second, the rows of
  an incident would still come in their order, since effective times never go back.
"""

import re
from datetime import UTC, datetime
from typing import Literal

import msgspec

from consumers.importing import layout as at
from domain.moments import zone_named

_WRITTEN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})", re.ASCII)
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


class LocalTimes:
    """Reads the times of one zone, ``ValueError`` if there is none; ``problems`` collects what needed a rule."""

    def __init__(self, zone: str) -> None:
        try:
            self._zone = zone_named(zone)
        except ValueError as fault:
            raise ValueError(f"{zone!r} is no time zone of the IANA database, such as Europe/Lisbon") from fault
        self.zone = zone
        self.problems: list[TimeProblem] = []
        self._known: dict[str, tuple[datetime | None, Literal["", "impossible", "ambiguous"]]] = {}

    def utc(self, text: str, row: int, column: int) -> datetime | None:
        """The moment, or None for an empty cell; raises ``ValueError`` for what is no time."""
        try:
            moment, problem = self._known[text]
        except KeyError:
            try:
                moment, problem = self._known[text] = self._read(text)
            except ValueError:
                raise ValueError(f"{at.COLUMNS[column]} is no time of the form day/month/year hour:minute") from None
        if problem and moment is not None:
            self.problems.append(TimeProblem(row, at.COLUMNS[column], text, problem, moment))
        return moment

    def _read(self, text: str) -> tuple[datetime | None, Literal["", "impossible", "ambiguous"]]:
        if not text:
            return None, ""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(text)
        day, month, year, hour, minute = map(int, written.groups())
        wall = datetime(year, month, day, hour, minute)  # noqa: DTZ001  the zone is put in on the next line
        first = wall.replace(tzinfo=self._zone)
        moment = first.astimezone(UTC)
        if first.utcoffset() == first.replace(fold=1).utcoffset():
            return moment, ""
        came_back = moment.astimezone(self._zone).replace(tzinfo=None) == wall
        return moment, "ambiguous" if came_back else "impossible"
