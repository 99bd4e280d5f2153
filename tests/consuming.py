"""Consumers run in threads of the test, and what they have done is waited for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import Any

import psycopg
from kafka import KafkaProducer
from psycopg import sql

from consumers.kafka import cloudevents
from consumers.kafka.cloudevents import Envelope, Head, key_of, partition_of
from consumers.kafka.topics import Client, partitions_of, reader
from desks import give, opened
from domain.desk import Desk
from domain.store.recorder import SealedEvent
from projections.engine import View, complete_to
from projections.views import ALL


class Running:
    """A consumer in a thread."""

    def __init__(self, consumer: Callable[..., None], *given: Any, **more: Any) -> None:
        self.stop = Flag()
        self.error: BaseException | None = None
        self._thread = Thread(target=self._run, args=(consumer, given, more))
        self._thread.start()

    def _run(self, consumer: Callable[..., None], given: tuple[Any, ...], more: dict[str, Any]) -> None:
        try:
            consumer(*given, stop=self.stop, **more)
        except BaseException as error:
            self.error = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        """Ask it to stop, and return when it has."""
        self.stop.set()
        self._thread.join()


@contextmanager
def running(consumer: Callable[..., None], *given: Any, **more: Any) -> Iterator[Running]:
    """A consumer that runs as long as the block; what it raises, the block raises."""
    run = Running(consumer, *given, **more)
    try:
        yield run
    finally:
        run.end()
    if run.error is not None:
        raise run.error


def until(condition: Callable[[], bool], *runs: Running) -> None:
    """Return once ``condition()`` holds; fail when a consumer it depends on has ended."""
    pause = Flag()
    while not condition():
        assert all(run.alive for run in runs), [run.error for run in runs]
        pause.wait(0.05)


def completed(dsn: str, views: Sequence[View] = ALL) -> int:
    """The position up to which the views are complete."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('projections.marks')").fetchone() == (None,):
            return 0
        return min(complete_to(connection, view.name) for view in views)


def forget_the_views(dsn: str) -> None:
    """No view, no mark: as on the first day."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('projections.editions')").fetchone() == (None,):
            return
        made = connection.execute("SELECT edition FROM projections.editions").fetchall()
        for schema in ("projections", *(view.name for view in ALL), *(edition for (edition,) in made)):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def messages(client: Client, topic: str) -> dict[int, list[SealedEvent | Head]]:
    """All that is committed, by partition."""
    consumer = reader(client)
    try:
        partitions = partitions_of(consumer, topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: dict[int, list[SealedEvent | Head]] = {partition.partition: [] for partition in partitions}
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for partition, batch in consumer.poll(timeout_ms=200).items():
                found[partition.partition] += [cloudevents.read(one.key, one.value, one.headers) for one in batch]
        return found
    finally:
        consumer.close()


def told(client: Client, topic: str) -> list[tuple[str, str]]:
    """Key and text of every committed message of a topic with one partition."""
    consumer = reader(client)
    try:
        partitions = partitions_of(consumer, topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[tuple[str, str]] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=200).values():
                found += [(one.key.decode(), one.value.decode()) for one in batch]
        return found
    finally:
        consumer.close()


def tables(dsn: str, view: str) -> dict[str, list[Any]]:
    """Every table of the current edition of a view, whole, in order."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT t.table_name, e.edition FROM information_schema.tables t"
            " JOIN projections.editions e ON e.edition = t.table_schema"
            " WHERE e.view = %s AND e.state = 'current' AND t.table_type = 'BASE TABLE' ORDER BY 1",
            (view,),
        ).fetchall()
        return {
            name: connection.execute(f'SELECT * FROM "{schema}"."{name}" t ORDER BY t::text').fetchall()  # type: ignore[arg-type]
            for name, schema in found
        }


def write(desk: Desk, tickets: int) -> int:
    """Open tickets and let something happen on each; the position reached."""
    position = 0
    for number in range(tickets):
        ticket = str(opened(desk, title=f"Printer {number}", description="It is on fire").number)
        give(desk, "assign", ticket, assignee="alice")
        position = give(desk, "note", ticket, text="smells like smoke").position
    return position


def put(client: Client, topic: str, event: SealedEvent) -> None:
    """Send a message past the relay."""
    key = key_of(event.originator_id)
    producer = KafkaProducer(**client)
    partition = partition_of(event.originator_id, len(producer.partitions_for(topic)))
    producer.send(topic, event.state, key, Envelope("/acta").of_event(event, key), partition)
    producer.flush()
    producer.close()
