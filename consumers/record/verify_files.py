"""Verifying files: whatever was attached and is not erased lies whole in its place.

What a file must be stands readably in its event: the address of each part is the digest of its sealed bytes. Keys tell
only what is erased, and nothing is opened with them. Memory does not grow with files or their number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from domain.desk import Desk
from domain.store.chunks import address_of, path_of
from domain.store.places import Place
from domain.store.recorder import SealedEvent
from domain.ticket.events import AttachmentAdded

_AT_ONCE = 500
_MISSING, _CHANGED = "a part of it is missing", "a part of it is not what was put there"


@dataclass(frozen=True)
class Damaged:
    """A file that is not whole: which the event at ``position`` put to ``ticket``, and what is wrong with it."""

    position: int
    ticket: UUID
    attachment: UUID
    what: str


@dataclass
class Files:
    """What was found: so many files that are whole, of so many bytes as they lie there, and so many erased ones."""

    whole: int = 0
    stored: int = 0
    erased: int = 0


def verify_files(
    desk: Desk,
    place: Place,
    found: Files,
    *,
    ticket: UUID | None = None,
    read: bool = False,
    tell: Callable[[int], None] = lambda position: None,
) -> Iterator[Damaged]:
    """Every file that is not whole, of one ticket or of all; ``found`` counts the others.

    Without ``read`` it is asked whether all parts are there, with it whether each is what it was. ``tell`` is told how
    far in the log it has come. Raises ``Unreachable``.
    """
    for page in _pages(desk, ticket):
        added = _not_erased(desk, page, found)
        if added:
            place.must_be_there()
        paths = [path_of(address) for event in added for address in event.chunks]
        missing = set() if read else place.missing(paths)
        for event in added:
            what = _fault(place, event) if read else _missing(event, missing)
            # It may have been erased while it was looked at.
            if what and _not_erased(desk, desk.store.events_at([event.position]), Files()):
                yield Damaged(event.position, event.stream, event.attachment, what)
            elif not what:
                found.whole += 1
                found.stored += event.stored
            tell(event.position)


def _pages(desk: Desk, ticket: UUID | None) -> Iterator[list[SealedEvent]]:
    """The events that put files to tickets, with the keys of their seals."""
    if ticket is not None:
        yield [event for event in desk.store.events_of(ticket) if event.topic == AttachmentAdded.TYPE]
        return
    after = 0
    while page := desk.store.page(after, _AT_ONCE, types=[AttachmentAdded.TYPE]):
        yield page
        after = page[-1].position


def _not_erased(desk: Desk, page: list[SealedEvent], found: Files) -> list[AttachmentAdded]:
    """Those whose file there should be."""
    keys = desk.sealing.message_keys(page)
    found.erased += sum(key is None for key in keys)
    events = [desk.sealing.decoded(stored) for stored, key in zip(page, keys, strict=True) if key is not None]
    return [event for event in events if isinstance(event, AttachmentAdded)]


def _missing(event: AttachmentAdded, missing: set[str]) -> str:
    return _MISSING if any(path_of(address) in missing for address in event.chunks) else ""


def _fault(place: Place, event: AttachmentAdded) -> str:
    """What is wrong with a file whose every part is read; "" for nothing."""
    stored = 0
    for address in event.chunks:
        sealed = place.read(path_of(address))
        if sealed is None:
            return _MISSING
        if address_of(sealed) != address:
            return _CHANGED
        stored += len(sealed)
    return "" if stored == event.stored else _CHANGED
