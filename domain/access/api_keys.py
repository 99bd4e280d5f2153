"""API keys: ``acta_<id>_<secret>``, 256 random bits, shown once; only the digest is ever stored."""

import secrets
from hashlib import sha256

PREFIX = "acta_"


def new_key(key: str) -> str:
    """A fresh secret for the key with this id."""
    return f"{PREFIX}{key}_{secrets.token_urlsafe(32)}"


def new_id() -> str:
    """A fresh id: 64 random bits; it is public."""
    return secrets.token_hex(8)


def digest(token: str) -> str:
    """As the configuration keeps it. A random secret of 256 bits needs no slow hash."""
    return sha256(token.encode()).hexdigest()
