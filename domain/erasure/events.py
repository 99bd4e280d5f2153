"""The fact that what was ordered to be erased is gone: one stream for all orders, on persons and tickets alike."""

from uuid import UUID

from domain.envelope import Event

ERASURES = UUID("e7a5e000-0000-4000-8000-000000000001")
"""The one stream of completions."""


class ErasureEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of erasing."""


class ErasureCompleted(ErasureEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Every order up to the position ``through`` has been carried out, those at ``orders`` since the time before.

    Keys are destroyed, tables of keys written anew, and no view holds what was sealed under them. Of so many ``files``
    that were attached nothing is left where they lay.
    """

    TYPE = "erasure.completed.v1"

    through: int
    orders: tuple[int, ...]
    files: int = 0
