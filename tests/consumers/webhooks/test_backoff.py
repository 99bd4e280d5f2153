"""When to try again: as the specification shows it, a little more or less, and never before the receiver wants it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.webhooks.backoff import JITTER, SCHEDULE, next_attempt, wish_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NO_WISH = timedelta(0)


def test_ten_attempts_take_three_days():
    delays = [next_attempt(attempt, NOON, NO_WISH, 0.5) for attempt in range(1, 11)]
    assert delays[-1] is None
    assert [moment - NOON for moment in delays[:-1] if moment is not None] == list(SCHEDULE)
    assert timedelta(days=3) < sum(SCHEDULE, timedelta()) < timedelta(days=3.5)


@given(st.integers(1, 9), st.floats(0, 1), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_it_is_a_tenth_more_or_less_and_at_least_what_is_asked_for(attempt, luck, wish):
    moment = next_attempt(attempt, NOON, wish, luck)
    delay = SCHEDULE[attempt - 1]
    assert moment is not None
    assert min(wish, timedelta(days=1)) <= moment - NOON
    assert delay * (1 - JITTER) <= moment - NOON <= max(delay * (1 + JITTER), timedelta(days=1))


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("Mon, 02 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon, 02 Mar 2026 11:00:00 GMT", timedelta(0)),
        ("Mon, 02 Mar 2026 13:05:00 +0100", timedelta(minutes=5)),
        ("-5", timedelta(0)),
        ("1e3", timedelta(0)),
        ("soon", timedelta(0)),
        ("", timedelta(0)),
        ("Mon, 99 Mar 2026 12:05:00 GMT", timedelta(0)),
        ("Mon, 02 Mar 99999999999999999999 12:05:00 GMT", timedelta(0)),
    ],
)
def test_a_wish_is_in_seconds_or_a_date(header, wish):
    assert wish_of(header, NOON) == wish


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} Mar [0-9]{1,30} 12:05:0[0-9]{1,20} [+-][0-9]{1,30}")
)
def test_whatever_is_asked_for_is_a_wish(header):
    assert wish_of(header, NOON) >= NO_WISH
