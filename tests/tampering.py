"""What a superuser does to a desk's database, and who has the log's folder to the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from consumers.record.entering import entries
from consumers.record.ledger import ledger
from consuming import running, until
from domain.desk import Desk
from domain.record.note import Signer
from ledgers import SIGNER, signed_size
from projections.ledger import Log


def sign_all(desk: Desk, app_dsn: str, folder: Path) -> None:
    with running(ledger, desk.store, app_dsn, folder, SIGNER) as run:
        until(lambda: signed_size(folder) == desk.store.head(), run)


@contextmanager
def as_superuser(database: str) -> Iterator[psycopg.Connection]:
    """One whom no trigger and no index stops."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        yield connection


def move(connection: psycopg.Connection, beyond: int, by: int) -> None:
    """Give every event beyond a position another, so that no gap is left, or room is made."""
    connection.execute("UPDATE acta.events SET position = -position WHERE position > %s", (beyond,))
    connection.execute("UPDATE acta.events SET position = -position + %s WHERE position < 0", (by,))


def insert(connection: psycopg.Connection, position: int) -> None:
    connection.execute(
        "INSERT INTO acta.events (position, stream, version, type, recorded_at, body)"
        " VALUES (%s, gen_random_uuid(), 1, 'ticket.cancelled.v1', now(), '{}')",
        (position,),
    )


def rewritten(desk: Desk, folder: Path, signer: Signer, sizes: list[int]) -> None:
    """A log over the store as it is now, under checkpoints of these sizes."""
    page = desk.store.succession(0, 10_000)
    with Log(folder, signer) as log:
        for one in entries(page, 0, log.leaf):
            log.add(one)
            if log.size in sizes:
                log.publish()
