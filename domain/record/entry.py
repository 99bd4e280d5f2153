"""An entry of the transparency log: what is said of one event for ever, to anybody.

Canonical JSON (RFC 8785) without content and without personal data: the stored bytes are bound by their digest, the
stream's event before by its leaf hash, so that one ticket's history verifies alone. Entry i is the event at position
i + 1; positions are dense, so every event is in the log, in the order of the store.
"""

from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from json import dumps
from uuid import UUID

LARGEST = 65_535
"""Bytes of an entry: its length is written in two."""

_TIME = len("2026-01-31T09:00:00.000000")
"""Characters of a time without its zone, which is UTC."""


def entry(
    position: int, stream: UUID, version: int, type_name: str, recorded_at: datetime, body: bytes, previous: bytes
) -> bytes:
    """The entry of a stored event.

    ``recorded_at`` is in UTC; ``body`` are the stored bytes, ``previous`` the leaf hash of the stream's event before,
    or empty for its first.
    """
    # The names stand in the order that RFC 8785 asks for; of the values only the type could need escaping.
    return (
        f'{{"acta":1,"position":{position},"previous":"{previous.hex()}",'
        f'"recorded_at":"{recorded_at.isoformat(timespec="microseconds")[:_TIME]}Z",'
        f'"sha256":"{sha256(body).hexdigest()}","stream":"{stream}","type":{_quoted(type_name)},"version":{version}}}'
    ).encode()


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return dumps(text, ensure_ascii=False)
