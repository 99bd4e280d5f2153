"""The files of a ticket in its bundle: taken from where they lie, and checked with nothing but the bundle.

What an event says readably is where the parts of its file lie: the digest of each, as it was sealed. What it says
sealed are the file's key and its own digest. The bundle has the file and the nonce of each part, so that a part can be
sealed once more: it has the same digest only if file, key, place and nonce are those of then.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from zlib import crc32

from api.evidence.archive import BundleRefused, Streamed
from api.evidence.bundle import Attached, attachment, names_of, nonces
from domain.envelope import Event
from domain.errors import Altered
from domain.store.chunks import CHUNK_BYTES, address_of, chunks_in, nonce_of, seal_again
from domain.store.handing_out import opened, part
from domain.store.places import Place
from domain.ticket.events import AttachmentAdded
from domain.ticket.state import Ticket

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)
_log = logging.getLogger("acta.evidence")


def suffix_of(name: str) -> str:
    """The ending of a file's name, where it is a plain one; that alone of a name becomes one in a bundle."""
    suffix = "." + name.rpartition(".")[2].lower()
    return suffix if "." in name and _SUFFIX.fullmatch(suffix) else ""


def attached(place: Place, ticket: Ticket, history: Iterable[Event]) -> Iterator[tuple[int, Attached]]:
    """The files of a ticket, by the position of their events, without those that are erased or kept back.

    Each is read here, and again when it is packed. One that is missing or damaged is left out, and told as that.
    """
    kept_back = {one.attachment for one in ticket.attachments if one.quarantined}
    for event in history:
        if isinstance(event, AttachmentAdded) and not event.withheld and event.attachment not in kept_back:
            try:
                yield event.position, _read(place, event)
            except Altered as fault:
                _log.error("state=file-left-out position=%d reason=%r", event.position, str(fault))


def _read(place: Place, event: AttachmentAdded) -> Attached:
    content, found = streamed(place, event)
    return Attached(suffix_of(event.name), content, found)


def streamed(place: Place, event: AttachmentAdded) -> tuple[Streamed, tuple[bytes, ...]]:
    """A file that was read once, and will be once more when it is packed; and the nonces of its parts.

    Raises ``Altered`` unless it is the one that was handed in.
    """
    crc, digest = 0, sha256()
    found: list[bytes] = []
    for number in range(chunks_in(event.length)):
        sealed, plain = part(place, event, number)
        crc = crc32(plain, crc)
        digest.update(plain)
        found.append(nonce_of(sealed))
    if digest.hexdigest() != event.sha256:
        raise Altered("a file is not the one that was handed in")

    def pieces() -> Iterator[bytes]:
        return opened(place, event, 0, event.length)

    return Streamed(event.length, crc, event.sha256, pieces), tuple(found)


def must_be_as_recorded(found: Mapping[int, Attached], events: Mapping[int, Event]) -> None:
    """Refuse a file that is not the one that its event put to the ticket, byte by byte."""
    for position, one in found.items():
        event, name = events.get(position), attachment(position, one.suffix)
        if not isinstance(event, AttachmentAdded):
            raise BundleRefused(f"{name} belongs to no event that put a file to the ticket")
        if event.withheld:
            raise BundleRefused(f"{name} cannot be compared: the key of {names_of(position).event} is not here")
        if one.suffix != suffix_of(event.name):
            raise BundleRefused(f"{name} is not called as the file that was put to the ticket")
        _must_be(one, event, name)


def _must_be(one: Attached, event: AttachmentAdded, name: str) -> None:
    assert not isinstance(one.content, Streamed)
    content = memoryview(one.content)
    if len(content) != event.length:
        raise BundleRefused(f"{name} is not as long as the file that was put to the ticket")
    if not len(one.nonces) == len(event.chunks) == chunks_in(event.length):
        raise BundleRefused(f"{nonces(event.position)} does not name as many parts as the file has")
    key, digest = bytes.fromhex(event.key), sha256()
    for number, (nonce, address) in enumerate(zip(one.nonces, event.chunks, strict=True)):
        plain = bytes(content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
        digest.update(plain)
        last = number == len(event.chunks) - 1
        if address_of(seal_again(key, event.attachment, number, last, plain, nonce)) != address:
            raise BundleRefused(f"{name} is not the file that was put to the ticket: its part {number + 1} is another")
    if digest.hexdigest() != event.sha256:
        raise BundleRefused(f"{name} is not the file that was put to the ticket")
