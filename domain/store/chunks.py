"""Sealing files: in chunks that open only in their place, so that a file of any size is never in memory as a whole.

Each file has a key of its own, and is sealed as a stream is (STREAM: Hoang, Reyhanitabar, Rogaway and Vizár, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015): AES-256-GCM chunk by chunk, each bound to
its file, its number and whether it is the last. So none can be left out, put elsewhere, or taken for the end. The place
is bound as associated data and the nonce is random, since the same chunk may be sealed twice, with other content, when
a connection breaks. A chunk lies under the SHA-256 of what was sealed, and the event that names the chunks binds them.
"""

import os
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import Altered
from domain.store.privacy import KEY_BYTES

CHUNK_BYTES = 1 << 20
"""Of what is sealed, in every chunk but the last."""
_NONCE_BYTES = 12
_TAG_BYTES = 16
OVERHEAD = _NONCE_BYTES + _TAG_BYTES
"""By so many bytes a chunk is longer when it is sealed."""


def new_key() -> bytes:
    """The key of a file."""
    return os.urandom(KEY_BYTES)


def chunks_in(length: int) -> int:
    """How many chunks a file of ``length`` bytes has; an empty one has one as well, that says so."""
    return max(1, -(-length // CHUNK_BYTES))


def seal_chunk(key: bytes, file: UUID, number: int, last: bool, plain: bytes | bytearray) -> bytes:
    """A chunk of a file, by its ``number`` from 0, sealed."""
    return _seal(key, plain, _place(file, number, last))


def nonce_of(sealed: bytes) -> bytes:
    """What a chunk was sealed with beside the key of its file; no secret."""
    return sealed[:_NONCE_BYTES]


def seal_again(key: bytes, file: UUID, number: int, last: bool, plain: bytes, nonce: bytes) -> bytes:
    """The chunk as it was sealed, byte by byte, for whoever checks its address. Never for anything else."""
    return nonce + AESGCM(key).encrypt(nonce, plain, _place(file, number, last))


def open_chunk(key: bytes, file: UUID, number: int, last: bool, sealed: bytes) -> bytes:
    """What a chunk holds. Raises ``Altered`` if it is not this file's chunk of that number and kind."""
    return _open(key, sealed, _place(file, number, last))


def seal_tail(key: bytes, file: UUID, offset: int, plain: bytes | bytearray) -> bytes:
    """The bytes of a file on its way in that do not make a chunk yet; they end at ``offset``."""
    return _seal(key, plain, _tail(file, offset))


def open_tail(key: bytes, file: UUID, offset: int, sealed: bytes) -> bytes:
    """The bytes that ``seal_tail`` sealed; raises ``Altered``."""
    return _open(key, sealed, _tail(file, offset))


def address_of(sealed: bytes) -> str:
    """Where a sealed chunk lies: its SHA-256, in hexadecimal."""
    return sha256(sealed).hexdigest()


def path_of(address: str) -> str:
    """The path of a chunk in its place."""
    return f"{address[:2]}/{address[2:4]}/{address}"


def _place(file: UUID, number: int, last: bool) -> bytes:
    return b"acta chunk v1\x00" + file.bytes + number.to_bytes(4, "big") + bytes((last,))


def _tail(file: UUID, offset: int) -> bytes:
    return b"acta tail v1\x00" + file.bytes + offset.to_bytes(8, "big")


def _seal(key: bytes, plain: bytes | bytearray, place: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes:
    if len(sealed) < OVERHEAD:
        raise Altered("a part of a file is cut short")
    parts = memoryview(sealed)
    try:
        return AESGCM(key).decrypt(parts[:_NONCE_BYTES], parts[_NONCE_BYTES:], place)
    except InvalidTag:
        raise Altered("a part of a file does not open in its place") from None
