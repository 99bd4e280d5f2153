"""The projection engine: how a view is written and kept.

A view declares tables and one pure function per event (``view``); events are folded in memory (``fold``) and written
batch by batch with the mark of how far was read (``projector``); each build of a view is an edition in a schema of its
own behind stable names (``editions``, ``tables``), and a changed view is built anew while the old one serves
(``rebuild``).
"""

from projections.engine.editions import (
    STORE,
    UNKNOWN,
    Edition,
    complete_to,
    current_edition,
    drop_edition,
    install,
    skip,
)
from projections.engine.errors import Fenced, Stopped, ViewChanged, ViewMissing, ViewStopped
from projections.engine.projector import Projector
from projections.engine.view import History, Versions, View, no_versions

__all__ = [
    "STORE",
    "UNKNOWN",
    "Edition",
    "Fenced",
    "History",
    "Projector",
    "Stopped",
    "Versions",
    "View",
    "ViewChanged",
    "ViewMissing",
    "ViewStopped",
    "complete_to",
    "current_edition",
    "drop_edition",
    "install",
    "no_versions",
    "skip",
]
