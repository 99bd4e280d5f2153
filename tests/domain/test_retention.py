"""How long a ticket is kept: by which rule, and until which day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.setup.events import DepartmentDefined, RetentionRetired, RetentionVersioned
from domain.setup.retention import closed_before, kept_until, rule_for
from domain.setup.state import Setup, fold

RULES = st.builds(
    RetentionVersioned,
    department=st.just("it"),
    retention_version=st.just(1),
    years=st.integers(0, 200),
    days=st.integers(0, 1_000),
)
MOMENTS = st.integers(0, 250 * 365 * 86_400).map(lambda s: datetime(1950, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


def configured(document: dict, setup: Setup | None = None) -> Setup:
    setup = setup or Setup()
    return fold(plan(DeskDocument.model_validate(document), {})(setup), setup)


DESK = {
    "departments": {"it": {"name": "IT", "retention": {"years": 7, "persons": True}}, "hr": {"name": "HR"}},
    "request_types": {
        "access": {"name": "Access", "department": "it", "retention": {"days": 30}},
        "audit": {"name": "Audit", "department": "it", "retention": {"forever": True}},
        "laptop": {"name": "Laptop", "department": "it"},
    },
}


@pytest.mark.parametrize(
    ("department", "request_type", "period"),
    [
        ("it", "", (7, 0)),
        ("it", "laptop", (7, 0)),
        ("it", "access", (0, 30)),
        ("it", "audit", None),
        ("hr", "", None),
        ("hr", "access", (0, 30)),
    ],
)
def test_the_type_of_request_goes_before_the_department(department: str, request_type: str, period: object):
    rule = rule_for(configured(DESK), department, request_type)
    assert (rule and (rule.years, rule.days)) == period


def test_a_changed_rule_is_the_next_version_and_one_that_is_left_out_is_retired():
    setup = configured(DESK)
    assert plan(DeskDocument.model_validate(DESK), {})(setup) == []
    it = {"name": "IT"}
    longer = configured({"departments": {"it": it | {"retention": {"years": 10}}}}, setup)
    assert [rule.retention_version for rule in longer.retention.values() if rule.department == "it"] == [1, 2]
    planned = plan(DeskDocument.model_validate({"departments": {"it": it}}), {})(longer)
    assert planned == [RetentionRetired(department="it")]
    retired = fold(planned, longer)
    assert rule_for(retired, "it", "") is None
    again = configured({"departments": {"it": it | {"retention": {"years": 10}}}}, retired)
    assert again.retention_in_force["it", ""].retention_version == 3


def test_a_department_that_is_retired_lets_its_tickets_go_all_the_same():
    setup = configured(DESK)
    pruned = fold(
        plan(DeskDocument.model_validate({"departments": {"hr": {"name": "HR"}}}), {}, prune=True)(setup), setup
    )
    assert "it" not in pruned.departments
    assert rule_for(pruned, "it", "") is not None


@pytest.mark.parametrize(
    ("closed", "years", "days", "until"),
    [
        ("2024-02-29T12:00:00+00:00", 1, 0, "2025-03-02"),
        ("2024-02-29T12:00:00+00:00", 4, 0, "2028-03-01"),
        ("2023-12-31T23:59:59+00:00", 7, 0, "2031-01-01"),
        ("2024-01-01T00:30:00+01:00", 0, 30, "2024-01-31"),
        ("2026-03-02T09:00:00+00:00", 0, 1, "2026-03-04"),
    ],
)
def test_a_ticket_is_kept_to_the_end_of_the_last_day(closed: str, years: int, days: int, until: str):
    rule = RetentionVersioned(department="it", retention_version=1, years=years, days=days)
    end = kept_until(rule, datetime.fromisoformat(closed))
    assert end == datetime.combine(date.fromisoformat(until), datetime.min.time(), UTC)


@given(rule=RULES, closed=MOMENTS)
def test_nothing_is_let_go_before_its_period_has_passed(rule: RetentionVersioned, closed: datetime):
    end = kept_until(rule, closed)
    assert end - closed > timedelta(days=rule.days)
    assert end - closed <= timedelta(days=rule.days + 366 * max(rule.years, 0) + 2)


@given(rule=RULES, closed=MOMENTS, late=st.integers(0, 3_000))
def test_whatever_is_due_is_found_by_its_day(rule: RetentionVersioned, closed: datetime, late: int):
    now = kept_until(rule, closed) + timedelta(hours=late)
    assert closed < closed_before(rule, now)
    if late == 0:
        assert closed > closed_before(rule, now) - timedelta(days=40)


def test_departments_that_say_nothing_are_events_as_before():
    assert plan(DeskDocument.model_validate({"departments": {"hr": {"name": "HR"}}}), {})(Setup()) == [
        DepartmentDefined(department="hr", name="HR")
    ]
