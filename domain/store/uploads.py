"""Uploads: files on their way in, until a ticket takes them or they are given up.

The bytes lie elsewhere in sealed chunks; a row says which. It is kept in step like this: a chunk is *announced* before
it is put, and *counted* once it is durable, on condition that nobody else has counted one meanwhile. So a process may
die anywhere: what is counted is there, and what is there was announced. A ticket takes an upload in the append of its
event (see schema.sql), which finds it gone if it was given up; whoever gives one up says so before anything is removed.

A row goes last, and what it announced may still be put when the upload is over. So where a chunk was announced and not
counted, the row stays until nobody can be putting it any more. Nothing is ever removed because no row names it.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from domain.access.principal import Principal
from domain.errors import TooManyUploads, UploadIsComplete, UploadNotComplete, UploadNotFound, WrongOffset
from domain.store.chunks import CHUNK_BYTES, OVERHEAD, new_key, open_tail, seal_tail
from domain.store.keys import SubjectKeys
from domain.ticket.file import File

MOST_OPEN = 20
"""Uploads that one person may have waiting."""
PUT_BY_THEN = timedelta(hours=1)
"""Whoever announced a chunk has put it after so long, or died: far longer than it may take."""
_BEGINNING = 4021988
_NONCE_BYTES = 12
_encoder = msgspec.msgpack.Encoder()


class _Secrets(msgspec.Struct, frozen=True):
    """What of an upload tells of a person, or opens it."""

    key: bytes
    name: str
    media_type: str
    sha256: str = ""


_decoder = msgspec.msgpack.Decoder(_Secrets)


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way in: so many bytes ``received`` of its ``length`` (None: not said yet), for its ``holder``.

    ``chunks`` are addresses; ``tail`` are the bytes after them that make no chunk yet. ``sha256`` is known of one that
    is ``complete``.
    """

    upload: UUID
    holder: UUID
    expires_at: datetime
    length: int | None
    received: int
    complete: bool
    chunks: tuple[str, ...]
    tail: bytes
    name: str
    media_type: str
    key: bytes
    sha256: str


class Uploads:
    """The uploads in PostgreSQL; what is secret of each is sealed under the key of its holder."""

    def __init__(self, pool: ConnectionPool, keys: SubjectKeys) -> None:
        self._pool = pool
        self._keys = keys

    def holder(self, principal: Principal) -> UUID:
        """The person whose uploads a caller's are."""
        return principal.person or self._keys.person(principal.actor.kind, principal.actor.id)

    def begin(
        self,
        holder: UUID,
        name: str,
        media_type: str,
        length: int | None,
        now: datetime,
        expires_at: datetime,
        *,
        limited: bool = True,
    ) -> Upload:
        """A new upload, of which nothing has come yet; ``limited``: raises ``TooManyUploads`` where enough wait."""
        upload = uuid4()
        secrets = _Secrets(new_key(), name, media_type)
        with self._pool.connection() as connection, connection.transaction():
            # Whoever begins many at once is counted one after the other.
            connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_BEGINNING, str(holder)))
            row = connection.execute(
                "INSERT INTO acta.uploads (upload, holder, begun_at, expires_at, length, sealed)"
                " SELECT %(upload)s, %(holder)s, %(now)s, %(expires_at)s, %(length)s::bigint, %(sealed)s"
                " WHERE (SELECT count(*) FROM acta.uploads u WHERE u.holder = %(holder)s AND u.expires_at > %(now)s"
                " AND NOT u.given_up) < %(most)s RETURNING upload",
                {
                    "upload": upload,
                    "holder": holder,
                    "now": now,
                    "expires_at": expires_at,
                    "length": length,
                    "sealed": self._sealed(upload, holder, secrets),
                    "most": MOST_OPEN if limited else 2**31,
                },
            ).fetchone()
        if row is None:
            raise TooManyUploads(limit=MOST_OPEN)
        return Upload(
            upload=upload,
            holder=holder,
            expires_at=expires_at,
            length=length,
            received=0,
            complete=False,
            chunks=(),
            tail=b"",
            name=name,
            media_type=media_type,
            key=secrets.key,
            sha256="",
        )

    def find(self, upload: UUID, holder: UUID, now: datetime) -> Upload:
        """An upload of this holder's. Raises ``UploadNotFound``, also where the holder was erased meanwhile."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT expires_at, length, received, complete, chunks, tail, sealed FROM acta.uploads"
                " WHERE upload = %s AND holder = %s AND expires_at > %s AND NOT given_up",
                (upload, holder, now),
                binary=True,
            ).fetchone()
        key = self._keys.find((holder,)).get(holder)
        if row is None or key is None:
            raise UploadNotFound()
        expires_at, length, received, complete, chunks, tail, sealed = row
        try:
            secrets = _decoder.decode(_opened(key, bytes(sealed), upload))
        except InvalidTag:
            # The holder was erased, and somebody else has a key in their place.
            raise UploadNotFound() from None
        return Upload(
            upload=upload,
            holder=holder,
            expires_at=expires_at,
            length=length,
            received=received,
            complete=complete,
            chunks=tuple(bytes(address).hex() for address in chunks),
            tail=b"" if tail is None else open_tail(secrets.key, upload, received, bytes(tail)),
            name=secrets.name,
            media_type=secrets.media_type,
            key=secrets.key,
            sha256=secrets.sha256,
        )

    def file(self, upload: UUID, holder: UUID, now: datetime) -> File | None:
        """The file that a ticket may take; None if there is none. Raises ``UploadNotComplete``."""
        try:
            found = self.find(upload, holder, now)
        except UploadNotFound:
            return None
        if not found.complete:
            raise UploadNotComplete(received=found.received)
        return File(
            upload=upload,
            name=found.name,
            media_type=found.media_type,
            length=found.received,
            sha256=found.sha256,
            key=found.key.hex(),
            chunks=found.chunks,
            stored=found.received + OVERHEAD * len(found.chunks),
        )

    def any_attached(self) -> bool:
        """Whether a ticket has ever taken an upload."""
        with self._pool.connection() as connection:
            found = connection.execute(
                "SELECT EXISTS (SELECT FROM acta.events WHERE type = 'ticket.attachment-added.v1')"
            ).fetchone()
        assert found is not None
        return bool(found[0])

    # Taking in

    def say_length(self, upload: Upload, length: int) -> Upload:
        """Keep what the length will be; it is said once."""
        self._change(upload, "length = %(length)s::bigint", {"length": length})
        return msgspec.structs.replace(upload, length=length)

    def announce(self, upload: Upload, address: str) -> None:
        """Note where a chunk is about to be put. Raises ``WrongOffset`` if somebody else has counted one meanwhile."""
        self._change(upload, "pending = pending || %(address)s::bytea", {"address": bytes.fromhex(address)})

    def count(self, upload: Upload, address: str, received: int, sha256: str = "") -> Upload:
        """Count a chunk that is durable; with it the upload is so far, and complete if it has a digest.

        Raises ``WrongOffset`` if somebody else was faster: the chunk belongs to nothing then.
        """
        whole = msgspec.structs.replace(
            upload,
            length=received if sha256 else upload.length,
            received=received,
            chunks=(*upload.chunks, address),
            tail=b"",
            complete=bool(sha256),
            sha256=sha256,
        )
        secrets = _Secrets(upload.key, upload.name, upload.media_type, sha256)
        self._change(
            upload,
            "chunks = chunks || %(address)s::bytea, pending = array_remove(pending, %(address)s::bytea),"
            " received = %(now)s, tail = NULL, complete = %(complete)s"
            + (", length = %(now)s, sealed = %(sealed)s" if sha256 else ""),
            {
                "address": bytes.fromhex(address),
                "now": received,
                "complete": whole.complete,
                "sealed": self._sealed(upload.upload, upload.holder, secrets) if sha256 else None,
            },
        )
        return whole

    def retract(self, upload: Upload, address: str) -> None:
        """Say of a chunk that was announced that it is not there, and will not be put."""
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE acta.uploads SET pending = array_remove(pending, %s::bytea) WHERE upload = %s",
                (bytes.fromhex(address), upload.upload),
            )

    def keep_tail(self, upload: Upload, tail: bytes) -> Upload:
        """Keep the bytes that have come and make no chunk yet; at most a chunk's worth."""
        received = len(upload.chunks) * CHUNK_BYTES + len(tail)
        if received == upload.received:
            return upload
        sealed = seal_tail(upload.key, upload.upload, received, tail)
        self._change(upload, "received = %(now)s, tail = %(tail)s", {"now": received, "tail": sealed})
        return msgspec.structs.replace(upload, received=received, tail=tail)

    def _change(self, upload: Upload, changes: str, values: dict[str, Any]) -> None:
        """Change the row of an upload that nobody else has changed since."""
        with self._pool.connection() as connection:
            done = connection.execute(
                f"UPDATE acta.uploads SET {changes} WHERE upload = %(upload)s AND received = %(received)s"
                " AND NOT complete AND NOT given_up".encode(),
                {**values, "upload": upload.upload, "received": upload.received},
            ).rowcount
            if done:
                return
            row = connection.execute(
                "SELECT received, complete FROM acta.uploads WHERE upload = %s AND NOT given_up", (upload.upload,)
            ).fetchone()
        if row is None:
            raise UploadNotFound()
        if row[1]:
            raise UploadIsComplete(received=row[0])
        raise WrongOffset(received=row[0])

    # Giving up

    def give_up(self, upload: UUID, holder: UUID, now: datetime) -> None:
        """Let nobody go on with an upload, or take it. Raises ``UploadNotFound``."""
        with self._pool.connection() as connection:
            done = connection.execute(
                "UPDATE acta.uploads SET given_up = true, expires_at = %s"
                " WHERE upload = %s AND holder = %s AND NOT given_up",
                (now, upload, holder),
            ).rowcount
        if not done:
            raise UploadNotFound()

    def give_up_all(self, holders: Sequence[UUID], now: datetime) -> None:
        """Let nobody go on with any upload of these persons, or take it."""
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE acta.uploads SET given_up = true, expires_at = %s WHERE holder = ANY(%s) AND NOT given_up",
                (now, list(holders)),
            )

    def given_up(self, now: datetime, limit: int) -> list[tuple[UUID, list[str]]]:
        """Uploads that are over, by time or by will, and all that may have been put for each; none is taken now.

        One for which somebody may still be putting a chunk is not among them.
        """
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE acta.uploads SET given_up = true, expires_at = %(now)s"
                " WHERE expires_at <= %(now)s AND NOT given_up",
                {"now": now},
            )
            rows = connection.execute(
                "SELECT upload, chunks || pending FROM acta.uploads"
                " WHERE given_up AND (pending = '{}' OR expires_at <= %s) ORDER BY upload LIMIT %s",
                (now - PUT_BY_THEN, limit),
                binary=True,
            ).fetchall()
        return [(upload, [bytes(address).hex() for address in addresses]) for upload, addresses in rows]

    def forget(self, uploads: Sequence[UUID]) -> None:
        """Drop the rows of uploads that were given up and of which nothing is left."""
        with self._pool.connection() as connection:
            connection.execute("DELETE FROM acta.uploads WHERE upload = ANY(%s) AND given_up", (list(uploads),))

    # Secrets

    def _sealed(self, upload: UUID, holder: UUID, secrets: _Secrets) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        key = self._keys.ensure((holder,))[holder]
        return nonce + AESGCM(key).encrypt(nonce, _encoder.encode(secrets), _place(upload))


def _opened(key: bytes, sealed: bytes, upload: UUID) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(upload))


def _place(upload: UUID) -> bytes:
    return b"acta upload v1\x00" + upload.bytes
