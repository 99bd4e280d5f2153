"""The ``eventsourcing`` library as it comes, on the same PostgreSQL: what our store is compared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL

from tests.bench.place import Place
from tests.bench.seeding import TEXT


class Ticket(Aggregate):
    """A ticket as the library's tutorial would write it."""

    @event("Opened")
    def __init__(self, title: str, description: str) -> None:
        self.title = title
        self.description = description
        self.notes = 0

    @event("Noted")
    def note(self, text: str) -> None:
        self.notes += 1


class Tickets(Application[UUID]):
    """The library's application."""


def environment(dsn: str) -> dict[str, str]:
    """How the library is told of a database."""
    known = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": known["dbname"],
        "POSTGRES_HOST": known.get("host", ""),
        "POSTGRES_PORT": known.get("port", "5432"),
        "POSTGRES_USER": known["user"],
        "POSTGRES_PASSWORD": known.get("password", "none"),
        "POSTGRES_POOL_SIZE": "40",
    }


@contextmanager
def application(place: Place) -> Iterator[tuple[Tickets, dict[str, str]]]:
    """An application on a database of its own."""
    with place.empty() as dsn:
        env = environment(dsn)
        app = Tickets(env)
        try:
            yield app, env
        finally:
            app.close()


def saves_per_s(place: Place, callers: int, count: int) -> list[float]:
    """Aggregates created and saved per second by so many threads."""
    with application(place) as (app, _):

        def save(each: int) -> None:
            for _ in range(each):
                app.save(Ticket("Printer prints twice", TEXT))

        def once(each: int) -> float:
            threads = [Thread(target=save, args=(each,)) for _ in range(callers)]
            began = perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return each * callers / (perf_counter() - began)

        once(max(1, count // callers // 10))
        return [once(count // callers) for _ in range(place.options.runs)]


def replayed_per_s(place: Place, tickets: int, length: int) -> list[float]:
    """Events per second of the library's repository rebuilding tickets of so many events."""
    with application(place) as (app, _):
        ids = [_noted(app, length) for _ in range(tickets)]

        def once() -> float:
            began = perf_counter()
            for each in ids:
                app.repository.get(each)
            return tickets * length / (perf_counter() - began)

        once()
        return [once() for _ in range(place.options.runs)]


def _noted(app: Tickets, length: int) -> UUID:
    ticket = Ticket("Printer prints twice", TEXT)
    for _ in range(length - 1):
        ticket.note(TEXT)
    app.save(ticket)
    return ticket.id


class Counts(PostgresTrackingRecorder):
    """The library's way to keep a view: one transaction per event, with its tracking."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS counts (ticket uuid PRIMARY KEY, events bigint NOT NULL)")
        )

    def count(self, ticket: UUID, tracking: Tracking) -> None:
        """One event more of a ticket."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO counts VALUES (%s, 1) ON CONFLICT (ticket) DO UPDATE SET events = counts.events + 1",
                (ticket,),
            )


class Counting(Projection[Counts]):
    """Counts every event."""

    name = "counting"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.count(domain_event.originator_id, tracking)


def projected_per_s(place: Place, tickets: int, length: int) -> list[float]:
    """Events per second of the library's runner."""
    with application(place) as (app, env):
        for _ in range(tickets):
            _noted(app, length)
        head = app.recorder.max_notification_id()
        figures = []
        for run in range(place.options.runs):
            named = type(f"Counting{run}", (Counting,), {"name": f"counting{run}"})
            began = perf_counter()
            with ProjectionRunner(
                application_class=Tickets, projection_class=named, view_class=Counts, env=env
            ) as runner:
                runner.wait(head, timeout=600)
            figures.append(tickets * length / (perf_counter() - began))
        return figures
