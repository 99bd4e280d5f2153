"""Every view there is: the one list."""

from projections.access import access
from projections.audit import audit
from projections.engine import View
from projections.queue import queue
from projections.reporting import reporting
from projections.sla import sla

ALL: tuple[View, ...] = (queue, sla, reporting, audit, access)
