"""Who is at risk, and who was: lists of clocks within a caller's scope, next due first, page by page."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from berlin import LONG_AFTER, Connection, Desk, clock, named, wall
from domain.ticket import events as e
from projections.engine.cursors import CursorNotValid
from projections.sla import alarms
from projections.sla.attainment import attainment
from projections.sla.queries import Wanted, clocks_wanted


@pytest.fixture
def desk(connection: Connection) -> Desk:
    """Six tickets with a target of 8 h from Monday on, each in another state by Tuesday noon."""
    desk = Desk()
    policy = desk.policy("p", resolution=480)
    desk.opened("2026-03-30 09:00", policy, 1)
    desk.opened("2026-03-30 12:00", policy, 2, department="hr")
    desk.opened("2026-03-30 13:00", policy, 3).then(e.TicketPutOnHold, "2026-03-30 14:00", 3, reason="requester")
    desk.opened("2026-03-30 14:00", policy, 4, group="network").then(e.TicketResolved, "2026-03-30 15:00", 4, code="x")
    desk.opened("2026-03-30 15:00", policy, 5).then(e.TicketCancelled, "2026-03-30 16:00", 5)
    desk.opened("2026-03-31 11:00", policy, 6).then(e.TicketClaimed, "2026-03-31 11:30", 6, assignee="ann")
    return desk.shown(connection)


NOON = "2026-03-31 12:30"


def numbers(connection: Connection, desk: Desk, *statuses: Any, at: str = NOON, **more: Any) -> list[int]:
    departments = more.pop("departments", None)
    wanted = Wanted(statuses=statuses, **more)
    page = clocks_wanted(connection, departments, wanted, now=wall(at), policies=desk.policies)
    then = clocks_wanted(connection, departments, wanted, now=LONG_AFTER, at=wall(at), policies=desk.policies)
    assert [row["number"] for row in page.rows] == [row["number"] for row in then.rows]
    return [row["number"] for row in page.rows]


def test_each_status_lists_what_its_name_says_now_and_as_of_then(connection: Connection, desk: Desk) -> None:
    assert numbers(connection, desk, "running") == [1, 2, 6]
    assert numbers(connection, desk, "paused") == [3]
    assert numbers(connection, desk, "at_risk", at="2026-03-31 09:59") == []
    assert numbers(connection, desk, "at_risk", at="2026-03-31 10:00") == [2]
    assert numbers(connection, desk, "breached") == [1, 2]
    assert numbers(connection, desk, "breached", at="2026-03-31 12:00") == [1]
    assert numbers(connection, desk, "met") == [4]
    assert numbers(connection, desk, "running", "paused", "at_risk", "breached", "met") == [1, 2, 4, 6, 3]
    assert numbers(connection, desk) == []


def test_what_a_caller_may_not_see_is_not_there(connection: Connection, desk: Desk) -> None:
    assert numbers(connection, desk, "running", departments=frozenset({"it"})) == [1, 6]
    assert numbers(connection, desk, "running", "met", departments=frozenset({"hr"})) == [2]
    assert numbers(connection, desk, "running", departments=frozenset({"hr"}), department="it") == []
    assert numbers(connection, desk, "running", "breached", "met", departments=frozenset()) == []


def test_lists_are_narrowed(connection: Connection, desk: Desk) -> None:
    assert numbers(connection, desk, "running", assignee="ann") == [6]
    assert numbers(connection, desk, "running", assignee="") == [1, 2]
    assert numbers(connection, desk, "running", "met", group="network") == [4]
    assert numbers(connection, desk, "running", department="hr", priority=3, policy="p") == [2]


def test_past_states_are_listed_as_they_were(connection: Connection, desk: Desk) -> None:
    def then(at: str) -> list[tuple[int, str]]:
        page = clocks_wanted(connection, None, Wanted(), now=LONG_AFTER, at=wall(at), policies=desk.policies)
        return [(row["number"], row["stage"]) for row in page.rows]

    assert then("2026-03-30 08:59") == []
    assert then("2026-03-30 13:30") == [(1, "running"), (2, "running"), (3, "running")]
    assert then("2026-03-30 14:30") == [(1, "running"), (2, "running"), (4, "running"), (3, "paused")]


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("departments", [None, frozenset({"it", "hr"})])
def test_pages_show_every_clock_once_in_the_order_of_their_due_times(
    connection: Connection, past: bool, departments: frozenset[str] | None
) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=480, first_response=480)
    for number in range(1, 12):
        department = "it" if number % 2 else "hr"
        desk.opened(f"2026-03-30 {9 + number % 3:02d}:00", policy, number, department=department)
        if number % 4 == 0:
            desk.then(e.TicketPutOnHold, "2026-03-30 13:00", number, reason="requester")
    desk.shown(connection)
    moment = wall("2026-03-30 14:00")
    asked = {"now": LONG_AFTER if past else moment, "at": moment if past else None, "policies": desk.policies}
    whole = clocks_wanted(connection, departments, Wanted(), limit=100, **asked)
    assert whole.next is None
    assert len(whole.rows) == 22
    found, after = [], None
    while True:
        page = clocks_wanted(connection, departments, Wanted(), after=after, limit=5, **asked)
        found.extend(page.rows)
        after = page.next
        if after is None:
            break
    assert found == whole.rows
    dues = [row["due_at"] for row in found if row["due_at"] is not None]
    assert dues == sorted(dues)
    assert all(row["due_at"] is None for row in found[len(dues) :])


@pytest.mark.parametrize("cursor", ["", "x", "WzEsMl0", "WyJub3ciLDEsInJlc29sdXRpb24iLDFd"])
def test_a_foreign_cursor_is_refused(connection: Connection, desk: Desk, cursor: str) -> None:
    with pytest.raises(CursorNotValid):
        clocks_wanted(connection, None, Wanted(), now=LONG_AFTER, policies=desk.policies, after=cursor)


def test_alarms_are_found_by_their_instant_and_imported_tickets_have_none(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=480)
    desk.opened("2026-03-30 10:00", policy, 1)
    desk.opened("2026-03-30 09:00", policy, 2)
    desk.opened("2026-03-02 09:00", policy, 3, imported_from="the old desk", channel="import")
    desk.shown(connection)
    assert clock(connection, ticket=3)["due_at"] == wall("2026-03-02 17:00")
    assert alarms.due(connection, wall("2026-03-30 14:59"), 10, closing={}) == []
    assert [ticket.int for ticket in alarms.due(connection, wall("2026-03-30 16:00"), 10, closing={})] == [2, 1]
    assert len(alarms.due(connection, LONG_AFTER, 1, closing={})) == 1
    assert alarms.due(connection, LONG_AFTER, 10, closing={}, without=(UUID(int=2),)) == [UUID(int=1)]


def test_a_resolved_ticket_is_found_once_its_departments_window_is_over(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=480)
    desk.opened("2026-03-30 09:00", policy, 1).then(e.TicketResolved, "2026-03-30 10:00", 1, code="done")
    desk.opened("2026-03-30 09:00", policy, 2).then(e.TicketResolved, "2026-03-30 10:00", 2, code="done")
    desk.then(e.TicketReopened, "2026-03-30 11:00", 2, was="resolved").shown(connection)
    week = {"it": timedelta(days=7), "hr": timedelta(days=1)}
    assert UUID(int=1) not in alarms.due(connection, wall("2026-04-06 09:59"), 10, closing=week)
    assert UUID(int=1) in alarms.due(connection, wall("2026-04-06 10:00"), 10, closing=week)
    assert UUID(int=1) not in alarms.due(connection, LONG_AFTER, 10, closing={"hr": timedelta(days=1)})


def test_a_clock_that_ended_keeps_the_circumstances_it_ended_in(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("p", first_response=60, resolution=480, next_response=60))
    desk.then(e.TicketClaimed, "2026-03-30 09:10", assignee="ann").then(e.AgentReplied, "2026-03-30 09:20", text="hm")
    desk.then(e.TicketRouted, "2026-03-30 10:00", old="desk", new="network")
    desk.then(e.TicketAssigned, "2026-03-30 10:00", old="ann", assignee="bob")
    desk.then(e.RequesterReplied, "2026-03-30 10:30", text="well?").then(e.AgentReplied, "2026-03-30 10:40", text="ah")
    desk.then(e.RequesterReplied, "2026-03-30 10:50", text="and?").shown(connection, (1,))
    first, again = clock(connection, "first_response"), clock(connection, "next_response")
    assert (first["group"], first["assignee"], first["verdict"]) == ("desk", "ann", "met")
    assert (again["group"], again["assignee"], again["elapsed"].seconds) == ("network", "bob", 600)
    assert clock(connection, "next_response", instance=2)["stage"] == "running"
    assert clock(connection)["assignee"] == "bob"
    desk.then(e.TicketResolved, "2026-03-30 11:00", code="done").then(
        e.TicketReopened, "2026-03-30 12:00", was="resolved"
    )
    desk.then(e.TicketReleased, "2026-03-30 12:00", old="bob").shown(connection)
    assert (clock(connection)["stage"], clock(connection)["assignee"]) == ("running", "")
    assert clock(connection, "next_response", instance=2)["assignee"] == "bob"


def test_a_merged_clock_is_neither_met_nor_breached(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=60)
    target = {"target": UUID(int=2), "number": 2}
    desk.opened("2026-03-30 09:00", policy).then(e.TicketMergedInto, "2026-03-30 12:00", **target).shown(connection)
    assert (clock(connection)["stage"], clock(connection)["verdict"]) == ("merged", "none")
    assert numbers(connection, desk, "running", "paused", "breached", "met") == []


def test_a_breach_is_listed_and_counted_when_the_ticket_comes_under_no_policy_any_more(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=60)
    desk.opened("2026-03-30 09:00", policy).then(e.SlaDetached, "2026-03-30 11:00", policy="p", cause="tags")
    desk.shown(connection)
    assert numbers(connection, desk, "breached") == [1]
    assert numbers(connection, desk, "running") == []
    wanted = Wanted(statuses=("breached",))
    (row,) = clocks_wanted(connection, None, wanted, now=wall("2026-03-30 12:00"), policies=desk.policies).rows
    assert (row["verdict"], row["left"], row["decided_at"]) == ("breached", None, wall("2026-03-30 10:00"))
    (share,) = attainment(connection, None, wall("2026-03-30 00:00"), LONG_AFTER, now=LONG_AFTER, by=())
    assert (share.met, share.decided) == (0, 1)


def test_a_ticket_without_a_policy_any_more_has_no_due_time(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=60)
    desk.opened("2026-03-30 09:00", policy).then(e.SlaDetached, "2026-03-30 09:30", policy="p", cause="category")
    desk.shown(connection)
    row = clock(connection)
    assert (row["target"], row["due_at"], row["policy"], row["target_cause"]) == (None, None, None, "category")
    desk.then(e.SlaAttached, "2026-03-30 09:40", **named(policy)).shown(connection)
    assert clock(connection)["due_at"] == wall("2026-03-30 10:00")
