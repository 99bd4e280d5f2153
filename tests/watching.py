"""A view that shows what an unreliable feed would do: an event lost, doubled, or out of order, in whatever stream.

A process that was given ``STOP_AT`` stops in the middle of the batch that holds that position, once: the batch is open
then, its mark moved, its rows not written.
"""

import os
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from domain.envelope import EVENT_TYPES, Event
from projections.engine import View
from stopping import stop_here

STOP_AT = "WATCHING_STOP_AT"


class Stream(msgspec.Struct, frozen=True):
    """A stream as the feed gave it: how many events, the last version, and what came when it should not have."""

    stream: UUID
    events: int
    version: int
    wrong: int


class Seen(msgspec.Struct, frozen=True):
    """One event as the feed gave it."""

    stream: UUID
    version: int
    type: str


watching = View("watching", 1)
streams = watching.table("streams", Stream, key="stream")
seen = watching.journal("seen", Seen)


@streams.on(*EVENT_TYPES.values())
def follow(row: Stream | None, event: Any) -> Stream:
    _stop_at(event)
    before = row or Stream(event.stream, 0, 0, 0)
    wrong = before.wrong + (event.version != before.version + 1)
    return Stream(event.stream, before.events + 1, event.version, wrong)


@seen.on(*EVENT_TYPES.values())
def note(event: Event) -> Seen:
    return Seen(event.stream, event.version, event.TYPE)


def _stop_at(event: Event) -> None:
    if str(event.position) == os.environ.get(STOP_AT):
        del os.environ[STOP_AT]
        stop_here(f"at {event.position}")


def must_equal_the_store(owner_dsn: str) -> None:
    """Nothing lost, doubled, skipped or out of order: the view is the fold of the store."""
    with psycopg.connect(owner_dsn) as connection:
        stored = connection.execute(
            "SELECT position, stream, version::bigint, type FROM acta.events ORDER BY position"
        ).fetchall()
        given = connection.execute(
            "SELECT position, stream, version, type FROM watching.seen ORDER BY position, n"
        ).fetchall()
        assert given == stored
        counted = connection.execute(
            "SELECT stream, events, version, wrong FROM watching.streams ORDER BY stream"
        ).fetchall()
        wanted = connection.execute(
            "SELECT stream, count(*), max(version)::bigint, 0::bigint FROM acta.events GROUP BY stream ORDER BY stream"
        ).fetchall()
        assert counted == wanted
