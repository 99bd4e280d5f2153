"""Calendars and policies from configured text, and holidays frozen into dates."""

from datetime import date

import pytest

from domain.clock.calendar import Calendar
from domain.clock.holiday_sets import holidays_of
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policy, Target, Unit
from domain.clock.reading import calendar_from, policy_from

OPENINGS = {"monday": [("09:00", "12:00"), ("13:00", "24:00")], "saturday": [("10:00", "11:30")]}


def office() -> Calendar:
    return calendar_from("office", 2, "Europe/Berlin", OPENINGS, {"2026-12-25": "Christmas"}, {"2026-12-24": []})


def test_a_calendar_is_read_whole() -> None:
    calendar = office()
    assert calendar.weekly == (((540, 720), (780, 1440)), (), (), (), (), ((600, 690),), ())
    assert calendar.holidays == {date(2026, 12, 25): "Christmas"}
    assert calendar.special == {date(2026, 12, 24): ()}


def test_a_policy_is_read_whole_and_what_is_left_out_has_its_default() -> None:
    terms = {
        "targets": {"first_response": {"minutes": 240}, "resolution": {"business_days": 2}},
        "pauses": {"next_response": ["vendor"]},
        "warnings": [0.5],
        "on_reopen": "restart",
        "on_retarget": "keep",
    }
    policy = policy_from("silver", 1, office(), terms)
    assert policy.targets == {Kind.FIRST_RESPONSE: Target(240), Kind.RESOLUTION: Target(2, Unit.BUSINESS_DAYS)}
    assert policy.pauses == {Kind.RESOLUTION: frozenset({"requester"}), Kind.NEXT_RESPONSE: frozenset({"vendor"})}
    assert (policy.warnings, policy.on_reopen, policy.on_retarget) == ((0.5,), OnReopen.RESTART, OnRetarget.KEEP)
    assert policy_from("bare", 1, office(), {}) == Policy(name="bare", version=1, calendar=office(), targets={})


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"target": {}}, "target: not a term"),
        ({"targets": {"resolve": {"minutes": 1}}}, "targets: 'resolve' is not one of"),
        ({"targets": {"resolution": {"days": 1}}}, "targets.resolution: name exactly one of minutes"),
        ({"targets": {"resolution": {"minutes": 1, "business_days": 1}}}, "targets.resolution: name exactly one"),
        ({"targets": {"resolution": {"minutes": 0}}}, "targets.resolution.minutes: amount: 0"),
        ({"targets": {"resolution": {"minutes": -5}}}, "targets.resolution.minutes: amount: -5"),
        ({"targets": {"resolution": {"minutes": 1.5}}}, "targets.resolution.minutes: 1.5 is not a whole number"),
        ({"targets": {"resolution": {"minutes": True}}}, "targets.resolution.minutes: True is not a whole number"),
        ({"pauses": {"all": []}}, "pauses: 'all' is not one of"),
        ({"warnings": [1.0]}, "warnings: 1.0 is not a share"),
        ({"warnings": [0.5, 0.5]}, "warnings: the same share"),
        ({"on_reopen": "forget"}, "on_reopen: 'forget' is not one of resume, restart"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused_by_field(terms: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        policy_from("silver", 1, office(), terms)
    assert str(refused.value).startswith(message)


def test_a_calendar_that_cannot_be_read_is_refused_by_field() -> None:
    with pytest.raises(ValueError, match=r"^openings: 'mon' is not one of monday"):
        calendar_from("office", 1, "UTC", {"mon": []})
    with pytest.raises(ValueError, match=r"^openings.monday: '9' is not a time"):
        calendar_from("office", 1, "UTC", {"monday": [("9", "17:00")]})
    with pytest.raises(ValueError, match=r"^openings.monday: \('09:00',\) is not a pair"):
        calendar_from("office", 1, "UTC", {"monday": [("09:00",)]})
    with pytest.raises(ValueError, match=r"^holidays: '25.12.' is not a date"):
        calendar_from("office", 1, "UTC", OPENINGS, {"25.12.": "Christmas"})


def test_holidays_of_a_region_in_its_own_language_whatever_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "fr")
    bavaria = holidays_of("DE", "BY", [2026])
    assert bavaria[date(2026, 4, 6)] == "Ostermontag"
    assert date(2026, 6, 4) in bavaria
    assert date(2026, 6, 4) not in holidays_of("DE", None, [2026])
    assert list(bavaria) == sorted(bavaria)
    assert {day.year for day in holidays_of("US", None, range(2025, 2028))} == {2025, 2026, 2027}


@pytest.mark.parametrize(
    ("country", "region", "years", "message"),
    [
        ("XX", None, [2026], "country: no holidays are known for 'XX'"),
        ("DE", "QQ", [2026], "region: 'QQ' is not a region of DE"),
        ("DE", None, [], "years: none given"),
    ],
)
def test_an_unknown_holiday_set_is_refused_by_field(
    country: str, region: str | None, years: list[int], message: str
) -> None:
    with pytest.raises(ValueError) as refused:
        holidays_of(country, region, years)
    assert str(refused.value).startswith(message)
