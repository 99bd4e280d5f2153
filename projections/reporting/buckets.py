"""The periods figures are counted in: hours to years by the wall clock of a time zone, as instants on the UTC line.

Worked out here rather than with date_trunc, so that a day of a daylight-saving change has its 23 or 25 hours, an hour
that is repeated is two hours, and one that clocks go back into halfway (Lord Howe Island) has ninety minutes.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import NotUnderstood

Bucket = Literal["hour", "day", "week", "month", "quarter", "year"]
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)

MOST = 20_000
"""A figure in more buckets than this is a slip: two years of hours fit."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class TooManyBuckets(NotUnderstood):
    """The period holds too many buckets; ask for a shorter one, or for larger buckets."""


class ZoneNotKnown(NotUnderstood):
    """There is no such time zone."""


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone of that name, or ZoneNotKnown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ZoneNotKnown(field="zone") from None


def starts(since: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo) -> list[datetime]:
    """When each bucket begins that shares time with [since, until), in UTC; the first may begin before ``since``."""
    found: list[datetime] = []
    start = _start_of(since.astimezone(zone), bucket)
    while start < until:
        if len(found) == MOST:
            raise TooManyBuckets(limit=MOST)
        found.append(start)
        start = _next_after(start.astimezone(zone), bucket)
    return found


def _start_of(local: datetime, bucket: Bucket) -> datetime:
    """The start of the bucket that holds a moment."""
    if bucket == "hour":
        floor = local.replace(minute=0, second=0, microsecond=0, fold=0)
        return max(start for start in _times(floor) if start <= _utc(local))
    return _utc(_floor(local.replace(fold=0), bucket))


def _floor(local: datetime, bucket: Bucket) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == "week":
        return day - day.weekday() * _DAY
    if bucket == "month":
        return day.replace(day=1)
    if bucket == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if bucket == "year":
        return day.replace(month=1, day=1)
    return day


def _next_after(local: datetime, bucket: Bucket) -> datetime:
    """The start of the bucket after the one that begins at ``local``."""
    if bucket == "hour":
        floor = local.replace(minute=0, second=0, microsecond=0, fold=0)
        return min(start for start in (*_times(floor), *_times(floor + _HOUR)) if start > _utc(local))
    floor = _floor(local.replace(fold=0), bucket)
    reach = {"day": 1, "week": 7, "month": 31, "quarter": 93, "year": 366}[bucket]
    return _utc(_floor(floor + reach * _DAY, bucket))


def _utc(local: datetime) -> datetime:
    return local.astimezone(UTC)


def _times(wall: datetime) -> tuple[datetime, ...]:
    """When a clock on the wall shows this: once, or twice where it is set back; where it leaps, when it does."""
    first, second = _utc(wall.replace(fold=0)), _utc(wall.replace(fold=1))
    return (first, second) if second > first else (first,)
