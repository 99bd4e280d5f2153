"""Sealing: personal fields are encrypted before they are stored, and opened for those who may read them.

Each event has a key of its own (AES-256-GCM), wrapped by the key of the person it tells of, so that one message can be
redacted and one person erased without touching a stored byte. Stream, version, field name and subject are associated
data, so a ciphertext cannot be moved; the seal carries a commitment to the key (SHA-256 under a label of its own),
since GCM alone lets one ciphertext open under two keys.
"""

import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.envelope import ERASED, SEALED, Event, Seal, personal_fields
from domain.errors import Unreadable

KEY_BYTES = 32
_NONCE_BYTES = 12
_COMMITMENT = b"acta message key commitment v1\x00"
_json = msgspec.json.Encoder()


class _Field(msgspec.Struct, frozen=True):
    name: str
    mark: bytes
    decoder: msgspec.json.Decoder[Any]
    default: Any


@cache
def _personal(event_type: type[Event]) -> tuple[_Field, ...]:
    names = personal_fields(event_type)
    return tuple(
        _Field(field.name, field.name.encode(), msgspec.json.Decoder(field.type), _default(field))
        for field in msgspec.structs.fields(event_type)
        if field.name in names
    )


def _default(field: Any) -> Any:
    """A field's default; NODEFAULT if it must be given."""
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def _blank(field: _Field, mark: str) -> Any:
    """What stands in a field that cannot be read: the mark for text, nothing for anything else."""
    text = isinstance(field.default, str) or field.default is msgspec.NODEFAULT
    return mark if text else field.default


def _place(stream: UUID, version: int, subject: UUID) -> bytes:
    """Where a seal belongs; with a field's name behind it that of a ciphertext, as it is that of the wrapped key."""
    return b"%b|%d|%b|" % (stream.bytes, version, subject.bytes)


def ciphers(subject_keys: Mapping[UUID, bytes]) -> dict[UUID, AESGCM]:
    """The keys of persons made ready, once for all that is sealed for them: that takes longer than what they open."""
    return {subject: AESGCM(key) for subject, key in subject_keys.items()}


def _encrypt(cipher: AESGCM, plain: bytes, place: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, place)


def _decrypt(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)


def has_personal(event: Event) -> bool:
    """Whether the event holds anything to seal."""
    return any(getattr(event, field.name) not in ("", None, {}) for field in _personal(type(event)))


def seal(event: Event, stream: UUID, version: int, subject: UUID, subject_key: AESGCM) -> tuple[Event, bytes | None]:
    """The event with its personal fields encrypted, and its wrapped key (None if it had nothing to seal)."""
    present = [field for field in _personal(type(event)) if getattr(event, field.name) not in ("", None, {})]
    if not present:
        return msgspec.structs.replace(event, seal=None), None
    key = os.urandom(KEY_BYTES)
    cipher = AESGCM(key)
    place = _place(stream, version, subject)
    fields = {
        field.name: b2a_base64(
            _encrypt(cipher, _json.encode(getattr(event, field.name)), place + field.mark), newline=False
        ).decode()
        for field in present
    }
    commitment = sha256(_COMMITMENT + key).hexdigest()
    blanks: dict[str, Any] = {
        field.name: "" if field.default is msgspec.NODEFAULT else field.default for field in present
    }
    sealed = msgspec.structs.replace(event, seal=Seal(subject, commitment, fields), **blanks)
    return sealed, _encrypt(subject_key, key, place)


def message_key(event: Event, wrapped: bytes | None, subject_key: AESGCM | None) -> bytes | None:
    """The key with which one sealed event was sealed; None where it is gone.

    Whoever has it opens this event and no other. Raises ``Unreadable`` when the wrapped key has been tampered with.
    """
    assert event.seal is not None
    if wrapped is None or subject_key is None:
        return None
    try:
        return _decrypt(subject_key, wrapped, _place(event.stream, event.version, event.seal.subject))
    except InvalidTag:
        raise _broken(event) from None


def open_with(event: Event, key: bytes | None) -> Event:
    """The event with its personal fields readable by its own key, or marked as erased where there is none.

    Raises ``Unreadable`` when a ciphertext has been tampered with, or the key is not the one it was sealed with.
    """
    if event.seal is None:
        return event
    if key is None:
        return _withhold(event, "erased", ERASED)
    if not compare_digest(sha256(_COMMITMENT + key).hexdigest(), event.seal.commitment):
        raise Unreadable(f"the key of position {event.position} is not the one it was sealed with")
    sealed = event.seal.fields
    place = _place(event.stream, event.version, event.seal.subject)
    cipher = AESGCM(key)
    try:
        values = {
            field.name: field.decoder.decode(_decrypt(cipher, a2b_base64(sealed[field.name]), place + field.mark))
            for field in _personal(type(event))
            if field.name in sealed
        }
    except InvalidTag:
        raise _broken(event) from None
    return msgspec.structs.replace(event, withheld="", **values)


def unseal(event: Event, wrapped: bytes | None, subject_key: AESGCM | None) -> Event:
    """The event with its personal fields readable, or marked as erased where a key is gone.

    Raises ``Unreadable`` when a ciphertext or a key has been tampered with.
    """
    return event if event.seal is None else open_with(event, message_key(event, wrapped, subject_key))


def _broken(event: Event) -> Unreadable:
    return Unreadable(f"the seal of position {event.position} is broken")


def closed(event: Event) -> Event:
    """The event as one sees it who may not open it."""
    return event if event.seal is None else _withhold(event, "sealed", SEALED)


def _withhold(event: Event, why: str, mark: str) -> Event:
    assert event.seal is not None
    blanks = {field.name: _blank(field, mark) for field in _personal(type(event)) if field.name in event.seal.fields}
    return msgspec.structs.replace(event, withheld=why, **blanks)
