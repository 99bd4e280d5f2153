"""The drawer of dead letters: their bytes, sealed, until somebody has taken care of them."""

import os
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from domain.request.message import Message
from domain.store.keys import SubjectKeys
from domain.store.privacy import KEY_BYTES

_NONCE_BYTES = 12
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in the drawer: since when, and why it could not be taken (the ``code`` of a refusal)."""

    letter: UUID
    department: str
    code: str
    kept_at: datetime


class Drawer:
    """Dead letters in PostgreSQL, each under a key of its own, wrapped by one key of the desk."""

    def __init__(self, pool: ConnectionPool, keys: SubjectKeys) -> None:
        self._pool = pool
        self._keys = keys

    def put(self, letter: UUID, department: str, code: str, message: Message) -> None:
        """Keep a letter; one that is there stays as it is."""
        wrapped, sealed = self._sealed(letter, message)
        with self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO acta.dead_letters (letter, department, code, wrapped, sealed)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (letter, department, code, wrapped, sealed),
            )

    def replace(self, letter: UUID, message: Message) -> None:
        """Put another message in place of a letter's; what was there is gone."""
        wrapped, sealed = self._sealed(letter, message)
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE acta.dead_letters SET wrapped = %s, sealed = %s WHERE letter = %s", (wrapped, sealed, letter)
            )

    def find(self, letter: UUID) -> DeadLetter | None:
        """A letter that is in the drawer."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT letter, department, code, kept_at FROM acta.dead_letters WHERE letter = %s", (letter,)
            ).fetchone()
        return None if row is None else _letter(row)

    def message(self, letter: UUID) -> Message | None:
        """What a letter holds."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT wrapped, sealed FROM acta.dead_letters WHERE letter = %s", (letter,)
            ).fetchone()
        if row is None:
            return None
        key = _opened(self._cipher(), bytes(row[0]), letter)
        return _decoder.decode(_opened(AESGCM(key), bytes(row[1]), letter))

    def page(
        self, departments: Collection[str] | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[DeadLetter]:
        """Letters of these departments (None: of all), the oldest first, after the place of one of them."""
        kept_at, letter = after or (None, None)
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT letter, department, code, kept_at FROM acta.dead_letters"
                " WHERE (%(all)s OR department = ANY(%(departments)s))"
                " AND (%(kept_at)s::timestamptz IS NULL"
                " OR (kept_at, letter) > (%(kept_at)s::timestamptz, %(letter)s::uuid))"
                " ORDER BY kept_at, letter LIMIT %(limit)s",
                {
                    "all": departments is None,
                    "departments": list(departments or ()),
                    "kept_at": kept_at,
                    "letter": letter,
                    "limit": limit,
                },
            ).fetchall()
        return [_letter(row) for row in rows]

    def kept_before(self, moment: datetime, limit: int) -> list[DeadLetter]:
        """Letters that nobody has taken care of since before a moment."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT letter, department, code, kept_at FROM acta.dead_letters WHERE kept_at < %s"
                " ORDER BY kept_at LIMIT %s",
                (moment, limit),
            ).fetchall()
        return [_letter(row) for row in rows]

    def remove(self, letter: UUID) -> None:
        """Destroy what a letter holds, with its key."""
        with self._pool.connection() as connection:
            connection.execute("DELETE FROM acta.dead_letters WHERE letter = %s", (letter,))

    def depth(self) -> int:
        """How many letters wait for somebody."""
        with self._pool.connection() as connection:
            row = connection.execute("SELECT count(*) FROM acta.dead_letters").fetchone()
        return int(row[0]) if row else 0

    def _sealed(self, letter: UUID, message: Message) -> tuple[bytes, bytes]:
        key = os.urandom(KEY_BYTES)
        return _closed(self._cipher(), key, letter), _closed(AESGCM(key), _encoder.encode(message), letter)

    def _cipher(self) -> AESGCM:
        owner = self._keys.stream_of("dead letters")
        return AESGCM(self._keys.ensure((owner,))[owner])


def _closed(cipher: AESGCM, plain: bytes, letter: UUID) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, letter.bytes)


def _opened(cipher: AESGCM, sealed: bytes, letter: UUID) -> bytes:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], letter.bytes)


def _letter(row: tuple[UUID, str, str, datetime]) -> DeadLetter:
    return DeadLetter(letter=row[0], department=row[1], code=row[2], kept_at=row[3])
