"""An entry of the transparency log: what is said of one event for ever, to anybody.

Canonical JSON (RFC 8785) without content and without personal data: the stored bytes are bound by their digest, the
stream's event before by its leaf hash, so that one ticket's history verifies alone. Entry i is the event at position
i + 1; positions are dense, so every event is in the log, in the order of the store.
"""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec

LARGEST = 65_535
"""Bytes of an entry: its length is written in two."""


class _Entry(msgspec.Struct):
    """The members in the order that RFC 8785 asks for; msgspec writes each as that does."""

    acta: int
    position: int
    previous: str
    recorded_at: datetime | str
    sha256: str
    stream: UUID
    type: str
    version: int


_encode = msgspec.json.Encoder().encode


def entry(
    position: int, stream: UUID, version: int, type_name: str, recorded_at: datetime, body: bytes, previous: bytes
) -> bytes:
    """The entry of a stored event.

    ``recorded_at`` is in UTC; ``body`` are the stored bytes, ``previous`` the leaf hash of the stream's event before,
    or empty for its first.
    """
    # Of a whole second msgspec leaves out the fraction.
    moment = recorded_at if recorded_at.microsecond else f"{recorded_at.replace(tzinfo=None).isoformat()}.000000Z"
    digest = sha256(body).hexdigest()
    return _encode(_Entry(1, position, previous.hex(), moment, digest, stream, type_name, version))
