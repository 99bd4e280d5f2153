"""The row of a ticket agrees with the ticket itself, and the rows of what happened with the row of the ticket."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from domain.envelope import Event
from domain.ticket import events as e
from domain.ticket.state import Ticket, fold
from lives import NORMAL, POLICIES
from projections.engine import Projector
from projections.reporting import Question, reporting, resolution_times

Connection = psycopg.Connection[Any]
MONDAY = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
ONE = UUID(int=1)


def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def tickets_of(history: list[Event]) -> dict[UUID, Ticket]:
    streams: dict[UUID, list[Event]] = defaultdict(list)
    for event in history:
        streams[event.stream].append(event)
    return {stream: fold(events) for stream, events in streams.items()}


def test_the_row_of_a_ticket_agrees_with_the_ticket(desk: Connection, history: list[Event]) -> None:
    tickets = tickets_of(history)
    found = rows(desk, "SELECT * FROM reporting.tickets")
    assert {row["ticket"] for row in found} == set(tickets)
    same = ("number", "status", "department", "group", "assignee", "requester", "category", "request_type", "channel")
    same += ("priority", "tier", "level", "spam", "opened_at", "resolved_at", "closed_at", "group_changes", "rating")
    for row in found:
        ticket = tickets[row["ticket"]]
        assert {name: row[name] for name in same} == {name: getattr(ticket, name) for name in same}
        assert row["merged"] == (ticket.merged_into is not None)
        assert row["reopenings"] == ticket.reopen_count
        assert (row["agent_replies"], row["requester_replies"]) == (ticket.public_replies, ticket.requester_replies)
        assert row["minutes"] == sum(entry.minutes for entry in ticket.time_entries)
        assert row["billable_minutes"] == sum(entry.minutes for entry in ticket.time_entries if entry.billable)


def test_what_happened_adds_up_to_the_row_of_the_ticket(desk: Connection) -> None:
    wrong = rows(
        desk,
        "SELECT t.number FROM reporting.tickets t WHERE "
        "reopenings <> (SELECT count(*) FROM reporting.milestones m WHERE m.ticket = t.ticket AND what = 'reopened') "
        "OR group_changes <> (SELECT count(*) FROM reporting.group_changes g WHERE g.ticket = t.ticket) "
        "OR agent_replies <> (SELECT count(*) FROM reporting.replies r WHERE r.ticket = t.ticket AND by_agent) "
        "OR minutes <> (SELECT coalesce(sum(minutes), 0) FROM reporting.time_entries e WHERE e.ticket = t.ticket)",
    )
    assert wrong == []


def life(*steps: tuple[float, Event]) -> list[Event]:
    """Events of one ticket, each so many hours after Monday, ten o'clock in Berlin."""
    return [
        type(event)(
            **{name: getattr(event, name) for name in event.__struct_fields__}
            | {"stream": ONE, "version": n, "position": n}
            | dict.fromkeys(("occurred_at", "effective_at", "recorded_at"), MONDAY + timedelta(hours=hours))
        )
        for n, (hours, event) in enumerate(steps, 1)
    ]


OPENED = e.TicketOpened(number=1, department="it", requester=ONE, priority=3)
ATTACHED = e.SlaAttached(policy="normal", policy_version=1, calendar="office", calendar_version=1)


def the_row(connection: Connection, events: list[Event]) -> dict[str, Any]:
    Projector(connection, reporting, versions=POLICIES).apply(events)
    return rows(connection, "SELECT * FROM reporting.tickets")[0]


def test_business_minutes_leave_out_the_night(connection: Connection) -> None:
    assert NORMAL.calendar.zone == "Europe/Berlin"
    answered, resolved = (23, e.AgentReplied(text="Try again.")), (25, e.TicketResolved(code="done"))
    row = the_row(connection, life((0, OPENED), (0, ATTACHED), answered, resolved))
    assert row["first_response_business_minutes"] == 7 * 60
    assert row["resolution_business_minutes"] == 7 * 60 + 2 * 60


def test_without_a_service_level_there_are_no_business_minutes(connection: Connection) -> None:
    row = the_row(connection, life((0, OPENED), (1, e.AgentReplied(text="Hm.")), (2, e.TicketResolved(code="done"))))
    assert row["first_response_at"] == MONDAY + timedelta(hours=1)
    assert row["first_response_business_minutes"] is None
    assert row["resolution_business_minutes"] is None


def test_the_requester_waits_from_the_oldest_message_that_nobody_answered(connection: Connection) -> None:
    ask, automatic = e.RequesterReplied(text="?"), e.AgentReplied(text="Got it.", automatic=True)
    answer = e.AgentReplied(text="!")
    steps = ((0, OPENED), (0, ATTACHED), (1, ask), (2, answer), (3, ask), (4, ask), (5, automatic), (6, answer))
    row = the_row(connection, life(*steps))
    assert row["first_response_at"] == MONDAY + timedelta(hours=2)
    assert (row["asked_at"], row["answered_at"]) == (MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=6))
    assert row["answer_business_minutes"] == 180
    assert row["waiting_since"] is None


def test_a_ticket_changes_hands_only_from_one_agent_to_another(connection: Connection) -> None:
    alice, bob = (e.TicketAssigned(assignee=name) for name in ("alice", "bob"))
    steps = (
        (0, OPENED),
        (1, alice),
        (2, e.TicketReleased(old="alice")),
        (3, alice),
        (4, e.TicketClaimed(assignee="bob")),
    )
    row = the_row(connection, life(*steps, (5, bob)))
    assert (row["assignee"], row["assignee_changes"]) == ("bob", 1)


def test_reopening_takes_the_resolution_back_but_not_the_first_one(connection: Connection) -> None:
    resolved, reopened = e.TicketResolved(code="done"), e.TicketReopened(was="resolved")
    row = the_row(connection, life((0, OPENED), (0, ATTACHED), (1, resolved), (2, reopened)))
    assert row["first_resolved_at"] == MONDAY + timedelta(hours=1)
    assert (row["resolved_at"], row["resolution_business_minutes"], row["status"]) == (None, None, "in_progress")


def test_what_an_import_puts_right_is_counted_as_put_right(connection: Connection) -> None:
    resolved, closed = e.TicketResolved(code="done"), e.TicketClosed()
    right = {"opened_at": -2, "resolved_at": 4, "closed_at": 7}
    new: dict[str, Any] = {name: (MONDAY + timedelta(hours=hours)).isoformat() for name, hours in right.items()}
    corrected = e.TicketCorrected(old={}, new={**new, "reopen_count": 2}, why="the source says so")
    cleared = e.TicketCorrected(old={}, new={"closed_at": None}, why="the source says so")
    events = life((0, OPENED), (0, ATTACHED), (1, resolved), (2, closed), (6, corrected))
    row, ticket = the_row(connection, events), fold(events)
    assert (row["opened_at"], row["resolved_at"]) == (ticket.opened_at, ticket.resolved_at)
    assert (row["closed_at"], row["reopenings"]) == (ticket.closed_at, ticket.reopen_count)
    assert row["resolution_business_minutes"] == (1 + 4) * 60
    asked = Question(since=MONDAY, until=MONDAY + timedelta(days=1))
    assert resolution_times(connection, asked).rows[0][1:3] == (1, 60.0)
    events = life((0, OPENED), (0, ATTACHED), (1, resolved), (2, closed), (6, corrected), (7, cleared))
    assert the_row(connection, events)["closed_at"] is None
