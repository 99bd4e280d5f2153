"""Cosignatures: a witness says that it saw a checkpoint and none that contradicts it (c2sp.org/tlog-cosignature).

The signature is Ed25519 over the checkpoint and the second at which the witness signed. So whoever trusts a witness
need not trust the log: a history that was signed anew finds none who would cosign it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.record.note import Key, NoteRefused, public_half

_TIME_BYTES = 8
SIGNATURE_BYTES = 64
BYTES = _TIME_BYTES + SIGNATURE_BYTES


@dataclass(frozen=True)
class Cosignature:
    """A signature of a witness, and when it was given, in whole seconds since 1970."""

    seconds: int
    signature: bytes

    @property
    def at(self) -> datetime:
        """When it was given."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def packed(self) -> bytes:
        """As a line of a note carries it, behind the key's number."""
        return self.seconds.to_bytes(_TIME_BYTES, "big") + self.signature

    @classmethod
    def unpacked(cls, packed: bytes) -> "Cosignature":
        """The same, read; raises ``NoteRefused`` if it is too short, too long, or of a time beyond all calendars."""
        seconds = int.from_bytes(packed[:_TIME_BYTES], "big")
        if len(packed) != BYTES or seconds >= 1 << 37:
            raise NoteRefused("not a cosignature")
        return cls(seconds, packed[_TIME_BYTES:])


class Witness(Key):
    """One who knows whose cosignature to expect."""

    KIND = b"\x04"

    def of(self, note: str) -> Cosignature:
        """The newest cosignature that this witness has given to a note; ``NoteRefused`` if it is wrong or not there."""
        text, signatures = self.signatures(note)
        found = [Cosignature.unpacked(signature) for signature in signatures]
        if not found:
            raise NoteRefused(f"not cosigned by {self.vkey}")
        for one in found:
            self.must_have_signed(_message(text, one.seconds), one.signature)
        return max(found, key=lambda one: one.seconds)


class Cosigner:
    """A witness who signs. ``seed`` are the 32 secret bytes of its Ed25519 key."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.witness = Witness(name, public_half(self._key))

    def line(self, note: str, at: datetime) -> str:
        """The line that cosigns a note at a moment."""
        text, _ = self.witness.signatures(note)
        seconds = int(at.timestamp())
        return self.witness.line(Cosignature(seconds, self._key.sign(_message(text, seconds))).packed())


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
