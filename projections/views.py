"""Every view there is: the one list."""

from projections.engine import View
from projections.queue import queue

ALL: tuple[View, ...] = (queue,)
