"""Erasing where the views are fed from the topic: it never held a readable word, and feeds them on afterwards."""

from pathlib import Path

import psycopg

from consumers.erasing import Eraser, erase_now
from consumers.erasures import Erasures
from consumers.kafka.cloudevents import Head
from consumers.kafka.topics import Client
from consumers.project import project
from consumers.relay import relay
from consuming import completed, messages, running, until
from desks import ACT, give, opened
from domain.desk import Desk
from domain.desk.forgetting import erase
from domain.store.places import Directory
from projections.views import ALL

PARTITIONS = 3
PETRA = {"email": "petra@example.org", "name": "Petra Prosser"}


def words(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return repr([connection.execute(f"SELECT * FROM queue.{table}").fetchall() for table in ("entries", "people")])


def test_views_that_are_fed_from_the_topic_forget_and_are_fed_on(
    desk: Desk, database: str, app_dsn: str, views_dsn: str, client: Client, topic: str, tmp_path: Path
) -> None:
    with (
        running(relay, desk.store, app_dsn, client, topic) as relaying,
        running(project, desk, views_dsn, ALL, client, topic) as one,
        running(project, desk, views_dsn, ALL, client, topic) as two,
    ):

        def settle() -> None:
            until(lambda: completed(database) == desk.store.head(), relaying, one, two)

        tickets = [opened(desk, requester=PETRA, title=f"Petra is ill {n}") for n in range(5)]
        settle()
        assert "Petra is ill 4" in words(database)
        erase(desk, desk.ticket(tickets[0].ticket).requester, "asked for it", ACT)
        place = Directory(tmp_path / "attachments")
        eraser = Eraser(desk, views_dsn, ALL, Erasures(tmp_path / "erasures"), place, partitions=PARTITIONS)
        erase_now(app_dsn, eraser)
        for ticket in tickets:
            give(desk, "note", str(ticket.number), text="later")
        opened(desk, title="somebody else's")
        settle()
        shown = words(database)
    assert "Petra" not in shown
    assert "petra@" not in shown
    assert "somebody else" in shown
    sent = [message for batch in messages(client, topic).values() for message in batch]
    assert len([message for message in sent if not isinstance(message, Head)]) == desk.store.head()
    assert b"Petra" not in b"".join(message.state for message in sent if not isinstance(message, Head))
