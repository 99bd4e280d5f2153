"""The keys of persons, wrapped by the key-encryption key (KEK), which is never in the database.

A person's key is durable before their first event is. What is opened is cached per process and bounded; forgetting a
person is dropping their row and every cache.
"""

import os
from collections.abc import Iterable
from hashlib import sha256
from hmac import digest
from threading import Lock
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from domain.store.privacy import KEY_BYTES

_NONCE_BYTES = 12
_CACHED = 100_000
_UUID_MARKS = 0xF000_C000_0000_0000_0000
_UUID_V8 = 0x8000_8000_0000_0000_0000
"""Version 8 and variant 10 of RFC 9562: an id of one's own making."""
DESK_SECRET = UUID("5ec9e700-0000-4000-8000-000000000001")
"""The desk's own secret, kept like a person's key: what request keys and person handles are hashed with."""


class KekMismatch(Exception):
    """The key-encryption key is not the one that the stored keys were wrapped with."""


class SubjectKeys:
    """The keys of persons (32 bytes each), by the UUID of their stream."""

    def __init__(self, pool: ConnectionPool, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise ValueError("the key-encryption key must have 32 bytes")
        self._pool = pool
        self._kek = AESGCM(kek)
        self._kek_id = sha256(b"acta kek id v1\x00" + kek).hexdigest()[:16]
        self._cache: dict[UUID, bytes] = {}
        self._lock = Lock()

    def find(self, subjects: Iterable[UUID]) -> dict[UUID, bytes]:
        """The keys that exist; a subject that is missing has been erased or never was."""
        wanted = set(subjects)
        with self._lock:
            found = {subject: self._cache[subject] for subject in wanted if subject in self._cache}
        missing = [subject for subject in wanted if subject not in found]
        if missing:
            with self._pool.connection() as connection:
                rows = connection.execute(
                    "SELECT subject, kek, wrapped FROM acta_keys.subject_keys WHERE subject = ANY(%b::uuid[])",
                    (missing,),
                    binary=True,
                ).fetchall()
            fresh = {subject: self._unwrap(subject, kek, bytes(wrapped)) for subject, kek, wrapped in rows}
            self._keep(fresh)
            found |= fresh
        return found

    def ensure(self, subjects: Iterable[UUID]) -> dict[UUID, bytes]:
        """The keys of all ``subjects``; those that have none get one, committed before this returns."""
        wanted = set(subjects)
        found = self.find(wanted)
        missing = [subject for subject in wanted if subject not in found]
        if missing:
            drawn = {subject: os.urandom(KEY_BYTES) for subject in missing}
            wrapped = [self._wrap(subject, key) for subject, key in drawn.items()]
            with self._pool.connection() as connection:
                rows = connection.execute(
                    "INSERT INTO acta_keys.subject_keys (subject, kek, wrapped)"
                    " SELECT s, %s, w FROM unnest(%b::uuid[], %b::bytea[]) AS g(s, w) ON CONFLICT DO NOTHING"
                    " RETURNING subject",
                    (self._kek_id, missing, wrapped),
                    binary=True,
                ).fetchall()
            fresh = {subject: drawn[subject] for (subject,) in rows}
            self._keep(fresh)
            found |= fresh
            # Another process was faster with the others, and its keys are the ones that count.
            found |= self.find(subject for subject in missing if subject not in fresh)
        return found

    def forget(self, subject: UUID) -> None:
        """Drop a key from this process's cache."""
        with self._lock:
            self._cache.pop(subject, None)

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
            self._cache.update(keys)

    def _wrap(self, subject: UUID, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._kek.encrypt(nonce, key, subject.bytes)

    def _unwrap(self, subject: UUID, kek: str, wrapped: bytes) -> bytes:
        try:
            return self._kek.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], subject.bytes)
        except InvalidTag:
            raise KekMismatch(
                f"a stored key was wrapped with key-encryption key {kek}, this process has {self._kek_id}"
            ) from None
