"""What webhooks have still to deliver, and what became of each attempt: working tables beside the log.

They hold positions of the log, never what is sent, and follow from it: from the facts of the configuration, each
applied once (the version up to which that is done is kept with what it changed), and from what each webhook has read.

A delivery behind another one of its line or ticket is held back, due at no time, until that one is out of its way. So
what is due is found without looking at what is not, however much waits behind matters that a receiver does not take.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from domain.envelope import Event
from domain.setup import events as e

Outcome = Literal["delivered", "failed", "exhausted", "gone", "erased"]
WINDOW = 10_000
"""So many deliveries may wait for a webhook; then it reads no further, and matters to come wait for those that fail."""

_FORGOTTEN_AT_ONCE = 10_000
_FIRST = (
    " NOT EXISTS (SELECT FROM acta.webhook_deliveries b"
    "  WHERE b.webhook = d.webhook AND b.line = d.line AND b.position < d.position)"
    " AND NOT EXISTS (SELECT FROM acta.webhook_deliveries b"
    "  WHERE b.webhook = d.webhook AND b.ticket = d.ticket AND b.position < d.position)"
)
"""No delivery that waits is before ``d`` in its line or of its ticket."""

_BY_WEBHOOK = (
    "SELECT webhook, min(position) AS first, count(*) AS waiting, count(*) FILTER (WHERE attempts > 0) AS failing"
    " FROM acta.webhook_deliveries GROUP BY webhook"
)


class Overtaken(Exception):
    """Another process has gone on with the deliveries; this one must find out anew where they stand."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that waits, with all that holds it back: what its sender calls the matter, and its ticket."""

    webhook: str
    position: int
    line: bytes
    ticket: UUID | None


class Due(msgspec.Struct, frozen=True):
    """A delivery whose turn it is, after so many attempts."""

    webhook: str
    position: int
    attempts: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to deliver a message, for the first time (1) or again, and what came of it.

    ``error`` says why there is no ``status``; ``next_at`` when it is tried again. What was ``exhausted`` or ``gone``
    waits until its webhook is resumed; what was ``erased`` meanwhile is told to nobody any more.
    """

    webhook: str
    at: datetime
    message: str
    position: int
    type: str
    ticket: UUID | None
    attempt: int
    outcome: Outcome
    status: int | None
    error: str
    took_ms: int
    next_at: datetime | None


class LoggedAttempt(Attempt, frozen=True, kw_only=True):
    """An attempt as the delivery log has it; ``entry`` grows."""

    entry: int


_ATTEMPT = Attempt.__struct_fields__
_ATTEMPT_ARRAYS = (
    "%s::text[], %s::timestamptz[], %s::text[], %s::bigint[], %s::text[], %s::uuid[], %s::int[], %s::text[],"
    " %s::int[], %s::text[], %s::int[], %s::timestamptz[]"
)
_LOGGED = LoggedAttempt.__struct_fields__


class Standing(msgspec.Struct, frozen=True):
    """How a webhook stands: all up to ``delivered_through`` is delivered; so many wait, or have failed before.

    ``full``: so many wait that it reads no further, and what is recorded later waits for what fails.
    """

    delivered_through: int
    waiting: int
    failing: int
    full: bool
    oldest: datetime | None


class Totals(msgspec.Struct, frozen=True):
    """How all webhooks stand together: deliveries that wait, or have failed before, webhooks that are full."""

    waiting: int
    failing: int
    full: int
    oldest: datetime | None


class Deliveries:
    """The working tables of all webhooks. One process at a time changes them; ``Overtaken`` tells one that does not."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    @contextmanager
    def _alone(self) -> Iterator[psycopg.Connection]:
        """A transaction beside no other one here: what is put behind a delivery must not miss that it goes."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT FROM acta.webhooks_followed FOR UPDATE")
            yield connection

    def followed(self) -> int:
        """The version of the configuration up to which it is followed."""
        with self._pool.connection() as connection:
            row = connection.execute("SELECT setup_version FROM acta.webhooks_followed").fetchone()
        assert row is not None
        return int(row[0])

    def follow(self, events: Sequence[Event], followed: int, now: datetime) -> None:
        """Apply what was recorded of the configuration after the version ``followed``."""
        with self._pool.connection() as connection, connection.transaction():
            _must_be_one(
                connection.execute(
                    "UPDATE acta.webhooks_followed SET setup_version = %s WHERE setup_version = %s",
                    (events[-1].version, followed),
                )
            )
            for event in events:
                _apply(connection, event, now)

    def places(self) -> dict[str, int]:
        """How far each webhook has read the log."""
        with self._pool.connection() as connection:
            return dict(connection.execute("SELECT webhook, position FROM acta.webhook_places").fetchall())

    def read(self, webhooks: Mapping[str, int], position: int, found: Sequence[Waiting], now: datetime) -> None:
        """Let ``webhooks`` have read from their places up to ``position``, where they ``found`` what is to be sent."""
        with self._alone() as connection:
            moved = connection.execute(
                "UPDATE acta.webhook_places p SET position = %s"
                " FROM unnest(%s::text[], %s::bigint[]) AS g(webhook, was)"
                " WHERE p.webhook = g.webhook AND p.position = g.was",
                (position, list(webhooks), list(webhooks.values())),
            )
            if moved.rowcount != len(webhooks):
                raise Overtaken
            if found:
                _let_wait(connection, found, now)

    def waiting(self, webhooks: Collection[str]) -> dict[str, int]:
        """How many deliveries wait, for those of the webhooks for which any do."""
        with self._pool.connection() as connection:
            return dict(
                connection.execute(
                    "SELECT webhook, count(*) FROM acta.webhook_deliveries WHERE webhook = ANY(%s) GROUP BY webhook",
                    (list(webhooks),),
                ).fetchall()
            )

    def due(self, webhooks: Collection[str], now: datetime, most: int) -> list[Due]:
        """Deliveries whose turn it is, ``most`` of each webhook: none before them in their line or of their ticket."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT d.webhook, d.position, d.attempts FROM unnest(%s::text[]) AS w(webhook) CROSS JOIN LATERAL ("
                " SELECT d.webhook, d.position, d.attempts FROM acta.webhook_deliveries d"
                f" WHERE d.webhook = w.webhook AND d.due_at <= %s AND d.given_up = '' AND {_FIRST}"
                " ORDER BY d.due_at, d.position LIMIT %s) AS d",
                (list(webhooks), now, most),
            ).fetchall()
        return [Due(*row) for row in rows]

    def settle(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Keep what came of attempts: what was delivered, or erased, waits no longer; all of it is in the log."""
        done = [one for one in attempts if one.outcome in ("delivered", "erased")]
        left = [one for one in attempts if one.outcome not in ("delivered", "erased")]
        with self._alone() as connection:
            if done:
                _take_away(connection, done, now)
            if left:
                _put_off(connection, left)
            _write_down(connection, attempts)

    def write_down(self, attempts: Sequence[Attempt]) -> None:
        """Enter attempts in the log that change nothing else."""
        with self._pool.connection() as connection:
            _write_down(connection, attempts)

    def given_up(self, webhooks: Collection[str]) -> list[tuple[str, int, str]]:
        """Deliveries that are not tried again by themselves: webhook, position and why, the first of each webhook."""
        with self._pool.connection() as connection:
            return connection.execute(
                "SELECT DISTINCT ON (webhook) webhook, position, given_up FROM acta.webhook_deliveries"
                " WHERE webhook = ANY(%s) AND given_up <> '' ORDER BY webhook, position",
                (list(webhooks),),
            ).fetchall()

    def standings(self, webhooks: Collection[str]) -> dict[str, Standing]:
        """How these webhooks stand, once they have begun; ``oldest`` is when the oldest that waits was recorded."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT p.webhook, coalesce(d.first - 1, p.position), coalesce(d.waiting, 0), coalesce(d.failing, 0),"
                " coalesce(d.waiting >= %s, false),"
                " (SELECT e.recorded_at FROM acta.events e WHERE e.position = d.first)"
                f" FROM acta.webhook_places p LEFT JOIN ({_BY_WEBHOOK}) AS d USING (webhook)"
                " WHERE p.webhook = ANY(%s)",
                (WINDOW, list(webhooks)),
            ).fetchall()
        return {webhook: Standing(*standing) for webhook, *standing in rows}

    def totals(self) -> Totals:
        """How all webhooks stand together."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(waiting), 0)::bigint, coalesce(sum(failing), 0)::bigint,"
                " count(*) FILTER (WHERE waiting >= %s),"
                " (SELECT e.recorded_at FROM acta.events e WHERE e.position = min(d.first))"
                f" FROM ({_BY_WEBHOOK}) AS d",
                (WINDOW,),
            ).fetchone()
        assert row is not None
        return Totals(*row)

    def log(
        self,
        webhook: str,
        *,
        before: int | None = None,
        limit: int = 100,
        outcome: str = "",
        message: str = "",
        ticket: UUID | None = None,
        since: datetime | None = None,
    ) -> list[LoggedAttempt]:
        """Attempts of a webhook, the newest first, from before an entry on; of this outcome, message or ticket only."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(_LOGGED)} FROM acta.webhook_attempts WHERE webhook = %(webhook)s"
                " AND entry < coalesce(%(before)s::bigint, 9223372036854775807)"
                " AND %(outcome)s IN ('', outcome) AND %(message)s IN ('', message)"
                " AND (%(ticket)s::uuid IS NULL OR ticket = %(ticket)s)"
                " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
                " ORDER BY entry DESC LIMIT %(limit)s",
                {
                    "webhook": webhook,
                    "before": before,
                    "outcome": outcome,
                    "message": message,
                    "ticket": ticket,
                    "since": since,
                    "limit": limit,
                },
            ).fetchall()
        return [LoggedAttempt(**dict(zip(_LOGGED, row, strict=True))) for row in rows]

    def forget(self, before: datetime) -> bool:
        """Take attempts that were made before a moment from the log, the oldest first; whether there may be more."""
        with self._pool.connection() as connection:
            gone = connection.execute(
                "DELETE FROM acta.webhook_attempts WHERE entry IN"
                " (SELECT entry FROM acta.webhook_attempts WHERE at < %s ORDER BY at LIMIT %s)",
                (before, _FORGOTTEN_AT_ONCE),
            )
        return gone.rowcount == _FORGOTTEN_AT_ONCE


def _apply(connection: psycopg.Connection, event: Event, now: datetime) -> None:
    match event:
        case e.WebhookRegistered():
            connection.execute("INSERT INTO acta.webhook_places VALUES (%s, %s)", (event.webhook, event.position))
        case e.WebhookChanged():
            _try_now(connection, event.webhook, now)
        case e.WebhookResumed():
            _try_now(connection, event.webhook, now)
            connection.execute(
                "UPDATE acta.webhook_deliveries SET attempts = 0, given_up = '' WHERE webhook = %s", (event.webhook,)
            )
        case e.WebhookReplayed():
            place = {"webhook": event.webhook, "from": event.from_position}
            connection.execute(
                "DELETE FROM acta.webhook_deliveries WHERE webhook = %(webhook)s AND position >= %(from)s", place
            )
            connection.execute(
                "UPDATE acta.webhook_places SET position = least(position, %(from)s - 1) WHERE webhook = %(webhook)s",
                place,
            )
        case e.WebhookRetired():
            connection.execute("DELETE FROM acta.webhook_deliveries WHERE webhook = %s", (event.webhook,))
            connection.execute("DELETE FROM acta.webhook_places WHERE webhook = %s", (event.webhook,))


def _let_wait(connection: psycopg.Connection, found: Sequence[Waiting], now: datetime) -> None:
    """Enter deliveries, due now if nothing is before them, held back otherwise."""
    connection.execute(
        "INSERT INTO acta.webhook_deliveries (webhook, position, line, ticket, due_at)"
        " SELECT d.webhook, d.position, d.line, d.ticket,"
        f"  CASE WHEN d.of_line = 1 AND (d.of_ticket = 1 OR d.ticket IS NULL) AND {_FIRST}"
        "  THEN %s::timestamptz ELSE 'infinity' END"
        " FROM (SELECT g.*, row_number() OVER (PARTITION BY webhook, line ORDER BY position) AS of_line,"
        "  row_number() OVER (PARTITION BY webhook, ticket ORDER BY position) AS of_ticket"
        "  FROM unnest(%s::text[], %s::bigint[], %s::bytea[], %s::uuid[]) AS g(webhook, position, line, ticket)) AS d",
        (
            now,
            [one.webhook for one in found],
            [one.position for one in found],
            [one.line for one in found],
            [one.ticket for one in found],
        ),
    )


def _take_away(connection: psycopg.Connection, done: Sequence[Attempt], now: datetime) -> None:
    """Take out deliveries; the next ones of their lines and tickets are due now, if they are the first of both."""
    gone = connection.execute(
        "DELETE FROM acta.webhook_deliveries d USING unnest(%s::text[], %s::bigint[]) AS g(webhook, position)"
        " WHERE d.webhook = g.webhook AND d.position = g.position RETURNING d.webhook, d.line, d.ticket",
        ([one.webhook for one in done], [one.position for one in done]),
    ).fetchall()
    if not gone:
        return
    connection.execute(
        "WITH gone AS (SELECT * FROM unnest(%s::text[], %s::bytea[], %s::uuid[]) AS g(webhook, line, ticket)),"
        " next AS (SELECT g.webhook, (SELECT min(n.position) FROM acta.webhook_deliveries n"
        "   WHERE n.webhook = g.webhook AND n.line = g.line) AS position FROM gone g"
        "  UNION SELECT g.webhook, (SELECT min(n.position) FROM acta.webhook_deliveries n"
        "   WHERE n.webhook = g.webhook AND n.ticket = g.ticket) FROM gone g)"
        " UPDATE acta.webhook_deliveries d SET due_at = %s FROM next"
        f" WHERE d.webhook = next.webhook AND d.position = next.position AND d.due_at = 'infinity' AND {_FIRST}",
        ([webhook for webhook, _, _ in gone], [line for _, line, _ in gone], [ticket for _, _, ticket in gone], now),
    )


def _put_off(connection: psycopg.Connection, left: Sequence[Attempt]) -> None:
    """Let deliveries wait for another attempt, or until their webhook is resumed."""
    connection.execute(
        "UPDATE acta.webhook_deliveries d SET attempts = g.attempt, due_at = coalesce(g.next_at, d.due_at),"
        " given_up = g.given_up"
        " FROM unnest(%s::text[], %s::bigint[], %s::int[], %s::timestamptz[], %s::text[])"
        " AS g(webhook, position, attempt, next_at, given_up)"
        " WHERE d.webhook = g.webhook AND d.position = g.position AND d.attempts = g.attempt - 1",
        (
            [one.webhook for one in left],
            [one.position for one in left],
            [one.attempt for one in left],
            [one.next_at for one in left],
            ["" if one.outcome == "failed" else one.outcome for one in left],
        ),
    )


def _try_now(connection: psycopg.Connection, webhook: str, now: datetime) -> None:
    connection.execute(
        "UPDATE acta.webhook_deliveries SET due_at = %s WHERE webhook = %s AND due_at > %s AND due_at < 'infinity'",
        (now, webhook, now),
    )


def _write_down(connection: psycopg.Connection, attempts: Sequence[Attempt]) -> None:
    connection.execute(
        f"INSERT INTO acta.webhook_attempts ({', '.join(_ATTEMPT)}) SELECT * FROM unnest({_ATTEMPT_ARRAYS})",
        [[getattr(one, field) for one in attempts] for field in _ATTEMPT],
    )


def _must_be_one(cursor: psycopg.Cursor) -> None:
    if cursor.rowcount != 1:
        raise Overtaken
