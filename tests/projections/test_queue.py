"""The queue: its rows agree with the tickets, and its lists show what the caller may see, in order, whole."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from domain.envelope import Event
from domain.ticket.events import TicketEvent
from domain.ticket.state import Ticket, fold
from lives import DEPARTMENTS, GROUPS, POLICIES, Desk
from machines import Databases
from projections.engine import Projector, install
from projections.engine.cursors import CursorNotValid, cursor_at
from projections.queue import queue
from projections.queue.queries import (
    SORTS,
    Row,
    Scope,
    Wanted,
    counts,
    queue_named,
    terms,
    tickets,
)

Connection = psycopg.Connection[Any]
EVERY_STATE = ("new", "in_progress", "on_hold", "resolved", "closed", "cancelled")
EVERYTHING = Wanted(states=EVERY_STATE, merged=True, spam=True)
ALL = Scope(departments=None)
AGENT = Scope(departments=None, notes=True)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(3, 40)


@pytest.fixture(scope="module")
def events(desk: Desk) -> list[Event]:
    return list(desk.events(1200))


@pytest.fixture(scope="module")
def shown(databases: Databases, events: list[Event]) -> Iterator[Connection]:
    """A desk's queue, which the tests of this file only read."""
    dsn = databases.fresh(None)
    with psycopg.connect(dsn, autocommit=True) as connection:
        install(connection, (queue,))
        Projector(connection, queue, versions=POLICIES).apply(events)
        yield connection
    databases.drop(dsn)


def tickets_of(events: list[Event], at: datetime | None = None) -> dict[UUID, Ticket]:
    """The tickets by their own streams, as of ``at``."""
    streams: dict[UUID, list[Event]] = {}
    for event in events:
        if isinstance(event, TicketEvent) and (at is None or event.effective_at <= at):
            streams.setdefault(event.stream, []).append(event)
    return {stream: fold(facts) for stream, facts in streams.items()}


def whole(connection: Connection, scope: Scope, wanted: Wanted, **more: Any) -> list[Row]:
    """A list, page by page."""
    rows: list[Row] = []
    after = None
    while True:
        page = tickets(connection, scope, wanted, after=after, limit=7, **more)
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == 7
        after = page.next


AGREED = (
    "ticket version number department group assignee requester title status hold_reason hold_until priority impact "
    "urgency category request_type level opened_at updated_at resolved_at closed_at merged_into spam"
)


def ticket_as(get: Callable[[str], Any]) -> dict[str, Any]:
    return {name: get(name) for name in AGREED.split()}


@pytest.mark.parametrize("hours", [None, 4, 20, 40])
def test_the_queue_agrees_with_every_ticket_at_any_moment(
    shown: Connection, events: list[Event], hours: float | None
) -> None:
    at = None if hours is None else events[0].effective_at + timedelta(hours=hours)
    expected = tickets_of(events, at)
    rows = {row["ticket"]: row for row in whole(shown, ALL, EVERYTHING, at=at)}
    assert rows.keys() == expected.keys()
    for ticket, row in rows.items():
        assert {name: row[name] for name in AGREED.split()} == {
            name: getattr(expected[ticket], name) for name in AGREED.split()
        }
        assert set(row["tags"]) == expected[ticket].tags


@pytest.mark.parametrize("at", [None, 30])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "wanted",
    [
        EVERYTHING,
        Wanted(),
        Wanted(group="desk"),
        Wanted(department="hr", states=EVERY_STATE),
        Wanted(assignee="alice"),
        Wanted(assignee=""),
        Wanted(priority=1, tag="printer", states=EVERY_STATE),
    ],
    ids=str,
)
def test_pages_together_hold_each_wanted_ticket_once_and_in_order(
    shown: Connection, events: list[Event], wanted: Wanted, sort: str, at: int | None
) -> None:
    moment = None if at is None else events[0].effective_at + timedelta(hours=at)
    rows = whole(shown, ALL, wanted, sort=sort, at=moment)
    expected = {key for key, ticket in tickets_of(events, moment).items() if matches(ticket, wanted)}
    assert sorted(row["ticket"] for row in rows) == sorted(expected)
    column = {"due": "due_at", "opened": "opened_at", "updated": "updated_at"}.get(sort, sort)
    known = [row[column] for row in rows if row[column] is not None]
    assert known == sorted(known, reverse=sort == "updated")
    assert [row[column] for row in rows[len(known) :]] == [None] * (len(rows) - len(known))


def matches(ticket: Ticket, wanted: Wanted) -> bool:
    """The same question, put to a ticket."""
    return (
        ticket.status in wanted.states
        and wanted.group in (None, ticket.group)
        and wanted.department in (None, ticket.department)
        and wanted.assignee in (None, ticket.assignee)
        and wanted.priority in (None, ticket.priority)
        and (wanted.tag is None or wanted.tag in ticket.tags)
        and (wanted.merged or ticket.merged_into is None)
        and (wanted.spam or not ticket.spam)
    )


@pytest.mark.parametrize("at", [None, 30])
def test_other_departments_do_not_exist(shown: Connection, events: list[Event], at: int | None) -> None:
    moment = None if at is None else events[0].effective_at + timedelta(hours=at)
    for department in DEPARTMENTS:
        scope = Scope(departments=frozenset({department}))
        rows = whole(shown, scope, EVERYTHING, at=moment)
        today = {key for key, ticket in tickets_of(events).items() if ticket.department == department}
        assert {row["ticket"] for row in rows} == today & tickets_of(events, moment).keys()
        counted = counts(shown, scope, events[-1].recorded_at, states=EVERY_STATE, at=moment)
        plain = Wanted(states=EVERY_STATE)
        assert sum(row["tickets"] for row in counted) == len(whole(shown, scope, plain, at=moment))
    assert whole(shown, Scope(departments=frozenset()), EVERYTHING, at=moment) == []


@pytest.mark.parametrize("at", [None, 30])
def test_a_requester_sees_their_own_tickets_only(
    shown: Connection, desk: Desk, events: list[Event], at: int | None
) -> None:
    moment = None if at is None else events[0].effective_at + timedelta(hours=at)
    person = desk.people[0]
    scope = Scope(departments=None, requester=person)
    own = {key for key, ticket in tickets_of(events).items() if ticket.requester == person}
    then = tickets_of(events, moment)
    assert {row["ticket"] for row in whole(shown, scope, EVERYTHING, at=moment)} == own & then.keys()
    other = Wanted(states=EVERY_STATE, requester=desk.people[1], merged=True, spam=True)
    were_the_others = {key for key in own & then.keys() if then[key].requester == desk.people[1]}
    assert {row["ticket"] for row in whole(shown, scope, other, at=moment)} == were_the_others


def test_search_finds_public_words_for_all_and_notes_for_agents_only(shown: Connection) -> None:
    assert whole(shown, ALL, Wanted(states=EVERY_STATE, words="confidential")) == []
    assert whole(shown, AGENT, Wanted(states=EVERY_STATE, words="confidential")) != []
    found = whole(shown, ALL, Wanted(states=EVERY_STATE, merged=True, spam=True, words="printer network"))
    without = whole(shown, ALL, Wanted(states=EVERY_STATE, merged=True, spam=True, words="printer -network"))
    assert found != []
    assert not {row["number"] for row in found} & {row["number"] for row in without}


def test_search_as_of_a_moment_finds_nothing_that_was_said_later(shown: Connection, events: list[Event]) -> None:
    first = next(event for event in events if isinstance(event, TicketEvent))
    rows = whole(shown, AGENT, Wanted(states=EVERY_STATE, words="confidential"), at=first.effective_at)
    assert rows == []


def test_counts_add_up_to_the_list(shown: Connection, events: list[Event]) -> None:
    now = events[-1].recorded_at
    counted = counts(shown, ALL, now)
    assert sum(row["tickets"] for row in counted) == len(whole(shown, ALL, Wanted()))
    assert sum(row["unassigned"] for row in counted) == len(whole(shown, ALL, Wanted(assignee="")))
    past = events[0].effective_at + timedelta(hours=30)
    assert sum(row["tickets"] for row in counts(shown, ALL, now, at=past)) == len(whole(shown, ALL, Wanted(), at=past))


def test_a_row_carries_the_names_to_show(shown: Connection) -> None:
    row = whole(shown, ALL, Wanted(group="desk"))[0]
    assert row["department_name"] == row["department"].upper()
    assert row["requester_name"] != ""
    assert row["group_name"] != ""


def test_a_cursor_of_another_list_is_refused(shown: Connection) -> None:
    cursor = tickets(shown, ALL, EVERYTHING, limit=5).next
    for bad in (cursor, "nonsense", "WyJudW1iZXIiLCJ4IiwxXQ", "'"):
        with pytest.raises(CursorNotValid):
            tickets(shown, ALL, EVERYTHING, sort="number", after=bad)


def test_whatever_a_cursor_holds_it_is_a_place_in_the_list_or_refused(shown: Connection) -> None:
    values = st.one_of(
        st.text(),
        st.integers().map(str),
        st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat),
        st.sampled_from(
            ["infinity", "-infinity", "now", "2026-W01-1", "1_0", "\uff11", "2026-01-01T00:00:00+00:00\x00"]
        ),
    )

    @settings(max_examples=200, deadline=None)
    @for_all(sort=st.sampled_from(sorted(SORTS)), value=values, number=st.integers())
    def hold(sort: str, value: str, number: int) -> None:
        with suppress(CursorNotValid):
            tickets(shown, ALL, EVERYTHING, sort=sort, after=cursor_at((sort, value, number)), limit=1)

    hold()


def test_a_queue_is_a_group_or_a_department(shown: Connection) -> None:
    assert queue_named(shown, GROUPS[0]) == Wanted(group=GROUPS[0])
    assert queue_named(shown, DEPARTMENTS[0]) == Wanted(department=DEPARTMENTS[0])
    assert queue_named(shown, "nobody") is None


@pytest.mark.parametrize(
    ("words", "parted"),
    [
        ("printer jam", [("printer", True), ("jam", True)]),
        ('"paper jam" -tray', [('"paper jam"', True), ("tray", False)]),
        ("printer OR scanner", [("printer OR scanner", True)]),
        ("& | !", []),
    ],
)
def test_a_search_is_parted_into_terms(words: str, parted: list[tuple[str, bool]]) -> None:
    assert terms(words) == parted
