"""Every view there is: the one list."""

from projections.engine import View
from projections.queue import queue
from projections.sla import sla

ALL: tuple[View, ...] = (queue, sla)
