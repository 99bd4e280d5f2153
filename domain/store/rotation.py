"""Changing the key-encryption key: the key of every person is wrapped anew while desks run; no event is touched.

The desk's own secret goes first, since what wraps it wraps whatever is new (see ``domain.store.keys``). From then on
nothing more comes under the old key, and what is under it only gets less: so it may end anywhere and be run again.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

import psycopg

from domain.store.keyring import KeyRing
from domain.store.keys import DESK_SECRET, KEKS

_AT_ONCE = 500

Wrapped = tuple[UUID, str, bytes]
Progress = Callable[[int, int], None]
"""Told how many keys of how many have been dealt with; each is wrapped, and then opened once."""


class Rotated(NamedTuple):
    """The newest key-encryption key of the ring wraps all ``keys``; so many were ``rewrapped`` for that."""

    new: str
    old: tuple[str, ...]
    keys: int
    rewrapped: int


def rotate(connection: psycopg.Connection, ring: KeyRing, progress: Progress = lambda done, total: None) -> Rotated:
    """Wrap every person's key by the newest key of the ring, and prove that none is under another one.

    ``connection`` is one of the owner of the keys, in autocommit mode. Raises ``KekMismatch`` before anything is
    changed if a key is under none of the ring, and at the end if one does not open.
    """
    new = ring.ids[0]
    used = {kek for (kek,) in connection.execute(KEKS).fetchall()}
    for kek in used:
        ring.must_know(kek)
    total = _count(connection)
    rewrapped = _rewrap(connection, ring, _found(connection, "subject = %s", DESK_SECRET))
    while not _is_all_under(connection, new):
        for batch in _under_others(connection, new):
            rewrapped += _rewrap(connection, ring, batch)
            progress(min(rewrapped, total), 2 * total)
    return Rotated(new, tuple(sorted((used | set(ring.ids)) - {new})), _opened(connection, ring, progress), rewrapped)


def _rewrap(connection: psycopg.Connection, ring: KeyRing, batch: list[Wrapped]) -> int:
    """Wrap keys anew; one that was erased or wrapped anew meanwhile stays as it is."""
    new = ring.ids[0]
    stale = [one for one in batch if one[1] != new]
    fresh = [ring.wrap(new, subject, ring.unwrap(kek, subject, wrapped)) for subject, kek, wrapped in stale]
    return connection.execute(
        "UPDATE acta_keys.subject_keys k SET kek = %s, wrapped = g.wrapped"
        " FROM unnest(%b::uuid[], %b::text[], %b::bytea[]) AS g(subject, kek, wrapped)"
        " WHERE k.subject = g.subject AND k.kek = g.kek",
        (new, [subject for subject, _, _ in stale], [kek for _, kek, _ in stale], fresh),
    ).rowcount


def _under_others(connection: psycopg.Connection, new: str) -> Iterator[list[Wrapped]]:
    for (kek,) in connection.execute(KEKS).fetchall():
        while kek != new and (batch := _found(connection, "kek = %s", kek)):
            yield batch


def _is_all_under(connection: psycopg.Connection, new: str) -> bool:
    """Whether every key is, and will be: whoever was about to insert one is waited for."""
    with connection.transaction():
        connection.execute("LOCK TABLE acta_keys.subject_keys IN SHARE ROW EXCLUSIVE MODE")
        return connection.execute(KEKS).fetchall() == [(new,)]


def _opened(connection: psycopg.Connection, ring: KeyRing, progress: Progress) -> int:
    """Open every key with the newest key alone; how many there are."""
    new, total, done = ring.ids[0], _count(connection), 0
    after = UUID(int=0)
    while batch := _found(connection, "kek <> '' AND subject > %s", after):
        for subject, _, wrapped in batch:
            ring.unwrap(new, subject, wrapped)
        after, done = batch[-1][0], done + len(batch)
        progress(total + min(done, total), 2 * total)
    return done


def _found(connection: psycopg.Connection, condition: str, value: object) -> list[Wrapped]:
    query = (
        f"SELECT subject, kek, wrapped FROM acta_keys.subject_keys WHERE {condition} ORDER BY subject LIMIT {_AT_ONCE}"
    )
    return [(subject, kek, bytes(wrapped)) for subject, kek, wrapped in connection.execute(query.encode(), (value,))]


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM acta_keys.subject_keys WHERE kek <> ''").fetchone()
    assert row is not None
    return int(row[0])
