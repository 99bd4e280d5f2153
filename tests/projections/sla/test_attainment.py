"""Shares of clocks that kept their target: numerator and denominator, by dimension and period, now and as of then."""

from datetime import datetime
from typing import Any

import pytest

from berlin import LONG_AFTER, Connection, Desk, wall
from domain.ticket import events as e
from projections.sla.attainment import Share, attainment

FROM, TO = wall("2026-03-01 00:00"), wall("2026-05-01 00:00")


@pytest.fixture
def desk(connection: Connection) -> Desk:
    """March: two met, one breached; April: one met, one breached that nobody has noticed; the rest do not count."""
    desk = Desk()
    policy = desk.policy("p", resolution=480)
    desk.opened("2026-03-30 09:00", policy, 1).then(e.TicketResolved, "2026-03-30 12:00", 1, code="x")
    desk.opened("2026-03-30 10:00", policy, 2, department="hr").then(e.TicketResolved, "2026-03-31 10:00", 2, code="x")
    desk.opened("2026-03-30 09:00", policy, 3).then(e.TicketResolved, "2026-03-31 12:00", 3, code="x")
    desk.opened("2026-03-31 15:00", policy, 4, priority=1).then(e.TicketResolved, "2026-04-01 09:00", 4, code="x")
    desk.opened("2026-04-01 09:00", policy, 5)
    desk.opened("2026-04-01 09:00", policy, 6).then(e.TicketCancelled, "2026-04-07 09:00", 6)
    desk.opened("2026-04-01 09:00", policy, 7).then(e.TicketPutOnHold, "2026-04-01 10:00", 7, reason="requester")
    return desk.shown(connection)


def shares(connection: Connection, *by: Any, **more: Any) -> list[Share]:
    asked = {"now": LONG_AFTER, "by": by, **more}
    return attainment(connection, asked.pop("departments", None), FROM, TO, **asked)


def figures(found: list[Share]) -> list[tuple[Any, ...]]:
    return [(*share.of.values(), share.met, share.decided) for share in found]


def test_met_and_decided_are_counted_together(connection: Connection, desk: Desk) -> None:
    assert shares(connection) == [Share({}, None, 3, 5)]
    assert shares(connection, "clock", "policy") == [Share({"clock": "resolution", "policy": "p"}, None, 3, 5)]
    assert figures(shares(connection, "department")) == [("hr", 1, 1), ("it", 2, 4)]
    assert figures(shares(connection, "priority", "group")) == [(1, "desk", 1, 1), (3, "desk", 2, 4)]


def test_periods_begin_at_midnight_of_the_zone_asked_for(connection: Connection, desk: Desk) -> None:
    months = shares(connection, bucket="month", zone="Europe/Berlin")
    assert months == [Share({}, wall("2026-03-01 00:00"), 2, 3), Share({}, wall("2026-04-01 00:00"), 1, 2)]
    days = shares(connection, bucket="day", zone="Pacific/Kiritimati")
    assert [(share.met, share.decided) for share in days] == [(2, 3), (1, 1), (0, 1)]


def test_breached_as_of_a_moment_is_what_had_exceeded_its_target_by_then(connection: Connection, desk: Desk) -> None:
    def then(at: str) -> list[tuple[Any, ...]]:
        return figures(shares(connection, at=wall(at)))

    assert then("2026-03-30 11:59") == []
    assert then("2026-03-31 09:00") == [(1, 1)]
    assert then("2026-03-31 09:01") == [(1, 2)]
    assert then("2026-03-31 12:00") == [(2, 3)]
    assert then("2026-04-01 12:00") == [(3, 4)]
    # Ticket 6 was overdue for a while; cancelled in the end, it is neither.
    assert then("2026-04-03 12:00") == [(3, 6)]
    assert then("2026-04-07 12:00") == [(3, 5)]


def test_what_a_caller_may_not_see_is_not_counted(connection: Connection, desk: Desk) -> None:
    assert figures(shares(connection, departments=frozenset({"hr"}))) == [(1, 1)]
    assert shares(connection, departments=frozenset()) == []


def test_a_clock_that_was_met_and_is_resumed_is_undecided_again(connection: Connection, desk: Desk) -> None:
    desk.then(e.TicketReopened, "2026-03-31 09:00", 1, was="resolved").shown(connection)
    assert figures(shares(connection, now=wall("2026-03-31 10:00"), departments=frozenset({"it"}))) == [(1, 2)]
    assert figures(shares(connection, at=wall("2026-03-30 17:00"))) == [(1, 1)]


def test_only_what_was_decided_within_the_span_counts(connection: Connection, desk: Desk) -> None:
    def within(since: datetime, until: datetime) -> list[tuple[Any, ...]]:
        return figures(attainment(connection, None, since, until, now=LONG_AFTER, by=()))

    assert within(wall("2026-03-30 12:00"), wall("2026-03-31 09:00")) == [(1, 1)]
    assert within(wall("2026-03-31 09:00"), wall("2026-03-31 10:00")) == [(0, 1)]
    assert within(wall("2026-04-02 00:00"), TO) == [(0, 1)]
    assert within(TO, FROM) == []
