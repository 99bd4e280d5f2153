"""Mirroring: the log as the files of tlog-tiles, so that any web server, or a bucket, serves it without the desk.

It follows the log's folder, not the ledger: a mirror that is away stops nobody from signing, and catches up later.
Tiles are put first, the checkpoint that speaks of them last. Where the mirror stands only its checkpoint says.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

from consumers.lease import Leases
from consumers.loop import Halted, NotYet, run
from domain.record import merkle
from domain.record.merkle import HEIGHT
from domain.record.note import Checkpoint, NoteRefused, Verifier
from domain.record.tiles import WIDTH, Tile
from domain.store.places import BYTES, TEXT, Place
from projections.ledger import CHECKPOINT, Damaged, Folder

REST_S = 1.0
STANDBY_S = 0.5
STRIDE = WIDTH * WIDTH
"""Entries after which a mirror that catches up is given a checkpoint, so that it need not begin anew if interrupted."""

_log = logging.getLogger("acta.mirroring")


def mirror(
    folder: Path, verifier: Verifier, lease_dsn: str, place: Place, stop: Flag, *, patience_s: float = 10.0
) -> None:
    """Keep a mirror of the log in ``folder`` until ``stop`` is set; stands by while another process does.

    Raises ``Halted`` when the mirror holds a checkpoint that contradicts the log.
    """
    run("mirroring", lambda: _Mirroring(folder, verifier, Leases(lease_dsn, patience_s), place), stop)


class _Mirroring:
    """One life: standing by, then mirroring until the first trouble."""

    def __init__(self, folder: Path, verifier: Verifier, leases: Leases, place: Place) -> None:
        self._log = Folder(folder)
        self._verifier = verifier
        self._leases = leases
        self._place = place
        self._shown: int | None = None
        """The size of the mirror's checkpoint, once it is known."""

    def step(self) -> float:
        self._leases.hold()
        if self._shown is None:
            if not self._leases.take("mirroring"):
                return STANDBY_S
            self._shown = self._must_be_of_this_log()
            _log.info("consumer=mirroring state=active size=%d", self._shown)
        newest = self._log.signed_size()
        if newest <= self._shown:
            return REST_S
        note = self._log.note_from(min(newest, self._shown + STRIDE))
        self._shown = self._bring_to(self._shown, self._verifier.open(note), note)
        return REST_S if self._shown == newest else 0.0

    def close(self) -> None:
        self._log.close()
        self._leases.close()

    def _bring_to(self, shown: int, checkpoint: Checkpoint, note: str) -> int:
        for tile in tiles_between(shown, checkpoint.size):
            self._place.put(tile.path, self._log.tile(tile), BYTES)
        self._place.put(CHECKPOINT, note.encode(), TEXT)
        for tile in grown_full(shown, checkpoint.size):
            self._place.forget(f"{tile.path}.p")
        return checkpoint.size

    def _must_be_of_this_log(self) -> int:
        """The size of the mirror's checkpoint; waits for a log that is written anew to come so far."""
        found = self._place.read(CHECKPOINT)
        if found is None:
            return 0
        try:
            shown = self._verifier.open(found.decode())
            if shown.size > self._log.signed_size():
                raise NotYet(f"the mirror shows {shown.size} events, the log signs {self._log.signed_size()}")
            if merkle.root(self._log, shown.size) != shown.root:
                raise Halted(f"the mirror shows a checkpoint of {shown.size} events that contradicts the log")
        except (Damaged, NoteRefused, UnicodeDecodeError) as fault:
            raise Halted(f"what the mirror shows is not of this log: {fault}") from None
        return shown.size


def tiles_between(old: int, size: int) -> Iterator[Tile]:
    """The tiles that a log of ``size`` entries has and one of ``old`` had not, entries first."""
    for level in (None, *range(_levels(size))):
        had, has = (count >> HEIGHT * (level or 0) for count in (old, size))
        for number in range(had // WIDTH, -(-has // WIDTH)):
            tile = Tile(level, number, min(WIDTH, has - number * WIDTH))
            if tile.end > had:
                yield tile


def grown_full(old: int, size: int) -> Iterator[Tile]:
    """The tiles of which a log of ``old`` entries had a part, and one of ``size`` has all."""
    for tile in tiles_between(old, size):
        if tile.width == WIDTH and tile.start < old >> HEIGHT * (tile.level or 0):
            yield tile


def _levels(size: int) -> int:
    """How many levels of tiles a log of that size has."""
    return -(-size.bit_length() // HEIGHT)
