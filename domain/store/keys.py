"""The keys of persons, wrapped by a key-encryption key (KEK), which is never in the database.

A person's key is durable before their first event is. What is opened is cached per process and bounded. Of a person who
was erased a row without a key is left: every process learns of it before it uses a key that it has cached for longer
than ``LEARN_EVERY_S``, and whatever comes to concern that person later has another pseudonym and another key.

The KEK that wraps new keys is the one that wraps the desk's own secret. So whoever changes the KEK re-wraps the secret
first, and from then on no process anywhere wraps with the old one: the store would not take it.
"""

import os
from collections.abc import Iterable, Sequence
from hmac import digest
from threading import Lock
from time import monotonic
from uuid import UUID

from psycopg_pool import ConnectionPool

from domain.store.keyring import KekMismatch, KeyRing
from domain.store.privacy import KEY_BYTES

LEARN_EVERY_S = 1.0
_ATTEMPTS = 3
_CACHED = 100_000
_UUID_MARKS = 0xF000_C000_0000_0000_0000
_UUID_V8 = 0x8000_8000_0000_0000_0000
"""Version 8 and variant 10 of RFC 9562: an id of one's own making."""
DESK_SECRET = UUID("5ec9e700-0000-4000-8000-000000000001")
"""The desk's own secret, kept like a person's key: what request keys and person handles are hashed with."""


_WRAPPING = "SELECT kek FROM acta_keys.subject_keys WHERE subject = %(secret)s"
# An index that holds few different values is walked from one to the next.
KEKS = """
WITH RECURSIVE found AS (
    SELECT min(kek) AS kek FROM acta_keys.subject_keys
    UNION ALL
    SELECT (SELECT min(k.kek) FROM acta_keys.subject_keys k WHERE k.kek > f.kek) FROM found f WHERE f.kek IS NOT NULL
)
SELECT kek FROM found WHERE kek <> ''
"""
"""The ids of the key-encryption keys that wrap anything."""


class SubjectKeys:
    """The keys of persons (32 bytes each), by the UUID of their stream; ``kek`` wraps them, or one of a ring."""

    def __init__(self, pool: ConnectionPool, kek: bytes | KeyRing) -> None:
        self._pool = pool
        self.ring = kek if isinstance(kek, KeyRing) else KeyRing(lambda: (kek,))
        self._wraps = ""
        self._cache: dict[UUID, bytes] = {}
        self._lock = Lock()
        self._erased: set[UUID] = set()
        self._erasures = 0
        self._learned_at = float("-inf")

    def must_be_openable(self) -> None:
        """Raise ``KekMismatch`` if any stored key is wrapped by a key-encryption key that is not known here."""
        with self._pool.connection() as connection:
            used = [kek for (kek,) in connection.execute(KEKS).fetchall()]
        for kek in used:
            self.ring.must_know(kek)
        self.secret()

    def find(self, subjects: Iterable[UUID]) -> dict[UUID, bytes]:
        """The keys that exist; a subject that is missing has been erased or never was."""
        wanted = set(subjects)
        if monotonic() - self._learned_at > LEARN_EVERY_S:
            self.learn()
        with self._lock:
            found = {subject: self._cache[subject] for subject in wanted if subject in self._cache}
        missing = [subject for subject in wanted if subject not in found]
        if missing:
            with self._pool.connection() as connection:
                rows = connection.execute(
                    "SELECT subject, kek, wrapped FROM acta_keys.subject_keys"
                    " WHERE subject = ANY(%b::uuid[]) AND erased IS NULL",
                    (missing,),
                    binary=True,
                ).fetchall()
            fresh = {subject: self.ring.unwrap(kek, subject, bytes(wrapped)) for subject, kek, wrapped in rows}
            self._keep(fresh)
            found |= fresh
        return found

    def ensure(self, subjects: Iterable[UUID]) -> dict[UUID, bytes]:
        """The keys of all ``subjects``; those that have none get one, committed before this returns.

        Whoever has been erased gets a key that nobody keeps: the append refuses what is sealed with it, and the
        decision is made again.
        """
        wanted = set(subjects)
        found = self.find(wanted)
        for _ in range(_ATTEMPTS):
            missing = [subject for subject in wanted if subject not in found]
            if not missing:
                return found
            found |= self._draw(missing)
            # Another process was faster with the others, and its keys are the ones that count.
            found |= self.find(subject for subject in missing if subject not in found)
            found |= self._nobodys(subject for subject in missing if subject not in found)
        raise KekMismatch("the key-encryption key is being changed faster than a key can be wrapped")

    def _nobodys(self, subjects: Iterable[UUID]) -> dict[UUID, bytes]:
        """Keys that nobody keeps, for those of ``subjects`` who were erased."""
        asked = list(subjects)
        if asked:
            self.learn()
        return {subject: os.urandom(KEY_BYTES) for subject in asked if subject in self._erased}

    def _draw(self, missing: list[UUID]) -> dict[UUID, bytes]:
        """Fresh keys for those of whom none is stored; for nobody, if the key-encryption key has just been changed."""
        drawn = {subject: os.urandom(KEY_BYTES) for subject in missing}
        kek = self._wraps = self._wraps or self._wrapping()
        wrapped = [self.ring.wrap(kek, subject, key) for subject, key in drawn.items()]
        with self._pool.connection() as connection:
            rows = connection.execute(
                "INSERT INTO acta_keys.subject_keys (subject, kek, wrapped)"
                " SELECT s, %(kek)s, w FROM unnest(%(subjects)b::uuid[], %(wrapped)b::bytea[]) AS g(s, w)"
                f" WHERE coalesce(({_WRAPPING}), %(kek)s) = %(kek)s ON CONFLICT DO NOTHING RETURNING subject",
                {"kek": kek, "subjects": missing, "wrapped": wrapped, "secret": DESK_SECRET},
                binary=True,
            ).fetchall()
        fresh = {subject: drawn[subject] for (subject,) in rows}
        self._keep(fresh)
        if len(fresh) < len(missing):
            # It may have been changed; the next time the store is asked.
            self._wraps = ""
        return fresh

    def _wrapping(self) -> str:
        """The id of the key-encryption key that wraps now: the store's, or the newest known for an empty store."""
        with self._pool.connection() as connection:
            row = connection.execute(_WRAPPING, {"secret": DESK_SECRET}).fetchone()
        return self.ring.ids[0] if row is None else str(row[0])

    def learn(self) -> None:
        """Learn who has been erased since the last time, and drop their keys."""
        began = monotonic()
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT subject, erased FROM acta_keys.subject_keys WHERE erased > %s", (self._erasures,)
            ).fetchall()
        with self._lock:
            for subject, erased in rows:
                self._erased.add(subject)
                self._erasures = max(self._erasures, erased)
                self._cache.pop(subject, None)
            self._learned_at = began

    def subjects_of(self, stream: UUID, versions: Sequence[int]) -> set[UUID]:
        """Those for whom events of a stream are sealed."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT subject FROM acta.message_keys WHERE stream = %s AND version = ANY(%s)",
                (stream, list(versions)),
            ).fetchall()
        return {subject for (subject,) in rows}

    def destroy(self, ordered_at: int) -> None:
        """Destroy the keys that the order at this position names; repeating it changes nothing."""
        with self._pool.connection() as connection:
            connection.execute("SELECT acta.destroy_keys(%s)", (ordered_at,))

    def rewrite(self) -> None:
        """Leave nothing of destroyed keys in the files of the database; raises ``LockNotAvailable`` if it must wait."""
        with self._pool.connection() as connection:
            connection.execute("SELECT acta.rewrite_keys()")

    def is_erased(self, subject: UUID | None) -> bool:
        """Whether the key of ``subject`` was destroyed, as far as this process has learned."""
        return subject in self._erased

    def person(self, *parts: str) -> UUID:
        """The pseudonym of the person whom ``parts`` name today; nobody is taken for one who was erased."""
        return self._living(self.stream_of("person", *parts), "person again")

    def sealing(self, subject: UUID) -> UUID:
        """For whom is sealed today what concerns ``subject``: themselves, until they are erased."""
        return self._living(subject, "sealed again")

    def _living(self, subject: UUID, label: str) -> UUID:
        while subject in self._erased:
            subject = self.stream_of(label, subject.hex)
        return subject

    def secret(self) -> bytes:
        """The desk's own secret; it never changes."""
        known = self._cache.get(DESK_SECRET)
        return known if known is not None else self.ensure((DESK_SECRET,))[DESK_SECRET]

    def blind(self, *parts: str) -> bytes:
        """A keyed digest (HMAC-SHA-256) of ``parts``: the same for the same parts, and telling nothing of them."""
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return digest(self.secret(), text, "sha256")

    def stream_of(self, *parts: str) -> UUID:
        """The id of the stream that belongs to ``parts``."""
        bits = int.from_bytes(self.blind(*parts)[:16], "big")
        return UUID(int=bits & ~_UUID_MARKS | _UUID_V8)

    def _keep(self, keys: dict[UUID, bytes]) -> None:
        with self._lock:
            if len(self._cache) + len(keys) > _CACHED:
                secret = self._cache.get(DESK_SECRET)
                self._cache.clear()
                if secret is not None:
                    self._cache[DESK_SECRET] = secret
            self._cache.update((subject, key) for subject, key in keys.items() if subject not in self._erased)
