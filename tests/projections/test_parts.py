"""Rows of one table are parts of the rows of another: one event may change several."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from domain.envelope import Event
from domain.ticket.events import TicketAssigned, TicketCancelled, TicketOpened, TicketTagged, TicketUntagged
from projections.engine import Projector, View, install

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
Connection = psycopg.Connection[Any]


class Ticket(msgspec.Struct, frozen=True):
    ticket: UUID
    tags: tuple[str, ...]
    assignee: str = ""


class Label(msgspec.Struct, frozen=True):
    """A tag of a ticket, with who sees to it."""

    ticket: UUID
    tag: str
    assignee: str


def labels_of(row: Ticket) -> Iterator[Label]:
    return (Label(row.ticket, tag, row.assignee) for tag in row.tags)


desk = View("labelled", 1)
tickets = desk.table("tickets", Ticket, key="ticket")
labels = desk.parts("labels", Label, of=tickets, parts_of=labels_of, key=("ticket", "tag"), history=True)


@tickets.on(TicketOpened)
def stick(row: Ticket | None, event: TicketOpened) -> Ticket:
    return Ticket(event.stream, event.tags)


@tickets.on(TicketTagged)
def stick_on(row: Ticket, event: TicketTagged) -> Ticket:
    return replace(row, tags=(*row.tags, event.tag))


@tickets.on(TicketUntagged)
def tear_off(row: Ticket, event: TicketUntagged) -> Ticket:
    return replace(row, tags=tuple(tag for tag in row.tags if tag != event.tag))


@tickets.on(TicketAssigned)
def see_to(row: Ticket, event: TicketAssigned) -> Ticket:
    return replace(row, assignee=event.assignee)


@tickets.on(TicketCancelled)
def throw_away(row: Ticket, event: TicketCancelled) -> None:
    return None


def event(kind: type[Event], stream: UUID, position: int, **fields: Any) -> Event:
    moment = START + timedelta(hours=position)
    stamps = {"position": position, "recorded_at": moment, "occurred_at": moment, "effective_at": moment}
    return kind(stream=stream, version=position, **stamps, **fields)  # type: ignore[arg-type]


def opened(stream: UUID, position: int, *tags: str) -> Event:
    return event(TicketOpened, stream, position, number=1, department="it", requester=ONE, priority=3, tags=tags)


LIFE = [
    opened(ONE, 1, "a", "b"),
    opened(TWO, 2, "a"),
    event(TicketAssigned, ONE, 3, assignee="eve"),
    event(TicketUntagged, ONE, 4, tag="a"),
    event(TicketTagged, ONE, 5, tag="c\x00"),
    event(TicketTagged, ONE, 6, tag="a"),
    event(TicketAssigned, TWO, 7, assignee="bob"),
    event(TicketCancelled, TWO, 8),
]


@pytest.mark.parametrize(("size", "remember"), [(len(LIFE), 100), (3, 100), (1, 100), (1, 0), (2, 1)])
def test_parts_follow_their_whole_whatever_the_batches(connection: Connection, size: int, remember: int) -> None:
    install(connection, (desk,))
    projector = Projector(connection, desk, remember=remember)
    for start in range(0, len(LIFE), size):
        projector.apply(LIFE[start : start + size])
    now = connection.execute("SELECT ticket, tag, assignee FROM labelled.labels ORDER BY tag").fetchall()
    assert now == [(ONE, "a", "eve"), (ONE, "b", "eve"), (ONE, "c\ufffd", "eve")]
    past = connection.execute(
        "SELECT ticket, tag, assignee, from_position, extract(epoch FROM valid_to - valid_from)::int / 3600 "
        "FROM labelled.labels_past ORDER BY 1, 2, 4"
    ).fetchall()
    assert past == [
        (ONE, "a", "", 1, 2),
        (ONE, "a", "eve", 3, 1),
        (ONE, "b", "", 1, 2),
        (TWO, "a", "", 2, 5),
        (TWO, "a", "bob", 7, 1),
    ]


def test_parts_are_of_a_table_of_the_same_view() -> None:
    with pytest.raises(TypeError, match="no table of other"):
        View("other", 1).parts("labels", Label, of=tickets, parts_of=labels_of, key=("ticket", "tag"))
