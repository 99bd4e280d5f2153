"""The events of a bundle, each from its stored bytes: in its place, and opened with its own key."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from api.evidence.archive import BundleRefused
from api.evidence.bundle import Exhibit, names_of
from domain.envelope import Event
from domain.errors import Unreadable
from domain.record.entry import entry
from domain.store import codec
from domain.store.privacy import open_with


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry says of its event."""

    acta: int
    position: int
    previous: str
    recorded_at: datetime
    sha256: str
    stream: UUID
    type: str
    version: int


def place_of(position: int, exhibit: Exhibit) -> Place:
    """The place of the event at a position, once its entry is that of its stored bytes; raises ``BundleRefused``."""
    names = names_of(position)
    try:
        place = msgspec.json.decode(exhibit.entry, type=Place)
        previous = bytes.fromhex(place.previous)
    except (msgspec.MsgspecError, ValueError):
        raise BundleRefused(f"{names.entry} is not an entry of the log") from None
    if sha256(exhibit.body).hexdigest() != place.sha256:
        raise BundleRefused(f"{names.event}: these are not the stored bytes that its entry names")
    whole = (place.stream, place.version, place.type, place.recorded_at, exhibit.body, previous)
    if place.recorded_at.tzinfo is None or entry(position, *whole) != exhibit.entry:
        raise BundleRefused(f"{names.entry} is not the entry of {names.event}")
    return place


def opened(place: Place, exhibit: Exhibit) -> Event:
    """The event, its personal text readable if its key is there; raises ``BundleRefused``."""
    names = names_of(place.position)
    try:
        event = codec.decode(
            place.type,
            exhibit.body,
            stream=place.stream,
            version=place.version,
            position=place.position,
            recorded_at=place.recorded_at,
        )
    except (Unreadable, RecursionError):
        raise BundleRefused(f"{names.event}: this software knows no such event, {place.type}") from None
    if exhibit.key is not None and event.seal is None:
        raise BundleRefused(f"{names.key} is a key of nothing: nothing is sealed in {names.event}")
    try:
        return open_with(event, exhibit.key)
    except (Unreadable, ValueError):
        raise BundleRefused(f"{names.key} is not the key with which {names.event} was sealed") from None
