"""When a message that was not taken is sent again: after seconds at first, after a day at last, for about three days.

The delays are those that the Standard Webhooks specification shows. A receiver may ask for more time, never for less.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SCHEDULE: Sequence[timedelta] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""What lies between an attempt and the next one; after the last there is none."""

JITTER = 0.1
"""The share by which a delay is longer or shorter, so that what failed together does not come together again."""

LONGEST_WISH = timedelta(days=1)


def next_attempt(
    attempt: int, failed_at: datetime, wish: timedelta, luck: float, schedule: Sequence[timedelta] = SCHEDULE
) -> datetime | None:
    """When to try again after the ``attempt``-th (from 1) has failed; None: not any more.

    ``wish`` is for how long the receiver wants to be left alone; ``luck`` is drawn from 0 to 1.
    """
    if attempt > len(schedule):
        return None
    delay = schedule[attempt - 1] * (1 + JITTER * (2 * luck - 1))
    return failed_at + max(delay, min(wish, LONGEST_WISH))


def wish_of(retry_after: str, now: datetime) -> timedelta:
    """What a header Retry-After asks for, in seconds or as a date; nothing if it is not understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), int(LONGEST_WISH.total_seconds())))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta(0)
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return max(until - now, timedelta(0))
