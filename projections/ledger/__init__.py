"""The transparency log of the desk: every event in order, in a tree whose root is signed."""

from projections.ledger.cosignatures import NO_COSIGNATURES, Cosignatures, Overtaken
from projections.ledger.folder import CHECKPOINT, CHECKPOINTS, KEY, OFFERED, Damaged, Folder
from projections.ledger.log import Log, Occupied
from projections.ledger.notes import size_of
from projections.ledger.proving import proof_at

__all__ = [
    "CHECKPOINT",
    "CHECKPOINTS",
    "KEY",
    "NO_COSIGNATURES",
    "OFFERED",
    "Cosignatures",
    "Damaged",
    "Folder",
    "Log",
    "Occupied",
    "Overtaken",
    "proof_at",
    "size_of",
]
