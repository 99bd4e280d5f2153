"""Verifying one stream alone, such as a ticket: its stored events against what the log says of it.

The log is searched for every entry of the stream, so that an event which is gone from the store is missed, also the
newest; each entry must chain to the one before, and be under the newest checkpoint by its inclusion proof. That costs
one reading of the log, no reading of the store beyond the stream. Whether the log's other files still fit the rest of
history is not asked here: `verify` does that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import msgspec

from consumers.record.differing import difference
from consumers.record.entering import entry_of
from consumers.record.verify import Differs
from domain.record import merkle
from domain.record.merkle import leaf_hash
from domain.record.note import Checkpoint, NoteRefused, Verifier
from domain.record.tiles import WIDTH
from domain.store.recorder import PostgresRecorder, SealedEvent
from projections.ledger import CHECKPOINT, Damaged, Folder


@dataclass(frozen=True)
class VerifiedStream:
    """So many events of a stream are as the checkpoint over ``size`` entries signs them; ``unsigned`` came later."""

    events: int
    size: int
    unsigned: int


class _Said(NamedTuple):
    """What the log says of one event."""

    position: int
    version: int
    entry: bytes
    previous: bytes


def verify_stream(
    store: PostgresRecorder, log: Folder, verifier: Verifier, stream: UUID, kept: Sequence[Checkpoint] = ()
) -> VerifiedStream:
    """Compare every event of a stream with its entry, and the log with the checkpoints that others have ``kept``.

    Raises ``Differs`` that names the first event at fault.
    """
    try:
        newest = verifier.open(log.text(CHECKPOINT))
        for checkpoint in kept:
            _must_continue(log, newest, checkpoint)
        said = list(_chained(log, newest, stream))
        return _compared(store, log, newest.size, stream, said)
    except (Damaged, NoteRefused) as fault:
        raise Differs(f"the log's own files: {fault}") from None


def must_be_number(store: PostgresRecorder, stream: UUID, number: int) -> None:
    """Raise ``Differs`` if the store finds a ticket by another number than it was opened with: no entry has it."""
    first = store.events_of(stream, until=1)
    opened = msgspec.json.decode(first[0].state).get("number") if first else number
    if opened != number:
        raise Differs(f"the ticket that the store finds as #{number} was opened as #{opened}: its column was changed")


def _must_continue(log: Folder, newest: Checkpoint, kept: Checkpoint) -> None:
    if kept.size > newest.size:
        raise Differs(
            f"a checkpoint signs {kept.size} events, the log's newest only {newest.size}: what follows position"
            f" {newest.size} was removed, from the log as well"
        )
    if merkle.root(log, kept.size) != kept.root:
        raise Differs(
            f"the first {kept.size} events are not those that a checkpoint signs: events, entries and tiles were"
            " rewritten together"
        )


def _chained(log: Folder, newest: Checkpoint, stream: UUID) -> Iterator[_Said]:
    """What the log says of the stream, from its first event on; each is proved and follows on the one before."""
    version, previous = 0, b""
    for position, entry in _entries_of(log, newest.size, stream):
        proof = merkle.inclusion(log, position - 1, newest.size)
        if not merkle.includes(leaf_hash(entry), position - 1, newest.size, proof, newest.root):
            raise Damaged(f"the entry of position {position} is not what the checkpoint signs")
        said = msgspec.json.decode(entry)
        if said["version"] != version + 1 or bytes.fromhex(said["previous"]) != previous:
            raise Damaged(f"the entry of position {position} does not follow on the one before it in its stream")
        yield _Said(position, said["version"], entry, previous)
        version, previous = said["version"], leaf_hash(entry)


def _entries_of(log: Folder, size: int, stream: UUID) -> Iterator[tuple[int, bytes]]:
    """Every entry of the stream with its position, found by reading all."""
    named = f'"stream":"{stream}"'.encode()
    for start in range(0, size, WIDTH):
        width = min(WIDTH, size - start)
        if named in log.bundle(start // WIDTH, width):
            for position, entry in enumerate(log.entries(start // WIDTH, width), start=start + 1):
                if named in entry:
                    yield position, entry


def _compared(store: PostgresRecorder, log: Folder, size: int, stream: UUID, said: Sequence[_Said]) -> VerifiedStream:
    found = {event.originator_version: event for event in store.events_of(stream)}
    for one in said:
        event = found.pop(one.version, None)
        if event is None or entry_of(event, one.previous) != one.entry:
            there = store.events_at([one.position])
            raise Differs(difference(store, log, size, one.position, there[0] if there else None))
    _must_be_later(found, len(said), size)
    return VerifiedStream(len(said), size, len(found))


def _must_be_later(found: dict[int, SealedEvent], version: int, position: int) -> None:
    """What no entry speaks of must have come after the checkpoint, one after another."""
    for number, event in sorted(found.items()):
        version += 1
        if number != version or event.position <= position:
            raise Differs(
                f"an event (version {number} of stream {event.originator_id}) was inserted at position {event.position}"
            )
        position = event.position
