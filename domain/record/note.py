"""Checkpoints, and the notes in which they are signed (c2sp.org: tlog-checkpoint, signed-note).

A checkpoint says: the log of this origin has so many entries, and this is their root. Signed, it is all that one has to
keep to find out later whether history was changed. The signature is Ed25519; the key's name is the log's origin.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.record.merkle import SIZE

_ED25519 = b"\x01"
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


class Verifier:
    """One who knows whose signature to expect: a key's name and its public half."""

    def __init__(self, name: str, public: bytes) -> None:
        if not name or any(sign.isspace() or sign == "+" or sign < " " for sign in name):
            raise NoteRefused("a key's name has neither a space nor a plus sign")
        self.name = name
        self._public = public
        self._id = sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID_BYTES]
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def read(cls, vkey: str) -> "Verifier":
        """The verifier that a verifier key describes; ``NoteRefused`` if it is none of Ed25519."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, coded = rest.partition("+")
        key = _decoded(coded)
        if key[:1] != _ED25519 or len(key) != 1 + SIZE:
            raise NoteRefused("not the verifier key of an Ed25519 key")
        verifier = cls(name, key[1:])
        if key_id != verifier._id.hex():
            raise NoteRefused("a verifier key whose number does not fit its name and key")
        return verifier

    @property
    def vkey(self) -> str:
        """The verifier key, as others' tools take it."""
        return f"{self.name}+{self._id.hex()}+{b64encode(_ED25519 + self._public).decode()}"

    def open(self, note: str) -> Checkpoint:
        """The checkpoint of a note that this key has signed; raises ``NoteRefused``.

        Signatures of others are let pass, as the format asks; a wrong one by this key is not.
        """
        text, gap, signatures = note.rpartition("\n\n")
        if not gap or not signatures.endswith("\n"):
            raise NoteRefused("not a signed note")
        text += "\n"
        signed = False
        for line in signatures.removesuffix("\n").split("\n"):
            name, _, coded = line.removeprefix(MARK).partition(" ")
            if not line.startswith(MARK) or not coded:
                raise NoteRefused("not a signed note")
            signature = _decoded(coded)
            if name == self.name and signature[:_KEY_ID_BYTES] == self._id:
                self._check(signature[_KEY_ID_BYTES:], text)
                signed = True
        if not signed:
            raise NoteRefused(f"not signed by {self.vkey}")
        return _checkpoint(text, self.name)

    def _check(self, signature: bytes, text: str) -> None:
        try:
            self._key.verify(signature, text.encode())
        except InvalidSignature:
            raise NoteRefused(f"the signature is not that of {self.vkey}") from None


class Signer:
    """The one who signs for a log. ``seed`` are the 32 secret bytes of its Ed25519 key."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(origin, self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def note(self, size: int, root: bytes) -> str:
        """A signed checkpoint."""
        text = Checkpoint(self.verifier.name, size, root).text
        coded = b64encode(self.verifier._id + self._key.sign(text.encode())).decode()
        return f"{text}\n{MARK}{self.verifier.name} {coded}\n"


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
