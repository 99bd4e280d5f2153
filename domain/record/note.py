"""Checkpoints, and the notes in which they are signed (c2sp.org: tlog-checkpoint, signed-note).

A checkpoint says: the log of this origin has so many entries, and this is their root. Signed, it is all that one has to
keep to find out later whether history was changed. The signature is Ed25519; the key's name is the log's origin.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.record.merkle import SIZE

_KEY_ID_BYTES = 4
MARK = "\u2014 "
"""How a line with a signature begins."""

LINES = 5
"""Lines of a note as it is signed here: three of the checkpoint, an empty one, the signature."""


class NoteRefused(ValueError):
    """A note, a checkpoint or a key that is not what it must be."""


@dataclass(frozen=True)
class Checkpoint:
    """So many entries under one root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


class Key:
    """An Ed25519 key by its name and its public half, as those know it who check what it has signed.

    ``KIND`` is the byte by which the formats tell what is signed with it: a kind of signature, not of key.
    """

    KIND: ClassVar[bytes]

    def __init__(self, name: str, public: bytes) -> None:
        if not name or any(sign.isspace() or sign == "+" or sign < " " for sign in name):
            raise NoteRefused("a key's name has neither a space nor a plus sign")
        self.name = name
        self._public = public
        self.number = sha256(name.encode() + b"\n" + self.KIND + public).digest()[:_KEY_ID_BYTES]
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def read(cls, vkey: str) -> Self:
        """The key that a verifier key describes; ``NoteRefused`` if it is none of this kind."""
        name, _, rest = vkey.strip().partition("+")
        number, _, coded = rest.partition("+")
        key = _decoded(coded)
        if key[:1] != cls.KIND or len(key) != 1 + SIZE:
            raise NoteRefused(f"not the verifier key of a key of type {cls.KIND[0]:#04x}")
        found = cls(name, key[1:])
        if number != found.number.hex():
            raise NoteRefused("a verifier key whose number does not fit its name and key")
        return found

    @property
    def vkey(self) -> str:
        """The verifier key, as others' tools take it."""
        return f"{self.name}+{self.number.hex()}+{b64encode(self.KIND + self._public).decode()}"

    def line(self, signature: bytes) -> str:
        """A signature as a line of a note."""
        return f"{MARK}{self.name} {b64encode(self.number + signature).decode()}\n"

    def signatures(self, note: str) -> tuple[str, list[bytes]]:
        """What a note signs, and the signatures that this key is said to have given; they are not checked yet."""
        text, gap, lines = note.rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise NoteRefused("not a signed note")
        found = []
        for line in lines.removesuffix("\n").split("\n"):
            name, _, coded = line.removeprefix(MARK).partition(" ")
            if not line.startswith(MARK) or not coded:
                raise NoteRefused("not a signed note")
            signature = _decoded(coded)
            if name == self.name and signature[:_KEY_ID_BYTES] == self.number:
                found.append(signature[_KEY_ID_BYTES:])
        return text + "\n", found

    def must_have_signed(self, message: bytes, signature: bytes) -> None:
        """Refuse a signature over a message that is not this key's."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise NoteRefused(f"the signature is not that of {self.vkey}") from None


class Verifier(Key):
    """One who knows whose signature to expect under a log's checkpoints."""

    KIND = b"\x01"

    def open(self, note: str) -> Checkpoint:
        """The checkpoint of a note that this key has signed; raises ``NoteRefused``.

        Signatures of others are let pass, as the format asks; a wrong one by this key is not.
        """
        text, signatures = self.signatures(note)
        if not signatures:
            raise NoteRefused(f"not signed by {self.vkey}")
        for signature in signatures:
            self.must_have_signed(text.encode(), signature)
        return _checkpoint(text, self.name)


def public_half(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes that everybody may know of a key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Signer:
    """The one who signs for a log. ``seed`` are the 32 secret bytes of its Ed25519 key."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(origin, public_half(self._key))

    def note(self, size: int, root: bytes) -> str:
        """A signed checkpoint."""
        text = Checkpoint(self.verifier.name, size, root).text
        return f"{text}\n{self.verifier.line(self._key.sign(text.encode()))}"


def _checkpoint(text: str, origin: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != origin or not (lines[1].isascii() and lines[1].isdigit()):
        raise NoteRefused(f"not a checkpoint of {origin}")
    root = _decoded(lines[2])
    if len(root) != SIZE or str(int(lines[1])) != lines[1]:
        raise NoteRefused(f"not a checkpoint of {origin}")
    return Checkpoint(origin, int(lines[1]), root)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise NoteRefused("not base64") from None
