"""Clearing: uploads that nobody has attached in time are removed, with all that was put for them.

Any number of processes may do so at once: an upload is given up before anything of it is removed, and then no ticket
can take it.
"""

from collections.abc import Callable
from datetime import datetime
from threading import Event as Flag

from consumers.loop import run
from domain.store.clearing import clear
from domain.store.places import Place
from domain.store.uploads import Uploads

REST_S = 60.0


def clearing(uploads: Uploads, place: Place, now: Callable[[], datetime], stop: Flag) -> None:
    """Remove what is over until ``stop`` is set."""
    run("clearing", lambda: _Clearing(uploads, place, now), stop)


class _Clearing:
    """One life; it holds nothing open."""

    def __init__(self, uploads: Uploads, place: Place, now: Callable[[], datetime]) -> None:
        self._uploads = uploads
        self._place = place
        self._now = now

    def step(self) -> float:
        return 0.0 if clear(self._uploads, self._place, self._now()) else REST_S

    def close(self) -> None:
        """Nothing to let go of."""
