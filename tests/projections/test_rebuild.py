"""A view is built anew beside the one that serves."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg import sql

from domain.envelope import Event
from domain.ticket.events import TicketAssigned, TicketOpened
from projections.engine import (
    UNKNOWN,
    Fenced,
    OtherFeed,
    Projector,
    View,
    ViewChanged,
    ViewStopped,
    complete_to,
    drop_edition,
    hand_over,
    install,
    rebuild,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
Connection = psycopg.Connection[Any]


class Number(msgspec.Struct, frozen=True):
    ticket: UUID
    number: int


class NumberAndName(msgspec.Struct, frozen=True):
    ticket: UUID
    number: int
    assignee: str | None = None


first = View("numbers", 1)
second = View("numbers", 2)
tickets = first.table("tickets", Number, key="ticket", history=True)
named = second.table("tickets", NumberAndName, key="ticket", history=True, indexes=("(assignee)",))


@tickets.on(TicketOpened)
def number(row: Number | None, event: TicketOpened) -> Number:
    return Number(event.stream, event.number)


@named.on(TicketOpened)
def number_and_name(row: NumberAndName | None, event: TicketOpened) -> NumberAndName:
    return NumberAndName(event.stream, event.number)


@named.on(TicketAssigned)
def name(row: NumberAndName, event: TicketAssigned) -> NumberAndName:
    return msgspec.structs.replace(row, assignee=event.assignee)


class Log:
    """A log of events that grows, and the store's feed of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def open(self, ticket: int) -> None:
        opened = TicketOpened(number=ticket, department="it", requester=UUID(int=9), priority=3, **self._next(ticket))
        self.events.append(opened)

    def assign(self, ticket: int, assignee: str) -> None:
        self.events.append(TicketAssigned(assignee=assignee, **self._next(ticket)))

    def _next(self, ticket: int) -> dict[str, Any]:
        position = len(self.events) + 1
        moment = START + timedelta(minutes=position)
        return {"stream": UUID(int=ticket), "position": position, "occurred_at": moment, "effective_at": moment}

    def after(self, position: int) -> Iterator[Sequence[Event]]:
        for start in range(position, len(self.events), 2):
            yield self.events[start : start + 2]


@pytest.fixture
def log() -> Log:
    log = Log()
    for ticket in range(1, 6):
        log.open(ticket)
    log.assign(2, "eve")
    return log


def shown(connection: Connection, columns: str = "number") -> list[Any]:
    return connection.execute(
        sql.SQL("SELECT {} FROM numbers.tickets ORDER BY number").format(sql.SQL(columns))  # type: ignore[arg-type]
    ).fetchall()


def test_a_new_version_replaces_the_old_one_for_readers_at_once(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    Projector(connection, first).apply(log.events)
    edition = rebuild(connection, second, log.after)
    assert edition.name == "numbers_v2"
    assert shown(connection, "number, assignee")[1] == (2, "eve")
    assert complete_to(connection, "numbers") == 6
    with pytest.raises(ViewChanged):
        Projector(connection, first)
    drop_edition(connection, "numbers_v1")


def test_the_same_version_can_be_built_again(connection: Connection, log: Log) -> None:
    assert rebuild(connection, first, log.after).name == "numbers_v1_2"
    assert rebuild(connection, first, log.after).name == "numbers_v1_3"
    assert shown(connection) == [(n,) for n in range(1, 6)]


def test_readers_never_see_time_run_backwards(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    old = Projector(connection, first)
    old.apply(log.events)

    asked: list[int] = []

    def feed(position: int) -> Iterator[Sequence[Event]]:
        """The old edition goes ahead while the new one is filled, until the switch holds it."""
        yield from log.after(position)
        asked.append(position)
        if len(asked) < 3:
            log.open(len(log.events) + 1)
            old.apply(log.events[-1:])

    rebuild(connection, first, feed)
    assert len(asked) == 3
    assert complete_to(connection, "numbers") >= old.position
    assert len(shown(connection)) == sum(isinstance(event, TicketOpened) for event in log.events[: old.position])


def test_whoever_fed_the_old_edition_is_fenced_and_goes_on_with_the_new(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    old = Projector(connection, first)
    old.apply(log.events)
    rebuild(connection, first, log.after)
    log.open(7)
    with pytest.raises(Fenced):
        old.apply(log.events[-1:])
    assert Projector(connection, first).apply(log.events) == 1
    assert shown(connection)[-1] == (7,)


def test_the_marks_of_a_rebuilt_view_are_handed_to_the_partitions(connection: Connection, log: Log) -> None:
    rebuild(connection, first, log.after, partitions=range(3))
    partition = Projector(connection, first, 1)
    assert (partition.next_offset, partition.position) == (UNKNOWN, 6)
    assert partition.apply(log.events, 40) == 0
    assert Projector(connection, first, 1).next_offset == 40
    with pytest.raises(OtherFeed):
        Projector(connection, first)


def test_a_view_fed_from_the_store_goes_on_from_the_topic(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    projector = Projector(connection, first)
    projector.apply(log.events)
    with pytest.raises(OtherFeed):
        Projector(connection, first, 0)
    hand_over(connection, projector.edition, (0, 1))
    assert Projector(connection, first, 0).position == 6
    with pytest.raises(Fenced):
        projector.apply([])


def test_a_rebuild_that_fails_changes_nothing_and_says_where(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    Projector(connection, first).apply(log.events)
    log.assign(99, "eve")
    with pytest.raises(ViewStopped) as stop:
        rebuild(connection, second, log.after)
    assert stop.value.position == 7
    assert connection.execute("SELECT edition FROM projections.editions").fetchall() == [("numbers_v1",)]
    assert connection.execute("SELECT edition, position FROM projections.failures").fetchall() == [("numbers_v2", 7)]
    assert len(shown(connection)) == 5


def test_what_stops_a_rebuild_during_the_switch_is_kept(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    asked: list[int] = []

    def feed(position: int) -> Iterator[Sequence[Event]]:
        asked.append(position)
        if len(asked) == 3:
            log.assign(99, "eve")
        yield from log.after(position)

    with pytest.raises(ViewStopped):
        rebuild(connection, second, feed)
    assert len(asked) == 3
    assert connection.execute("SELECT edition, position FROM projections.failures").fetchall() == [("numbers_v2", 7)]
    assert connection.execute("SELECT edition FROM projections.editions").fetchall() == [("numbers_v1",)]


def test_what_was_granted_on_a_stable_view_stays_granted(connection: Connection, log: Log) -> None:
    install(connection, (first,))
    connection.execute("DO $$ BEGIN CREATE ROLE reader_of_numbers; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    connection.execute("GRANT SELECT ON numbers.tickets TO reader_of_numbers")
    rebuild(connection, second, log.after)
    may = connection.execute("SELECT has_table_privilege('reader_of_numbers', 'numbers.tickets', 'SELECT')").fetchone()
    assert may == (True,)
    connection.execute("DROP OWNED BY reader_of_numbers")
    connection.execute("DROP ROLE reader_of_numbers")
