"""The key-encryption keys (KEKs) that a process knows, by id; they wrap persons' keys and are never in the store.

There are two of them while one takes the place of another. Which of them wraps, the store says, not the process.
"""

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Lock
from time import monotonic
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.store.privacy import KEY_BYTES

_NONCE_BYTES = 12
_PAUSE_S = 1.0


class KekMismatch(Exception):
    """The key-encryption key is not the one that the stored keys were wrapped with."""


def kek_id(kek: bytes) -> str:
    """What a key-encryption key is called: a digest that tells nothing of it."""
    return sha256(b"acta kek id v1\x00" + kek).hexdigest()[:16]


class KeyRing:
    """Keys that wrap keys. ``load`` gives them (32 bytes each), the newest first.

    It is asked again when a key is wrapped by one that is not known, since another process may have begun to use it. A
    ValueError from it then means that they cannot be had now, and leaves what is known.
    """

    def __init__(self, load: Callable[[], Sequence[bytes]]) -> None:
        self._load = load
        self._lock = Lock()
        self._ciphers: dict[str, AESGCM] = {}
        self._read_at = 0.0
        self._read()

    def __getstate__(self) -> Any:
        """How to find the keys, so that another process reads them for itself; never the keys."""
        return self._load

    def __setstate__(self, load: Any) -> None:
        self.__init__(load)  # type: ignore[misc]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the known keys, the newest first."""
        return tuple(self._ciphers)

    def knows(self, kek: str) -> bool:
        """Whether a key of this id is known, or is by now."""
        if kek in self._ciphers:
            return True
        with self._lock:
            if monotonic() - self._read_at > _PAUSE_S:
                try:
                    self._read()
                except ValueError:
                    self._read_at = monotonic()
        return kek in self._ciphers

    def wrap(self, kek: str, subject: UUID, key: bytes) -> bytes:
        """A person's key, wrapped by the key-encryption key of this id."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(kek).encrypt(nonce, key, subject.bytes)

    def unwrap(self, kek: str, subject: UUID, wrapped: bytes) -> bytes:
        """A person's key. Raises ``KekMismatch`` if it was wrapped by none that is known."""
        try:
            return self._cipher(kek).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], subject.bytes)
        except InvalidTag:
            raise KekMismatch(f"a stored key does not open although it names the key-encryption key {kek}") from None

    def must_know(self, kek: str) -> None:
        """Raise ``KekMismatch`` if the key-encryption key of this id is not known."""
        if not self.knows(kek):
            raise KekMismatch(
                f"stored keys are wrapped by the key-encryption key with the id {kek}; known here:"
                f" {', '.join(self.ids)}"
            )

    def _cipher(self, kek: str) -> AESGCM:
        self.must_know(kek)
        return self._ciphers[kek]

    def _read(self) -> None:
        keys = self._load()
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a key-encryption key must have 32 bytes")
        self._ciphers = {kek_id(key): AESGCM(key) for key in keys}
        self._read_at = monotonic()
