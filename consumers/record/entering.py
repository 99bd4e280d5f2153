"""Stored events as entries of the transparency log, and the two compared."""

from collections.abc import Callable, Iterable, Iterator

from consumers.loop import Halted
from domain.record.entry import entry
from domain.store.recorder import PostgresRecorder, SealedEvent
from projections.ledger import Folder

PAGE = 2000

Succession = tuple[SealedEvent, int]
"""An event, and the position of its stream's event before it; 0 if it has none."""


def entries(page: Iterable[Succession], after: int, leaf: Callable[[int], bytes]) -> Iterator[bytes]:
    """The entries of the events after a position; ``leaf`` gives the leaf hash of any entry before the next one.

    Raises ``Halted`` at a gap, in the log or in a stream.
    """
    for position, (event, previous) in enumerate(page, start=after + 1):
        if event.position != position:
            raise Halted(f"the store has no event at position {position}, but later ones")
        if (event.originator_version > 1) != (0 < previous < position):
            raise Halted(f"the event at position {position} does not follow on one of its stream")
        yield entry_of(event, leaf(previous - 1) if previous else b"")


def first_difference(store: PostgresRecorder, log: Folder, size: int) -> int | None:
    """The first position whose event is not what its entry, one of the first ``size``, says; None: there is none."""
    position = 0
    said = log.all_entries(size)
    while position < size:
        page = store.succession(position, min(PAGE, size - position))
        for event, previous in page:
            position += 1
            before = log.leaf(previous - 1) if 0 < previous < position else b""
            if event.position != position or entry_of(event, before) != next(said):
                return position
        if not page:
            return position + 1
    return None


def entry_of(event: SealedEvent, previous: bytes) -> bytes:
    """The entry of an event; ``previous`` is the leaf hash of its stream's event before, empty for the first."""
    assert event.recorded_at is not None
    return entry(
        event.position,
        event.originator_id,
        event.originator_version,
        event.topic,
        event.recorded_at,
        event.state,
        previous,
    )
