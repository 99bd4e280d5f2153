"""Service levels: every clock of every ticket, as it stands and as it stood, and the shares that were kept.

``tickets``   one row per ticket: what the next event needs, and when a warning or breach is next to be recorded
``clocks``    one row per clock of a ticket, with its past
"""

from projections.sla import changes
from projections.sla.entries import sla

__all__ = ["changes", "sla"]
