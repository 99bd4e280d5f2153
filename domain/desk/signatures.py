"""The signatures of a ticket, each compared with what is stored now."""

from collections.abc import Iterator

import msgspec

from domain.errors import Unreadable
from domain.record.digest import record_digest
from domain.store.persistence import SealingMapper
from domain.store.recorder import SealedEvent
from domain.store.signatures import is_genuine
from domain.ticket.events import TicketSigned


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A signature and what became of it.

    ``fits``: what it signs is stored as it was signed. ``genuine``: the signature itself is as this desk has made it,
    for this ticket and this place in its history. ``since``: how many events beside signatures the ticket has had
    since, so that the signature says nothing of those.
    """

    signed: TicketSigned
    fits: bool
    genuine: bool
    since: int


def checked(stored: list[SealedEvent], mapper: SealingMapper) -> Iterator[Checked]:
    """Every signature among the stored events of one ticket, oldest first."""
    for event in stored:
        if event.topic != TicketSigned.TYPE:
            continue
        signed, opens = _opened(event, mapper)
        before = (one for one in stored if one.originator_version < event.originator_version)
        digest = record_digest(signed.stream, ((one.originator_version, one.topic, one.state) for one in before))
        later = (one for one in stored if one.originator_version > event.originator_version)
        yield Checked(
            signed=signed,
            fits=signed.digest == digest,
            genuine=opens and is_genuine(signed, mapper.keys),
            since=sum(one.topic != TicketSigned.TYPE for one in later),
        )


def _opened(event: SealedEvent, mapper: SealingMapper) -> tuple[TicketSigned, bool]:
    """The signature, and whether its seal is one of this very place; if not, its name stays closed."""
    try:
        (signed,) = mapper.opened([event])
        opens = True
    except Unreadable:
        (signed,) = mapper.closed([event])
        opens = False
    assert isinstance(signed, TicketSigned)
    return signed, opens
