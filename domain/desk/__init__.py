"""The desk: commands in, receipts out; histories and states as of any moment."""

from domain.desk.desk import Desk, as_of
from domain.desk.order import IdempotencyKey, Order, Proof, Receipt

__all__ = ["Desk", "IdempotencyKey", "Order", "Proof", "Receipt", "as_of"]
