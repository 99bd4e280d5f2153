"""What is read of the store: streams, pages of the whole log, and what is asked of them. Never waits for writing."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from domain.store.upcasts import stored_names

_PLACE = "e.stream, e.version, e.type, e.body, e.position, e.recorded_at"
# Not a join: of one stream's events and keys the planner would compare every pair.
_KEY = "(SELECT k.wrapped FROM acta.message_keys k WHERE k.stream = e.stream AND k.version = e.version)"
OPENED = f"SELECT {_PLACE}, {_KEY} FROM acta.events e"
_CLOSED = f"SELECT {_PLACE}, NULL::bytea FROM acta.events e"


class SealedEvent(msgspec.Struct, frozen=True, gc=False):
    """A stored event under the library's names, and what it has none for: place, time, and the seal's wrapped key.

    ``takes`` is the upload that is used up by it.

    It is what the library calls a stored event but not a subclass of its frozen dataclass, which takes fifteen times as
    long to make, and every row that is read is one.
    """

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    position: int = 0
    recorded_at: datetime | None = None
    number: int | None = None
    subject: UUID | None = None
    wrapped: bytes | None = None
    takes: UUID | None = None


class Touched(NamedTuple):
    """A stream with so many events sealed for somebody; its number if it is a ticket's."""

    stream: UUID
    number: int | None
    events: int


class Reading:
    """The store for those who read it; ``pool`` may be of any role that may."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def streams_of_numbers(self, numbers: Sequence[int]) -> dict[int, UUID]:
        """The streams of the tickets with these numbers."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT number, stream FROM acta.events WHERE number = ANY(%b::bigint[])", (list(numbers),)
            ).fetchall()
        return dict(rows)

    def newer(self, after: Sequence[tuple[UUID, int]]) -> list[SealedEvent]:
        """Of several different streams, what came after a version of each, by version. Seals stay closed."""
        query = (
            f"SELECT e.* FROM unnest(%b::uuid[], %b::int[]) AS want(stream, after) CROSS JOIN LATERAL"
            f" ({_CLOSED} WHERE e.stream = want.stream AND e.version > want.after ORDER BY e.version) AS e"
        )
        return self._fetch(query, ([stream for stream, _ in after], [version for _, version in after]))

    def events_of(self, stream: UUID, *, until: int | None = None) -> list[SealedEvent]:
        """One stream from its beginning, with the keys of its seals."""
        bound = " AND e.version <= %s" if until is not None else ""
        params: tuple[Any, ...] = (stream,) if until is None else (stream, until)
        return self._fetch(f"{OPENED} WHERE e.stream = %s{bound} ORDER BY e.version", params)

    def first_of(self, streams: Collection[UUID]) -> list[SealedEvent]:
        """The first event of each of these streams, with the keys of their seals."""
        return self._fetch(f"{OPENED} WHERE e.stream = ANY(%b::uuid[]) AND e.version = 1", (list(streams),))

    def page(
        self, after: int, limit: int, *, types: Sequence[str] = (), until: int | None = None, opened: bool = True
    ) -> list[SealedEvent]:
        """The events of the whole log after a position, in order, of certain types (in any version) or of all."""
        query = f"{OPENED if opened else _CLOSED} WHERE e.position > %(after)s"
        if until is not None:
            query += " AND e.position <= %(until)s"
        if types:
            query += " AND e.type = ANY(%(types)s)"
        query += " ORDER BY e.position LIMIT %(limit)s"
        return self._fetch(query, {"after": after, "limit": limit, "types": stored_names(types), "until": until})

    def succession(self, after: int, limit: int) -> list[tuple[SealedEvent, int]]:
        """The events of the whole log after a position, in order, each with the position of its stream's event before.

        That is 0 for the first of a stream, and where the one before is missing. Seals stay closed.
        """
        query = (
            f"SELECT {_PLACE}, coalesce((SELECT p.position FROM acta.events p"
            " WHERE p.stream = e.stream AND p.version = e.version - 1), 0)"
            " FROM acta.events e WHERE e.position > %s ORDER BY e.position LIMIT %s"
        )
        with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            rows = cursor.execute(query.encode(), (after, limit)).fetchall()
        return [
            (SealedEvent(stream, version, topic, body, position, recorded_at), previous)
            for stream, version, topic, body, position, recorded_at, previous in rows
        ]

    def orders(self, after: int) -> list[SealedEvent]:
        """What was ordered to be erased after a position, in order; told apart by an index of their own."""
        return self._fetch(
            f"{_CLOSED} WHERE e.type IN ('ticket.redacted.v1', 'person.erasure-ordered.v1') AND e.position > %s"
            " ORDER BY e.position",
            (after,),
        )

    def sealed_for(self, subject: UUID) -> list[Touched]:
        """The streams with events that are sealed for a person; no index finds them, so all keys are looked through."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = on")
            rows = connection.execute(
                "SELECT k.stream, (SELECT e.number FROM acta.events e WHERE e.stream = k.stream AND e.version = 1), k.n"
                " FROM (SELECT stream, count(*) AS n FROM acta.message_keys WHERE subject = %s GROUP BY stream) AS k"
                " ORDER BY 2, 1",
                (subject,),
            ).fetchall()
        return [Touched(*row) for row in rows]

    def attachments(
        self, *, subjects: Sequence[UUID] = (), places: Sequence[tuple[UUID, int]] = ()
    ) -> list[SealedEvent]:
        """The events that put a file to a ticket and are sealed for one of ``subjects``, or stand at one of ``places``.

        Seals stay closed. Those of persons are found among all such events, and not by keys, which go first.
        """
        return self._fetch(
            f"{_CLOSED} WHERE e.type = 'ticket.attachment-added.v1'"
            " AND (convert_from(e.body, 'UTF8')::json #>> '{seal,subject}')::uuid = ANY(%b::uuid[])"
            f" UNION {_CLOSED} JOIN unnest(%b::uuid[], %b::int[]) AS g(stream, version) USING (stream, version)"
            " WHERE e.type = 'ticket.attachment-added.v1' ORDER BY position",
            (list(subjects), [stream for stream, _ in places], [version for _, version in places]),
        )

    def events_at(self, positions: Sequence[int]) -> list[SealedEvent]:
        """The events at these positions of the whole log, in order, with the keys of their seals."""
        return self._fetch(f"{OPENED} WHERE e.position = ANY(%b::bigint[]) ORDER BY e.position", (list(positions),))

    def wrapped_keys(self, places: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], bytes]:
        """The wrapped keys of sealed events, by stream and version."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT k.stream, k.version, k.wrapped FROM acta.message_keys k"
                " JOIN unnest(%b::uuid[], %b::int[]) AS g(stream, version) USING (stream, version)",
                ([stream for stream, _ in places], [version for _, version in places]),
                binary=True,
            ).fetchall()
        return {(stream, version): bytes(wrapped) for stream, version, wrapped in rows}

    def subjects_of(self, streams: Sequence[UUID]) -> set[UUID]:
        """The persons for whom anything in these streams is sealed."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT k.subject FROM acta.message_keys k WHERE k.stream = ANY(%b::uuid[])", (list(streams),)
            ).fetchall()
        return {subject for (subject,) in rows}

    def now(self) -> datetime:
        """The time of the store's own clock, in UTC."""
        with self._pool.connection() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment.astimezone(UTC)

    def position_at(self, moment: datetime) -> int:
        """The position of the last event recorded by a moment; 0 when there was none.

        Times of recording never fall from one position to the next, so that it is found by halving.
        """
        low, high = 0, self.head()
        with self._pool.connection() as connection:
            while low < high:
                middle = (low + high + 1) // 2
                row = connection.execute(
                    "SELECT recorded_at <= %s FROM acta.events WHERE position = %s", (moment, middle)
                ).fetchone()
                low, high = (middle, high) if row is not None and row[0] else (low, middle - 1)
        return low

    def head(self) -> int:
        """The highest position; 0 when nothing has been recorded."""
        with self._pool.connection() as connection:
            row = connection.execute("SELECT coalesce(max(position), 0) FROM acta.events").fetchone()
        assert row is not None
        return int(row[0])

    def _fetch(self, query: str, params: Any) -> list[SealedEvent]:
        with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            rows = cursor.execute(query.encode(), params).fetchall()
        return [
            SealedEvent(stream, version, topic, body, position, recorded_at, None, None, wrapped)
            for stream, version, topic, body, position, recorded_at, wrapped in rows
        ]
