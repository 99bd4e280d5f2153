"""Policy versions are found in what the desk has configured, and stay what they are."""

from typing import Any

import pytest

from domain.clock.configured import Configured
from domain.clock.policy import Kind, PolicyRef
from domain.setup.events import CalendarVersioned, PolicyVersioned
from domain.setup.state import Setup, fold

WEEK = {"monday": (("09:00", "17:00"),)}
REF = PolicyRef("gold", 1, "office", 1)


def calendar(version: int = 1, **more: Any) -> CalendarVersioned:
    fields: dict[str, Any] = {"zone": "Europe/Berlin", "openings": WEEK, **more}
    return CalendarVersioned(version=version, calendar="office", calendar_version=version, **fields)


def policy(version: int = 1, minutes: Any = 60, calendar_version: int = 1) -> PolicyVersioned:
    terms = {"targets": {"resolution": {"minutes": minutes}}}
    return PolicyVersioned(
        policy="gold", policy_version=version, calendar="office", calendar_version=calendar_version, terms=terms
    )


class Log:
    """A setup that grows, and how often it was read."""

    def __init__(self, *events: Any) -> None:
        self.setup = fold(events)
        self.read = 0

    def load(self) -> Setup:
        self.read += 1
        return self.setup


def test_a_version_is_read_once_and_later_ones_when_asked_for() -> None:
    log = Log(calendar(), policy())
    policies = Configured(log.load)
    assert policies[REF].ref == REF
    assert policies[REF] is policies[REF]
    assert log.read == 1
    log.setup = fold([calendar(2), policy(2, 120, 2)], log.setup)
    newer = policies[PolicyRef("gold", 2, "office", 2)]
    assert newer.targets[Kind.RESOLUTION].amount == 120
    assert log.read == 2
    assert list(policies) == [REF, newer.ref]
    assert len(policies) == 2


def test_an_old_policy_can_count_by_a_newer_calendar() -> None:
    policies = Configured(Log(calendar(), calendar(2, zone="UTC"), policy()).load)
    assert policies[PolicyRef("gold", 1, "office", 2)].calendar.zone == "UTC"
    assert policies[REF].calendar.zone == "Europe/Berlin"


@pytest.mark.parametrize("ref", [PolicyRef("gold", 2, "office", 1), PolicyRef("gold", 1, "office", 7)])
def test_what_was_never_configured_is_not_found(ref: PolicyRef) -> None:
    policies = Configured(Log(calendar(), policy()).load)
    assert policies.get(ref) is None
    with pytest.raises(KeyError):
        policies[ref]


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ((calendar(), policy(minutes="an hour")), r"targets\.resolution\.minutes"),
        ((calendar(openings={"monday": (("17:00", "09:00"),)}), policy()), r"weekly\.monday"),
    ],
)
def test_what_cannot_be_meant_is_refused_naming_the_field(events: Any, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Configured(Log(*events).load)[REF]
