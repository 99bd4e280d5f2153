"""The digest of a stream's record: what an electronic signature is bound to.

It is the SHA-256 of a text that says which stream, and then of each event its version, its type and the SHA-256 of its
stored bytes, a line each. These are in the entries of the transparency log, so that whoever has the entries of a ticket
computes it without its content; ``sha256sum`` over that text gives the same.
"""

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID


def record_digest(stream: UUID, events: Iterable[tuple[int, str, bytes]]) -> str:
    """The digest (hexadecimal) of a stream's events, given from its first on as version, type and stored bytes."""
    digest = sha256(f"acta record 1\n{stream}\n".encode())
    for version, type_name, body in events:
        digest.update(f"{version} {type_name} {sha256(body).hexdigest()}\n".encode())
    return digest.hexdigest()
