"""Business time between two instants, and back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.clock.calendar import ROUND_THE_CLOCK, Calendar, NeverReached, Openings, Why, minute_of_day

WEEKDAYS_9_TO_17: tuple[Openings, ...] = (((540, 1020),),) * 5 + ((), ())


def calendar(zone: str = "Europe/Berlin", weekly: tuple[Openings, ...] = WEEKDAYS_9_TO_17, **more: object) -> Calendar:
    return Calendar(name="desk", version=1, zone=zone, weekly=weekly, **more)  # type: ignore[arg-type]


def at(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def berlin(text: str, fold: int = 0) -> datetime:
    return at("Europe/Berlin", text, fold)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def on_sundays(start: int, end: int) -> Calendar:
    return calendar(weekly=((),) * 6 + (((start, end),),))


def test_two_aware_datetimes_of_one_zone_are_measured_on_the_utc_line() -> None:
    always = calendar(weekly=ROUND_THE_CLOCK)
    zone = ZoneInfo("Europe/Berlin")
    night = datetime(2026, 3, 28, 22, tzinfo=zone), datetime(2026, 3, 29, 6, tzinfo=zone)
    assert always.business_time(*night) == hours(7)


@pytest.mark.parametrize(
    ("start", "end", "spring", "autumn"),
    [
        (60, 240, 2, 4),
        (120, 180, 0, 2),
        (150, 210, 0.5, 1.5),
        (150, 240, 1, 2),
        (60, 150, 1, 2),
        (180, 240, 1, 1),
    ],
)
def test_an_edge_in_the_skipped_or_repeated_hour_is_what_the_wall_shows(
    start: int, end: int, spring: float, autumn: float
) -> None:
    sundays = on_sundays(start, end)
    assert sundays.business_time(berlin("2026-03-29 00:00"), berlin("2026-03-30 00:00")) == hours(spring)
    assert sundays.business_time(berlin("2026-10-25 00:00"), berlin("2026-10-26 00:00")) == hours(autumn)


def test_an_opening_that_begins_inside_the_repeated_hour_closes_when_the_wall_goes_back() -> None:
    parts = on_sundays(150, 240).intervals(berlin("2026-10-25 02:00"), berlin("2026-10-25 04:00"))
    assert [(part.open, part.length) for part in parts] == [
        (False, hours(0.5)),
        (True, hours(0.5)),
        (False, hours(0.5)),
        (True, hours(1.5)),
    ]


def test_lord_howe_moves_its_clocks_by_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    sundays = calendar(zone, ((),) * 6 + (((60, 180),),))
    assert sundays.business_time(at(zone, "2026-04-05 00:00"), at(zone, "2026-04-06 00:00")) == hours(2.5)
    assert sundays.business_time(at(zone, "2026-10-04 00:00"), at(zone, "2026-10-05 00:00")) == hours(1.5)


def test_apia_has_no_30_december_2011() -> None:
    zone = "Pacific/Apia"
    apia = calendar(zone)
    assert date(2011, 12, 30).weekday() == 4
    assert apia.business_time(at(zone, "2011-12-29 00:00"), at(zone, "2012-01-01 00:00")) == hours(8)
    assert apia.add_business_time(at(zone, "2011-12-29 16:00"), hours(2)) == at(zone, "2012-01-02 10:00")


def test_kathmandu_is_offset_by_three_quarters_of_an_hour() -> None:
    kathmandu = calendar("Asia/Kathmandu")
    opening = kathmandu.next_open(datetime(2026, 3, 30, tzinfo=UTC))
    assert opening == datetime(2026, 3, 30, 3, 15, tzinfo=UTC)


def test_a_zone_whose_clocks_change_at_midnight() -> None:
    zone = "America/Sao_Paulo"
    always = calendar(zone, ROUND_THE_CLOCK)
    assert always.business_time(at(zone, "2018-11-03 12:00"), at(zone, "2018-11-04 12:00")) == hours(23)
    assert always.business_time(at(zone, "2018-02-17 12:00"), at(zone, "2018-02-18 12:00")) == hours(25)


def test_several_openings_a_day_and_one_until_midnight() -> None:
    lunch = calendar(weekly=(((540, 720), (780, 1020), (1320, 1440)), *WEEKDAYS_9_TO_17[1:]))
    assert lunch.business_time(berlin("2026-03-30 00:00"), berlin("2026-03-31 00:00")) == hours(9)
    assert lunch.add_business_time(berlin("2026-03-30 11:00"), hours(2)) == berlin("2026-03-30 14:00")


def test_adding_ends_at_closing_time_and_not_at_the_next_opening() -> None:
    assert calendar().add_business_time(berlin("2026-03-30 09:00"), hours(8)) == berlin("2026-03-30 17:00")
    assert calendar().add_business_time(berlin("2026-03-28 13:00"), hours(0)) == berlin("2026-03-28 13:00")


def test_many_years_add_up() -> None:
    start, end = berlin("2020-01-01 00:00"), berlin("2040-01-01 00:00")
    days = sum(
        date.fromordinal(d).weekday() < 5 for d in range(date(2020, 1, 1).toordinal(), date(2040, 1, 1).toordinal())
    )
    assert calendar().business_time(start, end) == hours(8 * days)
    assert calendar().add_business_time(start, hours(8 * days)) == berlin("2039-12-30 17:00")


def test_a_special_day_overrides_weekday_and_holiday() -> None:
    exceptional = calendar(
        holidays={date(2026, 12, 24): "Christmas Eve", date(2026, 12, 25): "Christmas Day"},
        special={date(2026, 12, 24): ((540, 720),), date(2026, 12, 26): ((600, 660),), date(2026, 12, 28): ()},
    )
    parts = exceptional.intervals(berlin("2026-12-24 12:00"), berlin("2026-12-29 09:00"))
    assert [(part.why, part.detail, part.length) for part in parts] == [
        (Why.SPECIAL_DAY, "2026-12-24", hours(12)),
        (Why.HOLIDAY, "Christmas Day", hours(24)),
        (Why.SPECIAL_DAY, "2026-12-26", hours(10)),
        (Why.OPEN, "", hours(1)),
        (Why.SPECIAL_DAY, "2026-12-26", hours(13)),
        (Why.CLOSED, "", hours(24)),
        (Why.SPECIAL_DAY, "2026-12-28", hours(24)),
        (Why.CLOSED, "", hours(9)),
    ]


@pytest.mark.parametrize(
    ("start", "days", "reached"),
    [
        ("2026-03-30 10:00", 1, "2026-03-31 10:00"),
        ("2026-03-30 10:00", 2, "2026-04-01 10:00"),
        ("2026-03-28 13:00", 1, "2026-03-30 17:00"),
        ("2026-03-30 07:00", 1, "2026-03-30 17:00"),
        ("2026-03-30 18:00", 1, "2026-03-31 17:00"),
        ("2026-04-02 16:00", 1, "2026-04-03 12:00"),
        ("2026-04-03 11:00", 1, "2026-04-07 11:00"),
        ("2026-03-27 16:00", 5, "2026-04-03 12:00"),
    ],
)
def test_business_days_end_at_the_same_time_on_the_wall(start: str, days: int, reached: str) -> None:
    # Friday 3 April closes at noon, Monday 6 April is a holiday.
    short = calendar(special={date(2026, 4, 3): ((540, 720),)}, holidays={date(2026, 4, 6): "Easter Monday"})
    length = short.business_days(berlin(start), days)
    assert length is not None
    assert short.add_business_time(berlin(start), length) == berlin(reached)


def test_an_equal_calendar_read_anew_gives_equal_answers() -> None:
    assert calendar() == calendar()
    assert calendar().business_time(berlin("2026-03-30 09:00"), berlin("2026-03-30 10:00")) == hours(1)


def test_what_is_never_reached_says_so() -> None:
    minute_a_week = calendar(weekly=(((0, 1),), *((),) * 6))
    assert minute_a_week.reach(berlin("2026-01-01 00:00"), hours(1000)) is None
    with pytest.raises(NeverReached, match="in the century after"):
        minute_a_week.add_business_time(berlin("2026-01-01 00:00"), hours(1000))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zone": "Europe/Atlantis"}, "zone: 'Europe/Atlantis' is not a known IANA time zone"),
        ({"zone": "../etc/passwd"}, "zone: "),
        ({"zone": "Europe"}, "zone: "),
        ({"name": ""}, "name: "),
        ({"version": 0}, "version: 0"),
        ({"weekly": WEEKDAYS_9_TO_17[:6]}, "weekly: needs an entry for each of seven days"),
        ({"weekly": ((),) * 7}, "weekly: a calendar must open"),
        ({"weekly": (((600, 720), (660, 780)), *WEEKDAYS_9_TO_17[1:])}, "weekly.monday: 11:00–13:00 overlaps"),
        ({"weekly": (((600, 600),), *WEEKDAYS_9_TO_17[1:])}, "weekly.monday: 10:00–10:00 does not start before"),
        ({"weekly": (((-60, 60),), *WEEKDAYS_9_TO_17[1:])}, "weekly.monday: -60 min–01:00 is not within"),
        ({"special": {date(2026, 1, 1): ((0, 1441),)}}, "special.2026-01-01: 00:00–24:01 is not within"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused_by_field(changes: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {"name": "desk", "version": 1, "zone": "UTC", "weekly": WEEKDAYS_9_TO_17}
    with pytest.raises(ValueError) as refused:
        Calendar(**(fields | changes))  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("text", ["9:00", "24:01", "12:60", "noon", "", "12:00:00", "-1:00"])
def test_a_time_of_day_has_one_form(text: str) -> None:
    assert minute_of_day("field", "24:00") == 1440
    with pytest.raises(ValueError, match="field: "):
        minute_of_day("field", text)


def test_a_naive_datetime_names_no_instant() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        calendar().business_time(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="is negative"):
        calendar().add_business_time(berlin("2026-03-30 09:00"), hours(-1))
