"""Proof files of a log as it lies on disk."""

from domain.record.proof import Proof, prove
from projections.ledger.cosignatures import Cosignatures
from projections.ledger.folder import Folder
from projections.ledger.notes import size_of


def proof_at(log: Folder, position: int, cosignatures: Cosignatures) -> Proof | None:
    """The proof that the event at a position is in the log; None if no checkpoint signs it yet.

    It is under the newest checkpoint, or under one a little older that witnesses have cosigned.
    """
    if position < 1 or not (note := cosignatures.note_over(log, position)):
        return None
    return prove(log, position - 1, size_of(note), note, log.entry(position - 1))
