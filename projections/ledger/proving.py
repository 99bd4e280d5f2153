"""Proof files of a log as it lies on disk."""

from domain.record.proof import Proof, prove
from projections.ledger.folder import CHECKPOINT, Folder
from projections.ledger.notes import size_of


def proof_at(log: Folder, position: int) -> Proof | None:
    """The proof that the event at a position is under the newest checkpoint; None if no checkpoint signs it yet."""
    note = log.text(CHECKPOINT)
    size = size_of(note)
    if not 0 < position <= size:
        return None
    return prove(log, position - 1, size, note, log.entry(position - 1))
