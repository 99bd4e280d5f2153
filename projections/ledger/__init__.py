"""The transparency log of the desk: every event in order, in a tree whose root is signed."""

from projections.ledger.folder import CHECKPOINT, CHECKPOINTS, KEY, Damaged, Folder
from projections.ledger.log import Log, Occupied
from projections.ledger.proving import proof_at

__all__ = ["CHECKPOINT", "CHECKPOINTS", "KEY", "Damaged", "Folder", "Log", "Occupied", "proof_at"]
