"""Signing PINs: what holders of API keys prove with that it is them, here and now, when they sign.

A PIN is short, so its digest is made by scrypt (RFC 7914; 16 MiB, about a fifth of a second) and then keyed with the
desk's secret: whoever has the database or the topic, but not the key-encryption key, has nothing to guess against.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from hashlib import scrypt
from hmac import compare_digest

SHORTEST, LONGEST = 6, 64
CODE_LASTS = timedelta(days=1)
_SALT_BYTES = 16
_COST = (2**14, 8, 5)

Blind = Callable[..., bytes]
"""A digest keyed with the desk's secret: ``SubjectKeys.blind``."""


def new_code() -> str:
    """A one-time code with which its receiver sets a PIN: 128 random bits."""
    return secrets.token_urlsafe(16)


def digest(pin: str, holder: str, blind: Blind) -> str:
    """As the configuration keeps a holder's PIN: cost, salt and keyed digest."""
    return _digest(pin, holder, secrets.token_bytes(_SALT_BYTES), _COST, blind)


def fits(pin: str, holder: str, kept: str, blind: Blind) -> bool:
    """Whether it is the PIN that a digest was made of."""
    *cost, salt, _ = kept.split("$")
    n, r, p = map(int, cost)
    return compare_digest(_digest(pin, holder, bytes.fromhex(salt), (n, r, p), blind), kept)


def _digest(pin: str, holder: str, salt: bytes, cost: tuple[int, int, int], blind: Blind) -> str:
    n, r, p = cost
    hard = scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 * 2**20, dklen=32)
    return f"{n}${r}${p}${salt.hex()}${blind('signing pin', holder, hard.hex()).hex()}"
