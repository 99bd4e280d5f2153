"""Another desk's history, from its file to every figure: the feeds agree, and so do replay, views and source."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from consumers.follow import follow, rebuild
from consumers.importing import import_servicenow
from consumers.importing.servicenow.checking import check
from consumers.kafka.topics import Client, ensure_topic
from consumers.project import project
from consumers.relay import relay
from consuming import completed, forget_the_views, running, tables, until
from desks import as_role, open_desk, prepare
from domain.desk import Desk, as_of
from domain.ticket import state
from domain.ticket.state import Ticket
from machines import Broker
from projections.queue.queries import Scope, Wanted, tickets
from projections.reporting.figures import Question
from projections.reporting.queries import REPORTS
from projections.views import ALL

EVERYTHING = Wanted(states=("new", "in_progress", "on_hold", "resolved", "closed", "cancelled"), merged=True, spam=True)
ZONE = "America/Sao_Paulo"


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    prepare(database)
    with open_desk(database, configured=False) as desk:
        yield desk


@pytest.mark.kafka
def test_topic_store_and_rebuild_give_the_same_tables_over_an_import(
    desk: Desk, database: str, kafka: Broker, topics: str, log: Path
):
    client: Client = {"bootstrap_servers": kafka.bootstrap}
    topic = f"{topics}events"
    ensure_topic(client, topic, 3)
    views = as_role(database, "acta_projector")
    with (
        running(relay, desk.store, as_role(database, "acta_app"), client, topic) as sending,
        running(project, desk, views, ALL, client, topic) as projecting,
    ):
        import_servicenow(desk, log, ZONE)
        until(lambda: completed(database) == desk.store.head(), sending, projecting)
    from_topic = {view.name: tables(database, view.name) for view in ALL}
    for view in ALL:
        rebuild(desk, views, view, partitions=3)
    rebuilt = {view.name: tables(database, view.name) for view in ALL}
    forget_the_views(database)
    with running(follow, desk, views, ALL) as following:
        until(lambda: completed(database) == desk.store.head(), following)
    from_store = {view.name: tables(database, view.name) for view in ALL}
    for view in ALL:
        for name in from_topic[view.name]:
            assert rebuilt[view.name][name] == from_topic[view.name][name], (view.name, name)
            assert from_store[view.name][name] == from_topic[view.name][name], (view.name, name)


def test_views_replay_and_source_agree_about_an_import_now_and_then(desk: Desk, database: str, log: Path):
    import_servicenow(desk, log, ZONE)
    agreement = check(desk, log, ZONE)
    assert agreement.is_good, agreement.lines()
    head = desk.store.head()
    import_servicenow(desk, log, ZONE)
    assert desk.store.head() == head, "a second run of the same file changed something"
    views = as_role(database, "acta_projector")
    with running(follow, desk, views, ALL) as following:
        until(lambda: completed(database) == head, following)
    histories = {
        event.stream: desk.history(event.stream)
        for page in desk.pages(0, 5_000, types=["ticket.opened.v1"])
        for event in page
    }
    dice = random.Random(498)
    moments = [dice.choice(history).effective_at for history in dice.sample(list(histories.values()), 12)]
    with psycopg.connect(views, autocommit=True) as connection:
        for moment in (*moments, datetime.now(UTC)):
            replayed = {}
            for stream, history in histories.items():
                ticket = state.fold(as_of(history, at=moment, known_at=None))
                if ticket.version:
                    replayed[stream] = ticket
            assert listed(connection, moment) == {stream: shown(ticket) for stream, ticket in replayed.items()}
        asked = Question(since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime.now(UTC))
        report = REPORTS["reopened"](connection, asked)
        (row,) = report.rows
        reopened = dict(zip((column.name for column in report.columns), row, strict=True))["reopened"]
    assert reopened == sum(ticket.reopen_count for ticket in replayed.values())


def listed(connection: psycopg.Connection, moment: datetime) -> dict[UUID, tuple[object, ...]]:
    """What the queue view shows of every ticket as of a moment."""
    found: dict[UUID, tuple[object, ...]] = {}
    after: str | None = None
    while True:
        page = tickets(
            connection, Scope(departments=None), EVERYTHING, sort="number", after=after, limit=500, at=moment
        )
        for row in page.rows:
            found[row["ticket"]] = (row["number"], row["status"], row["group"], row["assignee"], row["priority"])
        if page.next is None:
            return found
        after = page.next


def shown(ticket: Ticket) -> tuple[object, ...]:
    """The same of a ticket folded from its stream."""
    return (ticket.number, ticket.status, ticket.group, ticket.assignee, ticket.priority)
