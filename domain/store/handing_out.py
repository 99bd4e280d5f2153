"""Handing out: a ticket's files are read chunk by chunk, each checked and opened before any byte of it leaves."""

from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

from domain.envelope import Event
from domain.errors import Altered
from domain.store.chunks import CHUNK_BYTES, address_of, chunks_in, open_chunk, path_of
from domain.store.places import Place
from domain.ticket.events import AttachmentAdded


def must_be_there(place: Place, added: AttachmentAdded) -> None:
    """Raise ``Altered`` unless every chunk of a file is in its place; whether it is whole, reading says.

    Raises ``Unreachable`` where that may not be the place at all.
    """
    if place.missing([path_of(address) for address in added.chunks]):
        place.must_be_there()
        raise Altered("a part of a file is missing")


def opened(place: Place, added: AttachmentAdded, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from ``start`` up to ``end``, a piece for each chunk; the event must be opened.

    Raises ``Altered`` as soon as a chunk is not what was put there.
    """
    for number in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
        _, plain = part(place, added, number)
        first = number * CHUNK_BYTES
        yield plain[max(0, start - first) : end - first]


def part(place: Place, added: AttachmentAdded, number: int) -> tuple[bytes, bytes]:
    """A part of a file, by its number from 0, as it lies there, and what it holds. Raises ``Altered``."""
    if len(added.chunks) != chunks_in(added.length):
        raise Altered("a file has not as many parts as its length says")
    address = added.chunks[number]
    sealed = place.read(path_of(address))
    if sealed is None:
        raise Altered("a part of a file is missing")
    if address_of(sealed) != address:
        raise Altered("a part of a file is not what was put there")
    key, last = bytes.fromhex(added.key), number == len(added.chunks) - 1
    return sealed, open_chunk(key, added.attachment, number, last, sealed)


def chunks_of(events: Iterable[Event], subjects: Collection[UUID] | None = None) -> list[str]:
    """The addresses of all chunks that these events name; with ``subjects`` only of what is sealed for one of them.

    The events need not be opened.
    """
    return [
        address
        for event in events
        if isinstance(event, AttachmentAdded)
        and (subjects is None or (event.seal is not None and event.seal.subject in subjects))
        for address in event.chunks
    ]
