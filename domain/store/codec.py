"""Events to bytes and back.

A body is a JSON object of the fields that differ from their defaults; stream, version, position, type and recorded_at
are columns beside it. Fields that this version of the software does not know are skipped when read and stay in the
stored bytes, which are never written again.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from domain.access import events as _access
from domain.envelope import EVENT_TYPES, NOWHERE, UNSTAMPED, Event
from domain.erasure import events as _erasure
from domain.errors import Unreadable
from domain.person import events as _person
from domain.request import events as _request
from domain.setup import events as _setup
from domain.store.upcasts import UPCASTS, upcast
from domain.ticket import events as _ticket

REGISTERED = (_ticket, _setup, _person, _access, _request, _erasure)
"""The modules whose import enters every event type."""

_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Event]] = {}
_stamp = msgspec.structs.force_setattr


def event_types() -> Mapping[str, type[Event]]:
    """Every event type that is written today, by its stored name."""
    return EVENT_TYPES


def stored_types() -> Mapping[str, type[Event]]:
    """Every event type that may stand in the store, by its stored name; of one that is superseded, as it was."""
    return {**EVENT_TYPES, **{old: superseded.was for old, superseded in UPCASTS.items()}}


def encode(event: Event) -> bytes:
    """The body of an event that has not been stamped with its place."""
    return _encoder.encode(event)


def decode(type_name: str, body: bytes, *, stream: UUID, version: int, position: int, recorded_at: datetime) -> Event:
    """The event of a stored body, in today's shape, with its place and times; raises ``Unreadable``."""
    try:
        event = _decode(type_name, body)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as fault:
        # The fault's own text may quote the body, which no log may hold.
        raise Unreadable(f"{type_name} at position {position} cannot be read: {type(fault).__name__}") from None
    return stamped(event, stream, version, position, recorded_at)


def stamped(event: Event, stream: UUID, version: int, position: int, recorded_at: datetime) -> Event:
    """``event`` in its place; an event not dated otherwise happened when it was recorded."""
    _stamp(event, "stream", stream)
    _stamp(event, "version", version)
    _stamp(event, "position", position)
    _stamp(event, "recorded_at", recorded_at)
    if event.occurred_at is UNSTAMPED or event.occurred_at == UNSTAMPED:
        _stamp(event, "occurred_at", recorded_at)
    if event.effective_at is UNSTAMPED or event.effective_at == UNSTAMPED:
        _stamp(event, "effective_at", event.occurred_at)
    if event.seal is not None and not event.withheld:
        _stamp(event, "withheld", "sealed")
    return event


def unplaced(event: Event) -> Event:
    """``event`` without what its columns say, as it is encoded."""
    return msgspec.structs.replace(event, stream=NOWHERE, version=0, position=0, recorded_at=UNSTAMPED)


def _decode(type_name: str, body: bytes) -> Event:
    if type_name in UPCASTS:
        newest, upgraded = upcast(type_name, msgspec.json.decode(body))
        return msgspec.convert(upgraded, EVENT_TYPES[newest])
    decoder = _decoders.get(type_name)
    if decoder is None:
        decoder = _decoders[type_name] = msgspec.json.Decoder(EVENT_TYPES[type_name])
    return decoder.decode(body)
