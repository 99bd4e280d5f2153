"""The projection engine: how a view is written and kept.

A view declares tables and one pure function per event (``view``); events are folded in memory (``fold``) and written
batch by batch with the mark of how far was read (``projector``); each build of a view is an edition in a schema of its
own behind stable names (``editions``, ``tables``), and a changed view is built anew while the old one serves
(``rebuild``).
"""

from projections.engine.ahead import ahead
from projections.engine.editions import (
    STORE,
    UNKNOWN,
    Edition,
    complete_to,
    current_edition,
    drop_edition,
    drop_retired,
    hand_over,
    install,
    skip,
)
from projections.engine.errors import Fenced, OtherFeed, RebuildUnderWay, Stopped, ViewChanged, ViewMissing, ViewStopped
from projections.engine.projector import Projector, apply_abreast
from projections.engine.rebuild import Feed, rebuild
from projections.engine.view import NO_VERSIONS, History, Versions, View

__all__ = [
    "NO_VERSIONS",
    "STORE",
    "UNKNOWN",
    "Edition",
    "Feed",
    "Fenced",
    "History",
    "OtherFeed",
    "Projector",
    "RebuildUnderWay",
    "Stopped",
    "Versions",
    "View",
    "ViewChanged",
    "ViewMissing",
    "ViewStopped",
    "ahead",
    "apply_abreast",
    "complete_to",
    "current_edition",
    "drop_edition",
    "drop_retired",
    "hand_over",
    "install",
    "rebuild",
    "skip",
]
