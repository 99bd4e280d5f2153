"""API keys: 256 random bits, shown once; only their digest is kept.

A key reads ``acta_<id>_<secret>``; the id finds it in lists and refusals, the whole is hashed with SHA-256. A plain
hash suffices, since nobody can guess 256 random bits.
"""

import secrets
from datetime import datetime
from hashlib import sha256

import msgspec

from domain.setup.events import ApiKeyIssued
from domain.setup.state import Setup

PREFIX = "acta_"


class FreshKey(msgspec.Struct, frozen=True):
    """A key at the one moment at which its text is known."""

    key: str
    text: str
    digest: str


def fresh_key() -> FreshKey:
    """A new random key."""
    key = secrets.token_hex(6)
    text = f"{PREFIX}{key}_{secrets.token_urlsafe(32)}"
    return FreshKey(key=key, text=text, digest=digest_of(text))


def digest_of(text: str) -> str:
    """What is kept of a key."""
    return sha256(text.encode()).hexdigest()


def key_in(setup: Setup, text: str, now: datetime) -> ApiKeyIssued | None:
    """The key of that text, unless it is unknown, revoked or expired."""
    found = setup.keys_by_digest.get(digest_of(text))
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    return found
