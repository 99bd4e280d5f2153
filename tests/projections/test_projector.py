"""Batches of events become rows, and every event counts exactly once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from domain.envelope import Event
from domain.ticket.events import TicketAssigned, TicketCancelled, TicketNoted, TicketOpened, TicketReleased
from projections.engine import (
    Fenced,
    History,
    Projector,
    View,
    ViewStopped,
    apply_abreast,
    complete_to,
    install,
    skip,
)
from projections.engine.editions import create_edition

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


class Desk(msgspec.Struct, frozen=True):
    """Who sits on which ticket."""

    ticket: UUID
    number: int
    assignee: str | None
    tags: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """What was noted."""

    ticket: UUID
    text: str


desk = View("desk", 1)
desks = desk.table("desks", Desk, key="ticket", history=History(by=(("assignee",),)), indexes=("(number)",))
said = desk.journal("said", Said, indexes=("(ticket)",))


@desks.on(TicketOpened)
def sit_down(row: Desk | None, event: TicketOpened) -> Desk:
    return Desk(ticket=event.stream, number=event.number, assignee=None, tags=event.tags)


@desks.on(TicketAssigned)
def hand_over(row: Desk, event: TicketAssigned) -> Desk:
    return replace(row, assignee=event.assignee)


@desks.on(TicketReleased)
def let_go(row: Desk, event: TicketReleased) -> Desk:
    return replace(row, assignee=None)


@desks.on(TicketCancelled)
def stand_up(row: Desk, event: TicketCancelled) -> Desk | None:
    return None


@said.on(TicketNoted)
def write_down(event: TicketNoted) -> list[Said]:
    return [Said(event.stream, word) for word in event.text.split(" ")]


def at(position: int, hour: float = 0) -> dict[str, Any]:
    moment = START + timedelta(hours=hour or position)
    return {"position": position, "recorded_at": moment, "occurred_at": moment, "effective_at": moment}


def opened(stream: UUID, position: int, **more: Any) -> Event:
    return TicketOpened(
        stream=stream,
        version=1,
        number=position,
        department="it",
        requester=UUID(int=9),
        priority=3,
        **at(position),
        **more,
    )


def assigned(stream: UUID, position: int, assignee: str, hour: float = 0) -> Event:
    return TicketAssigned(stream=stream, version=2, assignee=assignee, **at(position, hour))


@pytest.fixture
def projector(connection: psycopg.Connection[Any]) -> Projector:
    install(connection, (desk,))
    return Projector(connection, desk)


def rows(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return connection.execute(query).fetchall()  # type: ignore[arg-type]


def test_a_batch_becomes_rows(connection: psycopg.Connection[Any], projector: Projector) -> None:
    noted = TicketNoted(stream=ONE, text="half done", **at(4))
    assert projector.apply([opened(ONE, 1, tags=("a b", 'c"d')), opened(TWO, 2), assigned(ONE, 3, "eve"), noted]) == 4
    assert rows(connection, "SELECT number, assignee, tags FROM desk.desks ORDER BY number") == [
        (1, "eve", ["a b", 'c"d']),
        (2, None, []),
    ]
    assert rows(connection, "SELECT position, n, text FROM desk.said ORDER BY 1, 2") == [(4, 0, "half"), (4, 1, "done")]
    assert complete_to(connection, "desk") == 4


def test_an_event_delivered_twice_counts_once(connection: psycopg.Connection[Any], projector: Projector) -> None:
    first = [opened(ONE, 1), TicketNoted(stream=ONE, text="a", **at(2))]
    again = [*first, TicketNoted(stream=ONE, text="b", **at(3)), *first]
    assert projector.apply(first, 2) == 2
    assert projector.apply(again, 5) == 1
    assert rows(connection, "SELECT text FROM desk.said ORDER BY position") == [("a",), ("b",)]


def test_a_reader_that_has_lost_its_partition_is_fenced(
    connection: psycopg.Connection[Any], projector: Projector
) -> None:
    other = Projector(connection, desk)
    other.apply([opened(ONE, 1)])
    with pytest.raises(Fenced):
        projector.apply([opened(ONE, 1), opened(TWO, 2)])
    assert rows(connection, "SELECT number FROM desk.desks") == [(1,)]


def test_each_change_closes_an_interval_on_the_effective_axis(
    connection: psycopg.Connection[Any], projector: Projector
) -> None:
    projector.apply(
        [opened(ONE, 1), assigned(ONE, 2, "eve", 5), assigned(ONE, 3, "bob", 5), assigned(ONE, 4, "ann", 9)]
    )
    projector.apply([TicketCancelled(stream=ONE, **at(5, 12))])
    history = rows(
        connection, "SELECT assignee, valid_from, valid_to, from_position FROM desk.desks_history ORDER BY valid_from"
    )
    hours = [
        (who, (since - START) / timedelta(hours=1), (to - START) / timedelta(hours=1), p)
        for who, since, to, p in history
    ]
    assert hours == [(None, 1, 5, 1), ("bob", 5, 9, 3), ("ann", 9, 12, 4)]
    assert rows(connection, "SELECT * FROM desk.desks") == []


@pytest.mark.parametrize(
    ("hour", "who"), [(0.5, []), (1, [None]), (4.99, [None]), (5, ["eve"]), (9, ["ann"]), (99, ["ann"])]
)
def test_the_past_can_be_asked_for(
    connection: psycopg.Connection[Any], projector: Projector, hour: float, who: list[str | None]
) -> None:
    projector.apply([opened(ONE, 1), assigned(ONE, 2, "eve", 5), assigned(ONE, 4, "ann", 9)])
    found = connection.execute("SELECT assignee FROM desk.desks_at(%s)", (START + timedelta(hours=hour),)).fetchall()
    assert [row[0] for row in found] == who


def test_an_event_that_cannot_be_applied_stops_the_view_before_it(
    connection: psycopg.Connection[Any], projector: Projector
) -> None:
    batch = [opened(ONE, 1), assigned(TWO, 2, "secret"), assigned(ONE, 3, "eve")]
    with pytest.raises(ViewStopped) as stop:
        projector.apply(batch, 77)
    assert (stop.value.position, stop.value.event_type) == (2, "ticket.assigned.v1")
    assert complete_to(connection, "desk") == 1
    assert projector.next_offset == 0
    assert rows(connection, "SELECT position, type, error FROM projections.failures") == [
        (2, "ticket.assigned.v1", "projections.engine.errors.RowMissing")
    ]
    skip(connection, desk, 2, by="olga", reason="its ticket was never opened")
    assert Projector(connection, desk).apply(batch, 77) == 1
    assert complete_to(connection, "desk") == 3
    assert rows(connection, "SELECT assignee FROM desk.desks") == [("eve",)]


def test_text_that_postgresql_cannot_hold_does_not_stop_the_view(
    connection: psycopg.Connection[Any], projector: Projector
) -> None:
    projector.apply([opened(ONE, 1), assigned(ONE, 2, "e\x00ve"), TicketNoted(stream=ONE, text="\x00", **at(3))])
    assert rows(connection, "SELECT assignee FROM desk.desks") == [("e\ufffdve",)]


def test_an_idle_partition_is_complete_up_to_the_head(connection: psycopg.Connection[Any]) -> None:
    install(connection, (desk,))
    busy, idle = Projector(connection, desk, 0), Projector(connection, desk, 1)
    busy.apply([opened(ONE, 1), opened(TWO, 2)], 2)
    assert complete_to(connection, "desk") == 0
    idle.apply([], 1, head=2)
    assert complete_to(connection, "desk") == 2


@pytest.fixture
def abreast(connection: psycopg.Connection[Any]) -> tuple[Projector, Projector]:
    """The projectors of two partitions, which share their memory."""
    install(connection, (desk,))
    first = Projector(connection, desk, 0)
    return first, Projector(connection, desk, 1, beside=first)


def test_partitions_counted_abreast_stand_as_if_each_was_counted_by_itself(
    connection: psycopg.Connection[Any], abreast: tuple[Projector, Projector]
) -> None:
    left, right = abreast
    assert apply_abreast([(left, [opened(ONE, 1)], 7, 2), (right, [opened(TWO, 2)], 9, 0)])
    assert apply_abreast([(left, [opened(ONE, 1), assigned(ONE, 3, "eve")], 8, 0), (right, [], 9, 3)])
    assert rows(connection, "SELECT number, assignee FROM desk.desks ORDER BY 1") == [(1, "eve"), (2, None)]
    marks = rows(connection, "SELECT partition, next_offset, position FROM projections.marks ORDER BY 1")
    assert marks == [(0, 8, 3), (1, 9, 3)]


def test_nothing_is_counted_abreast_once_one_partition_is_lost(
    connection: psycopg.Connection[Any], abreast: tuple[Projector, Projector]
) -> None:
    left, right = abreast
    Projector(connection, desk, 1).apply([opened(TWO, 1)], 4)
    assert not apply_abreast([(left, [opened(ONE, 2)], 7, 0), (right, [opened(TWO, 1)], 4, 0)])
    assert rows(connection, "SELECT number FROM desk.desks") == [(1,)]
    with pytest.raises(Fenced):
        right.apply([opened(TWO, 1)], 4)
    assert left.apply([opened(ONE, 2)], 7) == 1


def test_an_event_that_cannot_be_applied_stops_its_own_partition_only(
    connection: psycopg.Connection[Any], abreast: tuple[Projector, Projector]
) -> None:
    left, right = abreast
    good, bad = (left, [opened(ONE, 1)], 7, 0), (right, [assigned(TWO, 2, "eve")], 9, 0)
    assert not apply_abreast([good, bad])
    assert rows(connection, "SELECT * FROM desk.desks") == []
    with pytest.raises(ViewStopped):
        right.apply(*bad[1:])
    assert left.apply(*good[1:]) == 1
    assert rows(connection, "SELECT number FROM desk.desks") == [(1,)]


def test_a_partition_that_comes_back_is_not_taken_from_memory(
    connection: psycopg.Connection[Any], abreast: tuple[Projector, Projector]
) -> None:
    left, right = abreast
    right.apply([opened(TWO, 1)], 1)
    Projector(connection, desk, 1).apply([assigned(TWO, 2, "bob")], 2)
    again = Projector(connection, desk, 1, beside=left)
    again.apply([TicketNoted(stream=TWO, text="back", **at(3)), assigned(TWO, 4, "eve")], 4)
    history = rows(connection, "SELECT assignee FROM desk.desks_history ORDER BY valid_from")
    assert history == [(None,), ("bob",), ("eve",)]


@pytest.fixture
def emptied(connection: psycopg.Connection[Any]) -> Projector:
    """The projector of a new edition, which has to look nothing up."""
    install(connection, (desk,))
    edition = create_edition(connection, desk)
    return Projector(connection, desk, edition=edition, remember=1)


TOO_LARGE = replace(opened(UUID(int=3), 4), number=2**63)
"""It folds, but PostgreSQL cannot take it."""


def test_batches_after_one_another_give_what_each_by_itself_gives(
    connection: psycopg.Connection[Any], emptied: Projector
) -> None:
    batches = [[opened(ONE, 1), opened(TWO, 2)], [assigned(TWO, 3, "bob")], [assigned(ONE, 4, "eve")], []]
    assert list(emptied.apply_all(batches)) == [2, 3, 4, 4]
    assert emptied.position == 4
    by = sql.Identifier(emptied.edition.name, "desks_history")
    found = connection.execute(sql.SQL("SELECT number, assignee FROM {} ORDER BY valid_from").format(by)).fetchall()
    assert found == [(1, None), (2, None), (2, "bob"), (1, "eve")]


@pytest.mark.parametrize("bad", [TOO_LARGE, assigned(UUID(int=3), 4, "nobody's")], ids=["written", "folded"])
def test_the_event_is_found_that_a_later_batch_had_been_folded_after(
    connection: psycopg.Connection[Any], emptied: Projector, bad: Event
) -> None:
    batches = [[opened(ONE, 1), opened(TWO, 2)], [assigned(ONE, 3, "eve"), bad], [assigned(TWO, 5, "bob")]]
    with pytest.raises(ViewStopped) as stop:
        list(emptied.apply_all(batches))
    assert stop.value.position == 4
    assert emptied.position == 3
    here = sql.Identifier(emptied.edition.name, "desks")
    found = connection.execute(sql.SQL("SELECT number, assignee FROM {} ORDER BY 1").format(here)).fetchall()
    assert found == [(1, "eve"), (2, None)]
