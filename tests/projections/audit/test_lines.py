"""Every event is a line of the journal, found by whoever may see it, with nothing personal in it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from domain.envelope import Act, Actor, Event, Seal, personal_fields
from domain.setup.events import SETUP, SetupEvent
from domain.ticket.events import TicketAssigned, TicketEvent, TicketOpened, TicketTransferred
from examples import EVENTS, MONDAY, OTHER, TICKET, placed
from projections.audit import Wanted, audit, lines
from projections.engine import Projector, install

Connection = psycopg.Connection[Any]
SOMEWHERE = {"ticket": TICKET, "setup": SETUP}
HOUR = timedelta(hours=1)


def sealed_for_good(event: Event) -> Event:
    """With the seal it would have been stored with; opened, so that its texts are there to leak."""
    filled = {name: "c2VhbGVk" for name in personal_fields(type(event)) if getattr(event, name)}
    return replace(event, seal=Seal(event.stream, "", filled)) if filled else event


def record() -> list[Event]:
    """An example of every event, an hour apart, and a second ticket in another department."""
    found: list[Event] = []
    for position, event in enumerate(EVENTS, 1):
        stream = TICKET if isinstance(event, TicketEvent) else SETUP if isinstance(event, SetupEvent) else OTHER
        found.append(sealed_for_good(placed(event, position, position, MONDAY + position * HOUR, stream)))
    other = TicketOpened(number=4000, department="finance", requester=OTHER, priority=3)
    act = Act(actor=Actor(kind="service", id="payroll"), channel="kafka", correlation_id="c-1")
    for event in (other, TicketAssigned(assignee="bob"), TicketTransferred(old="finance", new="legal")):
        position = len(found) + 1
        found.append(replace(placed(event, position, position, MONDAY + position * HOUR, OTHER), act=act))
    return found


@pytest.fixture
def events() -> list[Event]:
    return record()


@pytest.fixture
def journal(database: str, events: list[Event]) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        install(connection, (audit,))
        Projector(connection, audit).apply(events)
        yield connection


def positions(connection: Connection, **wanted: Any) -> list[int]:
    return [line["position"] for line in lines(connection, Wanted(**wanted), limit=1000).lines]


def test_every_event_is_a_line(journal: Connection, events: list[Event]) -> None:
    found = lines(journal, Wanted(), limit=1000).lines
    assert [(line["position"], line["type"], line["stream"]) for line in found] == [
        (event.position, event.TYPE, event.stream) for event in events
    ]
    assert {line["kind"] for line in found} == {"ticket", "person", "setup", "access", "request", "erasure", "letter"}
    assert all(line["recorded_at"] == event.recorded_at for line, event in zip(found, events, strict=True))


def test_nothing_personal_is_in_the_tables(journal: Connection, events: list[Event]) -> None:
    everything = "\n".join(
        str(row) for table in ("lines", "tickets") for row in journal.execute(f"SELECT t::text FROM audit.{table} t")
    )
    personal = [str(getattr(event, name)) for event in events for name in personal_fields(type(event))]
    texts = [text for text in personal if len(text) > 4]
    assert len(texts) > 25
    assert not [text for text in texts if text in everything]
    assert "mother" not in everything
    assert "0000000000000000" not in everything.replace("00000000-0000-4000-8000-000000000001", "")


def test_a_line_says_what_the_event_says_beside_that(journal: Connection) -> None:
    assigned = lines(journal, Wanted(types=("ticket.assigned.v1",))).lines[0]
    assert assigned["content"] == {"old": "carol", "assignee": "bob"}
    assert assigned["withheld"] == ["reason"]
    assert (assigned["number"], assigned["department"]) == (3847, "hr")
    assert (assigned["actor_kind"], assigned["actor"], assigned["channel"]) == ("agent", "alice", "http")


def test_lines_are_found_by_ticket_actor_type_period_and_department(journal: Connection, events: list[Event]) -> None:
    of = {event.position: event for event in events}
    refused = next(event.position for event in events if event.TYPE == "access.refused.v1")
    about = positions(journal, number=3847)
    assert about == positions(journal, ticket=TICKET)
    assert refused in about
    assert [of[position].TYPE for position in positions(journal, number=4000)] == [
        "ticket.opened.v1",
        "ticket.assigned.v1",
        "ticket.transferred.v1",
    ]
    assert positions(journal, actor="payroll") == positions(journal, number=4000)
    assert {of[position].TYPE for position in positions(journal, stream=OTHER)} >= {"person.registered.v1"}
    assert positions(journal, stream=TICKET) == []
    assert len(positions(journal, types=("ticket.opened.v1", "ticket.transferred.v1"))) == 4
    assert positions(journal, since=MONDAY + 3 * HOUR, until=MONDAY + 6 * HOUR) == [3, 4, 5]
    assert positions(journal, since=MONDAY + 3 * HOUR, until=MONDAY + 6 * HOUR, axis="recorded") == [3, 4, 5]
    assert all(of[position].stream == SETUP for position in positions(journal, kind="setup"))
    assert positions(journal, department="legal") == positions(journal, number=4000)


def test_a_scope_shows_tickets_that_are_there_today_and_what_names_the_department(journal: Connection) -> None:
    """The first ticket went from it to hr, the second from finance to legal."""
    assert set(positions(journal, scope=frozenset({"hr"}))) >= set(positions(journal, number=3847))
    assert positions(journal, scope=frozenset({"finance"})) == []
    found = lines(journal, Wanted(scope=frozenset({"it"})), limit=1000).lines
    assert {line["type"] for line in found} == {
        "letter.kept.v1",
        "setup.department-defined.v1",
        "setup.department-retired.v1",
        "setup.group-defined.v1",
        "setup.request-type-versioned.v1",
        "setup.retention-versioned.v1",
        "setup.webhook-registered.v1",
    }
    assert positions(journal, scope=frozenset()) == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_follow_each_other_without_gap_or_overlap(journal: Connection, newest_first: bool) -> None:
    wanted, found, after = Wanted(kind="ticket"), [], None
    while True:
        page = lines(journal, wanted, after=after, newest_first=newest_first, limit=7)
        found += [line["position"] for line in page.lines]
        after = page.next
        if after is None:
            break
    assert found == sorted(positions(journal, kind="ticket"), reverse=newest_first)


def test_a_line_is_json_for_whoever_asks_over_http(journal: Connection) -> None:
    assert msgspec.json.encode(lines(journal, Wanted(), limit=1000).lines)
