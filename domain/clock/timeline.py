"""Opening hours laid out on the UTC line, in whole microseconds.

The rule that decides every odd case: **an instant is open when the clock on the wall, in the calendar's zone,
shows a time inside an opening of the date on the wall.** So an hour that is skipped in spring does not exist
and is not counted, an hour that is repeated in autumn counts twice, and a date that a zone skips altogether
has no openings at all. No edge has to be placed by choosing a `fold`: a stretch of constant UTC offset is cut
out first, and within it local and UTC time differ by a constant.

The line is kept in blocks of 2**43 microseconds (about 102 days), each with the prefix sums of its open time:
a question costs two binary searches per call, whatever number of years lies between its ends.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)

# Nobody waits a century for an answer: a search that goes further says that there is none.
HORIZON_BLOCKS = 360

_SHIFT = 43
_BLOCK = 1 << _SHIFT
_KEPT_BLOCKS = 256
_FIRST = (datetime(2, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
_LAST = (datetime(9998, 12, 31, tzinfo=UTC) - EPOCH) // _MICROSECOND
# Shorter than the time between any two changes of one zone's offset, so that sampling sees every change.
_SAMPLE = DAY // 2


class Piece(NamedTuple):
    """One half-open stretch [start, end) of UTC microseconds."""

    start: int
    end: int


class DayPiece(NamedTuple):
    """The part of the UTC line on which the wall shows one date at one offset; `day` counts from 1970-01-01."""

    day: int
    start: int
    end: int
    offset: int


def to_line(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a naive datetime is a ValueError, since it names no instant."""
    if instant.tzinfo is None:
        raise ValueError(f"instant: {instant.isoformat()} has no time zone")
    passed = instant - EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds


def micros(length: timedelta) -> int:
    """A length in microseconds, exactly."""
    return (length.days * 86_400 + length.seconds) * SECOND + length.microseconds


def length_of(microseconds: int) -> timedelta:
    """So many microseconds; multiplied, since ``timedelta(microseconds=…)`` takes several times as long."""
    return microseconds * _MICROSECOND


def from_line(point: int) -> datetime:
    """The aware UTC datetime of a point on the line."""
    return EPOCH + length_of(point)


class Block(NamedTuple):
    """The open pieces of one block, in order, with the open time before and up to the end of each."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    after: list[int]

    @property
    def total(self) -> int:
        return self.after[-1] if self.after else 0

    def open_until(self, point: int) -> int:
        """Open microseconds from the start of the block to `point`."""
        index = bisect_right(self.starts, point) - 1
        if index < 0:
            return 0
        return self.before[index] + min(point, self.ends[index]) - self.starts[index]


class Timeline:
    """The open pieces of one calendar; `openings(day)` gives the (start, end) microseconds of a local date."""

    def __init__(self, zone: str, openings: Callable[[int], tuple[tuple[int, int], ...]]) -> None:
        self._zone = zone
        self._openings = openings
        self._blocks: dict[int, Block] = {}
        self._totals: dict[int, int] = {}

    def open_between(self, start: int, end: int) -> int:
        """Length of [start, end) that is open; 0 when end is not after start."""
        if end <= start:
            return 0
        first, last = start >> _SHIFT, end >> _SHIFT
        head = self._block(first)
        if first == last:
            return head.open_until(end) - head.open_until(start)
        between = sum(self._total(index) for index in range(first + 1, last))
        return head.total - head.open_until(start) + between + self._block(last).open_until(end)

    def reach(self, start: int, length: int) -> int | None:
        """The earliest point x with open_between(start, x) = length; None when there is none within the horizon."""
        return self.ahead(start, (length,))[0]

    def ahead(self, start: int, lengths: Sequence[int]) -> list[int | None]:
        """`reach` for several lengths in ascending order, for little more than the price of one."""
        first = index = start >> _SHIFT
        block = self._block(first)
        base, total = block.open_until(start), block.total
        points: list[int | None] = []
        for length in lengths:
            while base + length > total and index < first + HORIZON_BLOCKS:
                index += 1
                base -= total
                total = self._total(index)
            if length <= 0:
                points.append(start)
            elif base + length > total:
                points.append(None)
            else:
                block = self._block(index)
                found = bisect_left(block.after, base + length)
                points.append(block.starts[found] + base + length - block.before[found])
        return points

    def next_open(self, point: int) -> int | None:
        """`point` when it is open, else the start of the next opening; None when none is within the horizon."""
        first = point >> _SHIFT
        for index in range(first, first + HORIZON_BLOCKS):
            block = self._block(index)
            found = bisect_right(block.ends, point)
            if found < len(block.ends):
                return max(point, block.starts[found])
        return None

    def pieces(self, start: int, end: int) -> list[Piece]:
        """The open pieces of [start, end), clipped to it; pieces that touch are one."""
        found: list[Piece] = []
        for index in range(start >> _SHIFT, (end >> _SHIFT) + 1):
            block = self._block(index)
            for number in range(bisect_right(block.ends, start), bisect_left(block.starts, end)):
                piece = Piece(max(start, block.starts[number]), min(end, block.ends[number]))
                if found and found[-1].end == piece.start:
                    piece = Piece(found.pop().start, piece.end)
                found.append(piece)
        return found

    def days(self, start: int, end: int) -> Iterator[DayPiece]:
        """[start, end) cut where the date on the wall or the offset changes; a skipped date does not appear."""
        for index in range(start >> _SHIFT, (end >> _SHIFT) + 1):
            yield from _days(self._zone, index, start, end)

    def _total(self, index: int) -> int:
        total = self._totals.get(index)
        return self._block(index).total if total is None else total

    def _block(self, index: int) -> Block:
        block = self._blocks.get(index)
        return self._build(index) if block is None else block

    def _build(self, index: int) -> Block:
        block = Block([], [], [], [])
        open_time = 0
        for day, start, end, offset in _days(self._zone, index, _FIRST, _LAST):
            midnight = day * DAY - offset
            for opens, closes in self._openings(day):
                lower, upper = max(start, midnight + opens), min(end, midnight + closes)
                if lower >= upper:
                    continue
                if block.ends and block.ends[-1] == lower:
                    block.ends[-1] = upper
                    block.after[-1] += upper - lower
                else:
                    block.starts.append(lower)
                    block.ends.append(upper)
                    block.before.append(open_time)
                    block.after.append(open_time + upper - lower)
                open_time += upper - lower
        if len(self._blocks) >= _KEPT_BLOCKS:
            # The oldest half goes; several threads may do so at once.
            for oldest in list(self._blocks)[: _KEPT_BLOCKS // 2]:
                self._blocks.pop(oldest, None)
        self._blocks[index] = block
        self._totals[index] = open_time
        return block


def _days(zone: str, index: int, start: int, end: int) -> Iterator[DayPiece]:
    """The days of one block within [start, end), in the order in which the wall shows them."""
    for begun, ended, offset in _offsets(zone, index):
        lower, upper = max(begun, start), min(ended, end)
        if lower >= upper:
            continue
        for day in range((lower + offset) // DAY, (upper - 1 + offset) // DAY + 1):
            midnight = day * DAY - offset
            yield DayPiece(day, max(lower, midnight), min(upper, midnight + DAY), offset)


@lru_cache(maxsize=8192)
def _offsets(zone: str, index: int) -> tuple[tuple[int, int, int], ...]:
    """The stretches (start, end, UTC offset) of constant offset that make up one block.

    `zoneinfo` does not show its table of changes, so it is sampled, and each change is found by bisection.
    """
    start, end = max(index << _SHIFT, _FIRST), min((index + 1) << _SHIFT, _LAST)
    if start >= end:
        return ()
    stretches: list[tuple[int, int, int]] = []
    known = ZoneInfo(zone)
    begun, offset, seen = start, _offset(known, start), start
    while seen < end:
        ahead = min(seen + _SAMPLE, end)
        changed = _offset(known, ahead)
        if changed != offset:
            change = _change(known, seen, ahead)
            stretches.append((begun, change, offset))
            begun, offset = change, changed
        seen = ahead
    if begun < end:
        stretches.append((begun, end, offset))
    return tuple(stretches)


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The point in (before, after] at which the offset changes; changes fall on whole seconds."""
    low, high = before // SECOND, after // SECOND
    old = _offset(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle * SECOND) == old:
            low = middle
        else:
            high = middle
    return high * SECOND


def _offset(zone: ZoneInfo, point: int) -> int:
    offset = from_line(point).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND
