"""Making a bundle: a ticket and what bears on it, collected from a desk and its log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from api.evidence.archive import Archive
from api.evidence.attached import attached
from api.evidence.bundle import Bundle, Description, Exhibit, Older, Parts
from api.evidence.checking import packed
from api.evidence.opening import opened, place_of
from api.evidence.selecting import bearing, requesters
from api.evidence.software import software
from api.evidence.story import story_of
from domain.desk import Desk
from domain.envelope import Actor, Event
from domain.record import merkle
from domain.record.tiles import WIDTH
from domain.setup.events import SETUP
from domain.store.places import Place
from domain.store.recorder import SealedEvent
from domain.ticket.events import TicketOpened
from domain.ticket.state import fold
from projections.ledger import KEY, NO_COSIGNATURES, Cosignatures, Folder, size_of


class NotSigned(Exception):
    """The newest checkpoint does not sign all of the ticket's events yet, or all that tell who looked at it."""


def make(
    desk: Desk,
    log: Folder,
    ticket: UUID,
    *,
    at: datetime,
    by: Actor,
    zone: str,
    place: Place,
    accesses: Sequence[int] = (),
    kept: Iterable[int] = (),
    cosignatures: Cosignatures = NO_COSIGNATURES,
) -> Archive:
    """The bundle of a ticket, as one file, under the newest checkpoint, or one a little older that witnesses cosigned.

    Its files lie in ``place``, and are read once more when the bundle is. ``accesses`` are the positions of events that
    tell who looked at it, ``kept`` the sizes of older checkpoints from which the log should be shown to go on. Raises
    ``NotSigned``, and ``Unreachable`` if the place is away.
    """
    own = desk.store.events_of(ticket)
    note = cosignatures.note_over(log, max([own[-1].position, *accesses])) if own else ""
    if not note:
        raise NotSigned
    size = size_of(note)
    told = desk.sealing.opened(own)
    looked = desk.store.events_at(accesses)
    persons = [event for person in sorted(requesters(told)) for event in _signed(desk.store.events_of(person), size)]
    setup = _signed(desk.store.events_of(SETUP), size)
    chosen = {event.position for event in bearing(desk.sealing.opened(setup), told, desk.sealing.closed(looked))}
    configuration = [event for event in setup if event.position in chosen]
    parts = Parts(
        ticket=_positions(own),
        persons=_positions(persons),
        configuration=_positions(configuration),
        access=_positions(looked),
    )
    first = told[0]
    assert isinstance(first, TicketOpened)
    description = Description(
        ticket=ticket,
        number=first.number,
        made_at=at,
        made_by=by,
        zone=zone,
        software=software(),
        parts=parts,
    )
    exhibits = _exhibits(desk, log, size, [*own, *persons, *configuration, *looked])
    sizes = sorted(old for old in set(kept) if 0 < old < size)
    older = {old: Older(merkle.root(log, old), tuple(merkle.consistency(log, old, size))) for old in sizes}
    files = dict(attached(place, fold(told), told))
    bundle = Bundle(description, note, log.text(KEY).strip(), exhibits, older, files)
    return packed(bundle, story_of(bundle, _opened(exhibits)))


def _exhibits(desk: Desk, log: Folder, size: int, stored: Sequence[SealedEvent]) -> dict[int, Exhibit]:
    """Each event with its entry, proof and key, by position."""
    keys = desk.sealing.message_keys(stored)
    entries = cache(lambda number: log.entries(number, min(WIDTH, size - number * WIDTH)))
    return {
        event.position: Exhibit(
            bytes(event.state),
            entries((event.position - 1) // WIDTH)[(event.position - 1) % WIDTH],
            tuple(merkle.inclusion(log, event.position - 1, size)),
            key,
        )
        for event, key in sorted(zip(stored, keys, strict=True), key=lambda pair: pair[0].position)
    }


def _opened(exhibits: Mapping[int, Exhibit]) -> dict[int, Event]:
    return {position: opened(place_of(position, exhibit), exhibit) for position, exhibit in exhibits.items()}


def _signed(stored: Iterable[SealedEvent], size: int) -> list[SealedEvent]:
    return [event for event in stored if event.position <= size]


def _positions(stored: Iterable[SealedEvent]) -> tuple[int, ...]:
    return tuple(sorted(event.position for event in stored))
