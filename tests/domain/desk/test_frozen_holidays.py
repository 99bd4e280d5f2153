"""Holidays are dates of a calendar's version from the day it was configured: no later list of them moves a deadline."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import holidays
import pytest

from desks import ACT, open_desk, prepare
from domain.clock.configured import Configured
from domain.clock.policy import PolicyRef
from domain.desk import Desk
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument

DOCUMENT = DeskDocument.model_validate(
    {
        "departments": {"it": {"name": "IT"}},
        "calendars": {
            "office": {
                "zone": "Europe/Berlin",
                "openings": {"monday-friday": "09:00-17:00"},
                "holidays": {"country": "DE", "region": "BE", "years": [2026]},
            }
        },
        "policies": {"usual": {"calendar": "office", "targets": {"resolution": {"minutes": 240}}}},
    }
)
OPENED = datetime(2026, 4, 2, 13, tzinfo=UTC)  # Thursday 15:00 in Berlin, before Good Friday
PROMISED = datetime(2026, 4, 7, 9, tzinfo=UTC)  # Tuesday 11:00, after Easter Monday
FIRST = PolicyRef("usual", 1, "office", 1)


@pytest.fixture
def address(database: str) -> str:
    """A database whose desk was configured while the package knew the holidays of today."""
    prepare(database)
    with open_desk(database, configured=False) as desk:
        configure(desk)
        assert due(desk, FIRST) == PROMISED
    return database


def configure(desk: Desk) -> None:
    desk.configure(plan(DOCUMENT, {}), ACT)


def due(desk: Desk, ref: PolicyRef) -> datetime:
    """Four working hours after the ticket was opened, by what the desk has configured."""
    return Configured(desk.setup)[ref].calendar.add_business_time(OPENED, timedelta(hours=4))


def another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the package says that Tuesday is a holiday, and Easter Monday none."""
    known = holidays.country_holidays

    def other(*given: Any, **more: Any) -> dict[date, str]:
        said = dict(known(*given, **more))
        said.pop(date(2026, 4, 6))
        return said | {date(2026, 4, 7): "Day after Easter"}

    monkeypatch.setattr(holidays, "country_holidays", other)


def test_another_release_of_the_holidays_moves_no_deadline(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    another_release(monkeypatch)
    with open_desk(address, configured=False) as desk:
        assert due(desk, FIRST) == PROMISED


def test_reading_what_was_configured_asks_the_package_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(holidays, "country_holidays")
    with open_desk(address, configured=False) as desk:
        assert due(desk, FIRST) == PROMISED
        assert Configured(desk.setup)[FIRST].calendar.holidays[date(2026, 4, 6)] == "Ostermontag"


def test_the_same_file_under_another_release_is_a_new_version_beside_the_old(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_release(monkeypatch)
    with open_desk(address, configured=False) as desk:
        configure(desk)
        assert due(desk, FIRST) == PROMISED
        # Monday is open now and Tuesday is not: two hours on Thursday, two on Monday.
        assert due(desk, PolicyRef("usual", 2, "office", 2)) == datetime(2026, 4, 6, 9, tzinfo=UTC)
        version = desk.setup().version
        configure(desk)
        assert desk.setup().version == version, "the same list again is no new version"
