"""Binding a signature to the stored bytes that it signs, and looking whether it still fits them.

The digest anybody can compute; the mark nobody without the desk's secret can make, so that a row put into the database
is no signature. Both cover the stream and the version, so that a signature cannot be moved.
"""

from collections.abc import Iterable

import msgspec

from domain.record.digest import record_digest
from domain.store.keys import SubjectKeys
from domain.store.recorder import SealedEvent
from domain.ticket.events import TicketSigned


def bound(signed: TicketSigned, before: Iterable[SealedEvent], keys: SubjectKeys) -> TicketSigned:
    """The signature, bound to all that its stream holds ``before`` it."""
    lines = ((event.originator_version, event.topic, event.state) for event in before)
    digest = record_digest(signed.stream, lines)
    return msgspec.structs.replace(signed, digest=digest, mark=_mark(signed, digest, keys))


def is_genuine(signed: TicketSigned, keys: SubjectKeys) -> bool:
    """Whether this desk has made the signature, for this place, this digest and all else that it says readably."""
    return signed.mark == _mark(signed, signed.digest, keys)


def _mark(signed: TicketSigned, digest: str, keys: SubjectKeys) -> str:
    said = (signed.signer, signed.meaning, signed.command, signed.means, signed.credential)
    times = (signed.signed_in_at.isoformat(), signed.signed_at.isoformat())
    return keys.blind("signature", str(signed.stream), str(signed.version), digest, *said, *times).hex()
