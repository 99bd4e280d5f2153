"""Business calendars: which instants count, and how much of them lies between two others.

A calendar is a value with a version; a changed calendar is another value. All arithmetic is on the UTC line with
microsecond exactness; see `timeline.py` for what an opening means in an hour that is skipped or repeated.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from domain.clock.timeline import DAY, EPOCH_ORDINAL, MINUTE, Timeline, from_line, length_of, micros, to_line

Opening = tuple[int, int]
"""Local wall-clock minutes of one day, [start, end): 0 ≤ start < end ≤ 1440."""

Openings = tuple[Opening, ...]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ROUND_THE_CLOCK: tuple[Openings, ...] = (((0, 1440),),) * 7


class NeverReached(ValueError):
    """The calendar does not hold that much business time within the next century."""


class Why(StrEnum):
    """Why an interval is open or closed."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    SPECIAL_DAY = "special_day"


class Interval(Struct, frozen=True):
    """[start, end) in UTC, open or closed for one reason; `detail` names the holiday, or dates the special day."""

    start: datetime
    end: datetime
    why: Why
    detail: str = ""

    @property
    def open(self) -> bool:
        return self.why is Why.OPEN

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Calendar(Struct, frozen=True, dict=True):
    """A week of openings in one time zone, and the dates that differ from it.

    `weekly` has seven entries, Monday first. A holiday (date → name) is closed all day. A special day has the
    openings given for it (none: closed), whatever its weekday or holiday says. Raises ValueError naming the field.
    """

    name: str
    version: int
    zone: str
    weekly: tuple[Openings, ...]
    holidays: dict[date, str] = {}
    special: dict[date, Openings] = {}

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name: a calendar needs a name")
        if self.version < 1:
            raise ValueError(f"version: {self.version} is not a positive number")
        _zone(self.zone)
        if len(self.weekly) != len(WEEKDAYS):
            raise ValueError(f"weekly: needs an entry for each of seven days, Monday first, not {len(self.weekly)}")
        for weekday, openings in zip(WEEKDAYS, self.weekly, strict=True):
            check_openings(f"weekly.{weekday}", openings)
        if not any(self.weekly):
            raise ValueError("weekly: a calendar must open at least once a week")
        for day, openings in self.special.items():
            check_openings(f"special.{day.isoformat()}", openings)

    def business_time(self, a: datetime, b: datetime) -> timedelta:
        """The open time in [a, b); zero when b is not after a."""
        return length_of(self._line.open_between(to_line(a), to_line(b)))

    def add_business_time(self, a: datetime, length: timedelta) -> datetime:
        """The earliest instant x ≥ a with business_time(a, x) = length: a itself for zero, and closing time rather
        than the next opening. Raises NeverReached beyond a century, ValueError for a negative length."""
        reached = self.reach(a, length)
        if reached is None:
            raise NeverReached(f"calendar {self.name!r} has no {length} of business time in the century after {a}")
        return reached

    def reach(self, a: datetime, length: timedelta) -> datetime | None:
        """As `add_business_time`, with None for what is never reached."""
        if length < timedelta():
            raise ValueError(f"length: {length} is negative")
        if not length:
            return a.astimezone(UTC)
        point = self._line.reach(to_line(a), micros(length))
        return None if point is None else from_line(point)

    def ahead(self, a: datetime, lengths: Sequence[timedelta]) -> list[datetime | None]:
        """`reach` for several lengths in ascending order, none negative."""
        points = self._line.ahead(to_line(a), [micros(length) for length in lengths])
        return [None if point is None else from_line(point) for point in points]

    def next_open(self, a: datetime) -> datetime | None:
        """The first open instant at or after a; None when there is none within a century."""
        point = self._line.next_open(to_line(a))
        return None if point is None else from_line(point)

    def intervals(self, a: datetime, b: datetime) -> tuple[Interval, ...]:
        """[a, b) as open intervals and the gaps between them, in order and without holes.

        Neighbours closed for the same reason are one: a weekend is one gap from Friday's closing to Monday's opening.
        """
        start, end = to_line(a), to_line(b)
        found: list[Interval] = []
        at = start
        for piece in self._line.pieces(start, end):
            self._close(found, at, piece.start)
            found.append(Interval(from_line(piece.start), from_line(piece.end), Why.OPEN))
            at = piece.end
        self._close(found, at, end)
        return tuple(found)

    def business_days(self, a: datetime, days: int) -> timedelta | None:
        """How much business time "`days` business days from a" is; None when never reached.

        A business day is a date on which the calendar opens. The count begins at a, or at the next opening when a is
        closed; its end is the same time on the wall, `days` business days later; what is open in between is the
        length. So from Monday 10:00 one day ends Tuesday 10:00 and two end Wednesday 10:00; from Saturday, or from
        Monday before opening, one day is the whole of Monday; from Thursday 16:00 with a Friday that closes at
        12:00, one day ends Friday 12:00, for a short day is a day. Times on the wall that the last date does not
        have (skipped hour) end with the gap; of a repeated hour the first pass counts.
        Being a length, it can be paused, compared and explained like any other.
        """
        if days < 1:
            raise ValueError(f"days: {days} is not a positive number")
        begun = self._line.next_open(to_line(a))
        if begun is None:
            return None
        first = next(self._line.days(begun, begun + 1))
        wall = begun + first.offset - first.day * DAY
        last, left = first.day, days
        for piece in self._line.days(begun, begun + (days + 366) * 8 * DAY):
            if piece.day > last and not left:
                # The wall went past midnight before it showed the time.
                return length_of(self._line.open_between(begun, piece.start))
            if piece.day > last and self._line.open_between(piece.start, piece.end):
                left, last = left - 1, piece.day
            if not left and piece.end + piece.offset - piece.day * DAY > wall:
                target = max(piece.start, piece.day * DAY + wall - piece.offset)
                return length_of(self._line.open_between(begun, target))
        return None

    def openings_on(self, day: date) -> Openings:
        """The openings of a local date: the special day's, none on a holiday, else the weekday's."""
        if day in self.special:
            return self.special[day]
        return () if day in self.holidays else self.weekly[day.weekday()]

    def _close(self, found: list[Interval], start: int, end: int) -> None:
        """Append the closed [start, end), cut by reason."""
        for piece in self._line.days(start, end) if start < end else ():
            why, detail = self._why_closed(date.fromordinal(piece.day + EPOCH_ORDINAL))
            gap = Interval(from_line(piece.start), from_line(piece.end), why, detail)
            if found and (found[-1].why, found[-1].detail) == (why, detail):
                gap = Interval(found.pop().start, gap.end, why, detail)
            found.append(gap)

    def _why_closed(self, day: date) -> tuple[Why, str]:
        if day in self.special:
            return Why.SPECIAL_DAY, day.isoformat()
        if day in self.holidays:
            return Why.HOLIDAY, self.holidays[day] or day.isoformat()
        return Why.CLOSED, ""

    @cached_property
    def _line(self) -> Timeline:
        """Shared between equal calendars, so that a calendar read anew for each question costs one hash."""
        special = tuple(sorted(self.special.items()))
        return _timeline(self.zone, self.weekly, tuple(sorted(self.holidays)), special)


def check_openings(field: str, openings: Openings) -> None:
    """Raise ValueError, naming the field, unless the openings lie within the day and do not overlap."""
    latest = 0
    for start, end in openings:
        if start < 0 or end > 1440:
            raise ValueError(f"{field}: {_shown(start)}–{_shown(end)} is not within 00:00–24:00")
        if start >= end:
            raise ValueError(f"{field}: {_shown(start)}–{_shown(end)} does not start before it ends")
    for start, end in sorted(openings):
        if start < latest:
            raise ValueError(f"{field}: {_shown(start)}–{_shown(end)} overlaps the opening before it")
        latest = end


def minute_of_day(field: str, text: str) -> int:
    """Minutes of a time of day from "00:00" to "24:00"; ValueError, naming the field, for anything else."""
    hours, _, minutes = text.partition(":")
    if len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit():
        minute = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and minute <= 1440:
            return minute
    raise ValueError(f"{field}: {text!r} is not a time between 00:00 and 24:00")


def _shown(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}" if minute >= 0 else f"{minute} min"


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"zone: {name!r} is not a known IANA time zone") from None


@lru_cache(maxsize=64)
def _timeline(
    zone: str,
    weekly: tuple[Openings, ...],
    holidays: tuple[date, ...],
    special: tuple[tuple[date, Openings], ...],
) -> Timeline:
    def scaled(openings: Openings) -> tuple[tuple[int, int], ...]:
        return tuple((start * MINUTE, end * MINUTE) for start, end in sorted(openings))

    week = tuple(scaled(openings) for openings in weekly)
    differing: dict[int, tuple[tuple[int, int], ...]] = {day.toordinal() - EPOCH_ORDINAL: () for day in holidays}
    differing.update((day.toordinal() - EPOCH_ORDINAL, scaled(openings)) for day, openings in special)

    def openings(day: int) -> tuple[tuple[int, int], ...]:
        known = differing.get(day)
        # 1970-01-01 was a Thursday.
        return week[(day + 3) % 7] if known is None else known

    return Timeline(zone, openings)
