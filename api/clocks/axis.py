"""The time axis of a picture: which instant lies where, and what is written under it.

Hours in which no lane is open are drawn narrower, so that a night does not push the working day aside; they never take
more than a share of the width. Positions grow with time all the same, so nothing that happens at night is lost. Labels
are what the wall of the zone shows, on either side of a change of its clocks.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from api.clocks.svg import width_of

Span = tuple[datetime, datetime]

CLOSED_SHARE = 0.25
_APART_PX = 42.0
_BESIDE_PX = 16.0
_MOST_TICKS = 600
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_DAY = timedelta(days=1)


class Tick(Struct, frozen=True):
    """A line at ``x``; ``label`` is empty where there is no room for one."""

    x: float
    label: str


class Axis:
    """[start, end] on the pixels from ``left`` to ``right``; ``closed`` are disjoint spans in order."""

    def __init__(
        self, start: datetime, end: datetime, closed: Sequence[Span], zone: ZoneInfo, left: float, right: float
    ) -> None:
        self.start, self.end, self.zone = start, end, zone
        self.left, self.right = left, right
        self._closed = [(max(a, start), min(b, end)) for a, b in closed if a < end and b > start]
        if self._closed == [(start, end)]:
            self._closed = []
        self.narrows = False
        self._knots = self._weigh()

    def x(self, instant: datetime) -> float:
        """Where an instant lies; one outside the axis lies at its end."""
        instant = min(max(instant, self.start), self.end)
        index = max(1, min(bisect_right(self._knots, (instant, float("inf"))), len(self._knots) - 1))
        (a, low), (b, high) = self._knots[index - 1], self._knots[index]
        return low + (high - low) * ((instant - a) / (b - a))

    def ticks(self) -> tuple[list[Tick], list[Tick]]:
        """Lines for times of day with a line for each date, or lines for dates alone when that is too close."""
        for step in _MINUTES:
            if (self.end - self.start) / timedelta(minutes=step) <= _MOST_TICKS:
                times = [instant for instant in self._times(step) if not self._is_closed(instant)]
                positions = [self.x(instant) for instant in times]
                if all(b - a >= _APART_PX for a, b in pairwise(positions)):
                    labels = [f"{instant.astimezone(self.zone):%H:%M}" for instant in times]
                    return self._placed(positions, labels, centred=True), self._dated(
                        list(self._midnights()), "%a %-d %b"
                    )
        for every, pattern in (("day", "%a %-d %b"), ("week", "%-d %b"), ("month", "%b %Y"), ("year", "%Y")):
            marks = [
                midnight for midnight in self._midnights() if _begins(every, midnight.astimezone(self.zone).date())
            ]
            if len(marks) * _APART_PX <= self.right - self.left:
                return [], self._dated(marks, pattern)
        return [], []

    def offsets(self) -> str:
        """How far the zone is from UTC, and from which date on if that changes."""
        days = [self.start, *self._midnights(), self.end]
        found = [f"UTC{_offset(self.start.astimezone(self.zone))}"]
        for before, after in pairwise(days):
            local = after.astimezone(self.zone)
            if before.astimezone(self.zone).utcoffset() != local.utcoffset():
                changed = before.astimezone(self.zone)
                found.append(f"UTC{_offset(local)} from {changed:%a %-d %b}")
        return ", ".join(found) if len(found) <= 4 else f"{found[0]} at first, with its changes of clocks"

    def _weigh(self) -> list[tuple[datetime, float]]:
        """The points between which positions are proportional to time."""
        closed = sum((b - a for a, b in self._closed), timedelta())
        opened = self.end - self.start - closed
        weight = min(1.0, CLOSED_SHARE / (1 - CLOSED_SHARE) * (opened / closed)) if closed else 1.0
        self.narrows = weight < 1
        scale = (self.right - self.left) / (opened / _DAY + weight * (closed / _DAY))
        knots, position = [(self.start, self.left)], self.left
        for a, b in self._closed:
            if a > knots[-1][0]:
                position += scale * ((a - knots[-1][0]) / _DAY)
                knots.append((a, position))
            position += scale * weight * ((b - a) / _DAY)
            knots.append((b, position))
        if self.end > knots[-1][0]:
            knots.append((self.end, position + scale * ((self.end - knots[-1][0]) / _DAY)))
        return knots

    def _is_closed(self, instant: datetime) -> bool:
        index = bisect_right(self._closed, (instant, datetime.max.replace(tzinfo=UTC))) - 1
        return index >= 0 and instant < self._closed[index][1]

    def _dates(self) -> Iterator[date]:
        day, last = self.start.astimezone(self.zone).date(), self.end.astimezone(self.zone).date()
        while day <= last:
            yield day
            day += _DAY

    def _times(self, step: int) -> Iterator[datetime]:
        """The times of day that are multiples of ``step`` minutes; each as often as the wall shows it."""
        for day in self._dates():
            for minute in range(0, 1440, step):
                wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
                shown = {wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
                for instant in sorted(shown):
                    there = instant.astimezone(self.zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
                    if there and self.start <= instant <= self.end:
                        yield instant

    def _midnights(self) -> Iterator[datetime]:
        """The beginning of each date within the axis; of the first date, where the axis begins."""
        for day in self._dates():
            midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
            if midnight <= self.end:
                yield max(midnight, self.start)

    def _dated(self, marks: list[datetime], pattern: str) -> list[Tick]:
        labels = [f"{instant.astimezone(self.zone):{pattern}}" for instant in marks]
        if labels and "%Y" not in pattern:
            labels[0] += f"{marks[0].astimezone(self.zone): %Y}"
        return self._placed([self.x(instant) for instant in marks], labels)

    def _placed(self, positions: list[float], labels: list[str], *, centred: bool = False) -> list[Tick]:
        """Ticks whose labels do not run into each other, nor out of the picture."""
        found, free = [], self.left - _BESIDE_PX
        for x, label in zip(positions, labels, strict=True):
            wide = width_of(label)
            begins = x - wide / 2 if centred else x
            fits = begins >= free and begins + wide <= self.right + _BESIDE_PX
            found.append(Tick(x, label if fits else ""))
            free = begins + wide + 8 if fits else free
        return found


def overlap(spans: Sequence[Sequence[Span]]) -> list[Span]:
    """What all of several lists of disjoint, ordered spans have in common."""
    common = list(spans[0]) if spans else []
    for other in spans[1:]:
        shared, i, j = [], 0, 0
        while i < len(common) and j < len(other):
            a, b = max(common[i][0], other[j][0]), min(common[i][1], other[j][1])
            if a < b:
                shared.append((a, b))
            if common[i][1] < other[j][1]:
                i += 1
            else:
                j += 1
        common = shared
    return common


def _offset(local: datetime) -> str:
    return local.replace(microsecond=0).isoformat()[19:]


def _begins(every: str, day: date) -> bool:
    """Whether a day, week, month or year begins on this date."""
    if every == "week":
        return day.weekday() == 0
    return every == "day" or (day.day == 1 and (every == "month" or day.month == 1))
