"""Tiles: the pieces in which a log is handed out, and their paths (c2sp.org/tlog-tiles, height 8).

A tile of level L holds up to 256 hashes of complete subtrees of 256^L leaves; a bundle up to 256 entries, each behind
its length. What is full never changes; what is partial has its width in its path, so that it never changes either.
"""

import re
from dataclasses import dataclass

from domain.record.merkle import HEIGHT

WIDTH = 1 << HEIGHT
DEEPEST = 63
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<above>(?:x[0-9]{3}/)*)(?P<last>[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
_MOST_DIGITS = 18


@dataclass(frozen=True)
class Tile:
    """Number ``number`` of a level; ``level`` is None for a bundle of entries. ``width`` is 256 when it is full."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is in the log."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{number}{partial}"

    @property
    def start(self) -> int:
        """The number of its first hash, or entry, in its level."""
        return self.number * WIDTH

    @property
    def end(self) -> int:
        """The number after its last."""
        return self.start + self.width

    def is_within(self, size: int) -> bool:
        """Whether a tree of ``size`` leaves has it."""
        return self.end <= size >> HEIGHT * (self.level or 0)


def tile_at(path: str) -> Tile | None:
    """The tile of a path; None if it is not the path of any. Each tile has one."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    digits = found["above"].replace("x", "").replace("/", "") + found["last"]
    level = None if found["level"] == "entries" else int(found["level"])
    if len(digits) > _MOST_DIGITS or (level or 0) > DEEPEST:
        return None
    tile = Tile(level, int(digits), int(found["width"] or WIDTH))
    return tile if tile.path == path else None
