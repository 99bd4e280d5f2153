"""What happened to an event that is not what its entry says: changed, removed, inserted or moved."""

from typing import Any
from uuid import UUID

import msgspec

from consumers.record.entering import entry_of
from domain.record.merkle import leaf_hash
from domain.store.recorder import PostgresRecorder, SealedEvent
from projections.ledger import Damaged, Folder

_WHAT = {
    "sha256": "its stored bytes",
    "type": "its type",
    "recorded_at": "its time of recording",
    "previous": "what comes before it in its stream",
}


def difference(store: PostgresRecorder, log: Folder, size: int, position: int, found: SealedEvent | None) -> str:
    """What is wrong at the first position where the store differs from the log of ``size`` entries.

    ``found`` is the event that the store has there, or next after; None if it has none.
    """
    if position > size or (found is not None and found.position < 1):
        return f"{_event(found)} was inserted at position {found.position if found else position}"
    entry = log.entry(position - 1)
    if leaf_hash(entry) != log.leaf(position - 1):
        raise Damaged(f"the entry of position {position} does not fit its tile")
    said = msgspec.json.decode(entry)
    named = f"the event at position {position} ({_place(said)})"
    moved_to = _position(store, said)
    if found is None or found.position != position:
        return f"{named} was moved to position {moved_to}" if moved_to else f"{named} was removed"
    if (str(found.originator_id), found.originator_version) == (said["stream"], said["version"]):
        now = msgspec.json.decode(entry_of(found, bytes.fromhex(said["previous"])))
        changed = [text for name, text in _WHAT.items() if now[name] != said[name]]
        return f"{named} was changed: {' and '.join(changed) or _WHAT['previous']}"
    known = _has_entry(log, size, found)
    if moved_to:
        return (
            f"{named} was moved to position {moved_to}"
            if known
            else f"{_event(found)} was inserted at position {position}"
        )
    return f"{named} was removed" if known else f"{named} was changed: another stands in its place"


def _position(store: PostgresRecorder, said: dict[str, Any]) -> int:
    """Where the store has the event of an entry now; 0 if it has none."""
    stream, version = UUID(said["stream"]), said["version"]
    later = store.newer([(stream, version - 1)])
    return later[0].position if later and later[0].originator_version == version else 0


def _has_entry(log: Folder, size: int, event: SealedEvent) -> bool:
    """Whether the log speaks of an event, wherever."""
    stream, version = f'"stream":"{event.originator_id}"'.encode(), f'"version":{event.originator_version}}}'.encode()
    return any(entry.endswith(version) and stream in entry for entry in log.all_entries(size))


def _event(event: SealedEvent | None) -> str:
    if event is None:
        return "an event"
    return f"an event (version {event.originator_version} of stream {event.originator_id})"


def _place(said: dict[str, Any]) -> str:
    return f"{said['type']}, version {said['version']} of stream {said['stream']}"
