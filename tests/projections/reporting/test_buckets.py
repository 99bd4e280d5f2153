"""Buckets follow the wall clock, also where it is set forward or back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.reporting.buckets import BUCKETS, Bucket, TooManyBuckets, ZoneNotKnown, starts, zone_named

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "America/Sao_Paulo", "Asia/Kathmandu")


def walls(since: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo) -> list[str]:
    return [f"{start.astimezone(zone):%m-%d %H:%M%z}" for start in starts(since, until, bucket, zone)]


def test_the_days_of_a_change_are_23_and_25_hours_long() -> None:
    for month, day, hours in ((3, 29, 23), (10, 25, 25), (6, 1, 24)):
        noon = datetime(2026, month, day, 12, tzinfo=BERLIN)
        first, second = starts(noon, noon + timedelta(days=1), "day", BERLIN)
        assert second - first == timedelta(hours=hours)


def test_an_hour_that_is_skipped_is_none_and_one_that_is_repeated_is_two() -> None:
    assert walls(datetime(2026, 3, 29, 0, 10, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC), "hour", BERLIN) == [
        "03-29 01:00+0100",
        "03-29 03:00+0200",
    ]
    assert walls(datetime(2026, 10, 24, 23, 59, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC), "hour", BERLIN) == [
        "10-25 01:00+0200",
        "10-25 02:00+0200",
        "10-25 02:00+0100",
    ]


def test_half_an_hour_of_change_makes_a_longer_or_a_shorter_hour() -> None:
    back = datetime(2026, 4, 4, 14, 10, tzinfo=UTC), datetime(2026, 4, 4, 16, tzinfo=UTC)
    assert walls(*back, "hour", LORD_HOWE) == ["04-05 01:00+1100", "04-05 02:00+1030"]
    assert walls(datetime(2026, 4, 4, 15, 10, tzinfo=UTC), back[1], "hour", LORD_HOWE)[0] == "04-05 01:00+1100"
    forward = datetime(2026, 10, 3, 14, 40, tzinfo=UTC), datetime(2026, 10, 3, 16, 10, tzinfo=UTC)
    assert walls(*forward, "hour", LORD_HOWE) == ["10-04 01:00+1030", "10-04 02:30+1100", "10-04 03:00+1100"]


def test_weeks_begin_on_monday_and_quarters_with_their_first_month() -> None:
    since, until = datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 4, 7, tzinfo=UTC)
    assert walls(since, until, "week", BERLIN) == ["03-30 00:00+0200", "04-06 00:00+0200"]
    assert walls(since, until, "quarter", BERLIN) == ["01-01 00:00+0100", "04-01 00:00+0200"]
    assert walls(since, until, "year", BERLIN) == ["01-01 00:00+0100"]


@settings(max_examples=200, deadline=None)
@given(
    since=st.timedeltas(timedelta(), timedelta(days=13_000)).map(lambda age: datetime(2035, 1, 1, tzinfo=UTC) - age),
    hours=st.integers(1, 24 * 40),
    bucket=st.sampled_from(BUCKETS),
    zone=st.sampled_from(ZONES),
)
def test_buckets_cover_the_period_once_each_beginning_where_the_wall_turns(
    since: datetime, hours: int, bucket: Bucket, zone: str
) -> None:
    until = since + timedelta(hours=hours)
    found = starts(since, until, bucket, ZoneInfo(zone))
    assert found[0] <= since < (found[1] if len(found) > 1 else until)
    assert all(one < other for one, other in zip(found, [*found[1:], until], strict=True))
    for start in found:
        # Just before each start the wall showed another bucket, or the same hour for the first time.
        before = (start - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
        after = start.astimezone(ZoneInfo(zone))
        shown = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "week": "%G%V", "month": "%Y%m", "quarter": "%Y%m", "year": "%Y"}
        same = f"{before:{shown[bucket]}}" == f"{after:{shown[bucket]}}"
        assert not same or (bucket == "hour" and before.utcoffset() != after.utcoffset())


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(TooManyBuckets):
        starts(datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "hour", BERLIN)
    with pytest.raises(ZoneNotKnown):
        zone_named("Europe/Atlantis")
    with pytest.raises(ZoneNotKnown):
        zone_named("../etc/passwd")
