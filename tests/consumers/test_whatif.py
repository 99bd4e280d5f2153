"""What if, over a real store: the same policies give the same figures, nothing is written, every ticket is found."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers import histories
from consumers.follow import rebuild
from consumers.whatif import Question, compare
from desks import ACT, give, opened
from domain.access.principal import system
from domain.clock.comparing import Comparison
from domain.clock.striking import Strike
from domain.clock.supposing import supposed
from domain.desk import Desk, Order
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.desk.laying_over import laid_over
from domain.envelope import Event
from domain.errors import Refused
from domain.ticket.events import SlaAttached, SlaDetached, SlaRetargeted
from projections.sla import sla
from projections.sla.attainment import attainment

UTC_ZONE = ZoneInfo("UTC")
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
DOCUMENT = DeskDocument.model_validate(
    {
        "calendars": {
            "office": {"zone": "Europe/Berlin", "openings": {"monday-friday": "09:00-17:00"}},
            "always": {"zone": "UTC", "openings": {"monday-sunday": "00:00-24:00"}},
        },
        "policies": {
            "it": {
                "calendar": "office",
                "when": {"department": "it"},
                "targets": {"first_response": {"minutes": 120}, "next_response": {"minutes": 60}},
            },
            "urgent": {
                "calendar": "always",
                "when": {"department": "it", "priority": [1, 2]},
                "targets": {"first_response": {"minutes": 30}, "resolution": {"calendar_minutes": 900}},
                "on_retarget": "restart",
                "on_reopen": "restart",
            },
            "vip": {
                "calendar": "always",
                "when": {"department": "it", "priority": [1, 2, 3, 4, 5], "tags": ["vip", "fast"]},
                "targets": {"resolution": {"minutes": 300}},
                "on_retarget": "keep",
            },
        },
    }
)
ACTS: list[tuple[str, dict[str, Any]]] = [
    ("reply", {"text": "x"}),
    ("hold", {"reason": "requester"}),
    ("hold", {"reason": "vendor"}),
    ("resume", {}),
    ("assign", {"assignee": "alice"}),
    ("prioritise", {"impact": 1, "urgency": 1}),
    ("prioritise", {"impact": 3, "urgency": 3}),
    ("prioritise", {"priority": 2, "reason": "x"}),
    ("tag", {"tags": ["vip", "fast"]}),
    ("tag", {"tags": ["vip"]}),
    ("untag", {"tags": ["fast", "vip"]}),
    ("transfer", {"department": "hr"}),
    ("transfer", {"department": "it"}),
    ("route", {"group": "network"}),
    ("correct", {"fields": {"priority": 1}, "why": "x"}),
    ("correct", {"fields": {"status": "in_progress"}, "why": "x"}),
    ("resolve", {"code": "fixed"}),
    ("close", {}),
    ("reopen", {}),
    ("cancel", {}),
    ("exempt", {"clocks": ["resolution"], "reason": "x"}),
    ("strike", {}),
]
"""What can be done to a ticket; a stroke of the clock comes as late as the test runs."""


def asked(desk: Desk, **limits: datetime) -> Question:
    question = Question(since=BEGIN, until=desk.now(), at=desk.now(), head=desk.store.head())
    return msgspec.structs.replace(question, **limits)


def compared(desk: Desk, document: DeskDocument, question: Question) -> Comparison:
    _, setup = laid_over(document, desk.setup())
    comparison = Comparison(("department", "group", "priority", "month"), zone=UTC_ZONE)
    compare(desk, question, setup, comparison)
    return comparison


@pytest.fixture
def promising(desk: Desk) -> Desk:
    """A desk with three policies that take over from each other."""
    desk.configure(plan(DOCUMENT, desk.contacts()), ACT)
    return desk


def live(desk: Desk, acts: list[tuple[int, int]]) -> None:
    """One ticket's life: which act, after so many minutes; what the rules refuse is left out."""
    at = BEGIN
    ticket = str(opened(desk, occurred_at=at).number)
    for number, minutes in acts:
        at += timedelta(minutes=minutes)
        verb, fields = ACTS[number]
        try:
            if verb == "strike":
                desk.handle(Order(command=Strike(as_of=desk.now()), principal=system("clock"), ticket=ticket))
            else:
                give(desk, verb, ticket, occurred_at=at, **fields)
        except Refused:
            continue


LIVES = st.lists(
    st.lists(st.tuples(st.integers(0, len(ACTS) - 1), st.integers(0, 2000)), max_size=25), min_size=1, max_size=4
)
UNSHARED = [HealthCheck.function_scoped_fixture]


@settings(max_examples=25, deadline=None, suppress_health_check=UNSHARED)
@given(LIVES)
def test_the_policies_in_force_suppose_what_was_recorded(promising: Desk, lives: list[list[tuple[int, int]]]) -> None:
    first = promising.store.head()
    for acts in lives:
        live(promising, acts)
    question = asked(promising)
    comparison = compared(promising, DOCUMENT, question)
    assert comparison.turned.total() == 0
    for line in comparison.lines.values():
        assert line.recorded == line.supposed
    assert promising.store.head() == question.head
    for stream in {event.stream for event in promising.feed(first, 10_000) if event.TYPE == "ticket.opened.v1"}:
        history = promising.history(stream)
        assert levels(supposed(history, promising.setup())) == levels(history)


@settings(max_examples=6, deadline=None, suppress_health_check=UNSHARED)
@given(LIVES)
def test_what_was_recorded_is_what_the_view_of_clocks_shows(
    promising: Desk, views_dsn: str, lives: list[list[tuple[int, int]]]
) -> None:
    for acts in lives:
        live(promising, acts)
    rebuild(promising, views_dsn, sla)
    question = asked(promising)
    comparison = compared(promising, DOCUMENT, question)
    with psycopg.connect(views_dsn) as connection:
        by = ("clock", "policy", "department", "group", "priority")
        shares = attainment(connection, None, BEGIN, question.at, now=question.at, by=by)

    def named(of: dict[str, Any]) -> tuple[str, ...]:
        """As a line is named: a breach stands that a ticket took with it out of its policy."""
        return tuple("" if value is None else str(value) for value in of.values())

    assert {named(share.of): (share.met, share.decided) for share in shares} == {
        key[:5]: (line.recorded.met, line.recorded.decided)
        for key, line in comparison.lines.items()
        if line.recorded.decided
    }


def levels(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """The service levels of a history, but for what the desk says of why they changed."""
    return [
        (type(event), event.effective_at, event.policy, getattr(event, "policy_version", 0))
        for event in events
        if isinstance(event, SlaAttached | SlaRetargeted | SlaDetached)
    ]


def test_every_ticket_opened_in_the_window_counts_once_whatever_the_pages(
    promising: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(7):
        opened(promising, occurred_at=BEGIN + timedelta(hours=hour))
    hours = {"since": BEGIN + timedelta(hours=1), "until": BEGIN + timedelta(hours=6)}
    for page in (1, 2, 5, 200):
        monkeypatch.setattr(histories, "PAGE", page)
        comparison = compared(promising, DOCUMENT, asked(promising, **hours))
        assert comparison.tickets == 5
        assert sum(line.recorded.breached for line in comparison.lines.values()) == 5


def test_what_is_recorded_meanwhile_does_not_count(promising: Desk) -> None:
    number = str(opened(promising, occurred_at=BEGIN).number)
    question = asked(promising)
    give(promising, "resolve", number, code="fixed", occurred_at=BEGIN + timedelta(minutes=5))
    opened(promising, occurred_at=BEGIN)
    comparison = compared(promising, DOCUMENT, question)
    assert comparison.tickets == 1
    assert sum(line.recorded.met for line in comparison.lines.values()) == 0


def test_another_policy_changes_the_verdict_and_says_whose(promising: Desk) -> None:
    quick, slow = (str(opened(promising, occurred_at=BEGIN).number) for _ in range(2))
    give(promising, "reply", quick, text="x", occurred_at=BEGIN + timedelta(minutes=45))
    give(promising, "reply", slow, text="x", occurred_at=BEGIN + timedelta(minutes=90))
    stricter = DeskDocument.model_validate(
        {
            "policies": {
                "it": {
                    "calendar": "office",
                    "when": {"department": "it"},
                    "targets": {"first_response": {"minutes": 60}},
                }
            }
        }
    )
    comparison = compared(promising, stricter, asked(promising))
    first = comparison.lines["first_response", "it", "it", "service-desk", "5", "2026-03"]
    assert (first.recorded.met, first.supposed.met, first.recorded.decided) == (2, 1, 2)
    assert [change.number for change in comparison.changed] == [int(slow)]
