"""Shapes and text of a picture as SVG. Whatever text is given comes out as text, whoever wrote it."""

import re
from collections.abc import Sequence
from html import escape

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold at all."""
_CHARACTER_PX = 6.2

Box = tuple[float, float]
"""From the left to the right edge, in pixels."""


def fit(text: str) -> str:
    """Text as XML can hold it."""
    return escape(_UNFIT.sub("\ufffd", text))


def coordinate(number: float) -> str:
    """To a hundredth of a pixel."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def width_of(text: str) -> float:
    """About how many pixels a small text takes."""
    return _CHARACTER_PX * len(text)


def hint(text: str) -> str:
    """What is read of a shape, or shown over it."""
    return f"<title>{fit(text)}</title>"


def words(x: float, y: float, text: str, kind: str = "", anchor: str = "") -> str:
    """A line of text."""
    named = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{coordinate(x)}" y="{coordinate(y)}"{named}{anchored}>{fit(text)}</text>'


def stroke(kind: str, x: float, y: float, to: str, said: str = "") -> str:
    """A line from a point; ``to`` is the rest of its path."""
    inner = hint(said) if said else ""
    return f'<path class="{kind}" d="M{coordinate(x)} {coordinate(y)}{to}">{inner}</path>'


def box(kind: str, place: Box, y: float, height: float, said: str) -> str:
    """One box."""
    left, right = place
    inner = hint(said) if said else ""
    return (
        f'<rect class="{kind}" x="{coordinate(left)}" y="{coordinate(y)}" width="{coordinate(right - left)}" '
        f'height="{coordinate(height)}">{inner}</rect>'
    )


def boxes(kind: str, places: Sequence[Box], y: float, height: float, said: str) -> str:
    """Boxes of one kind side by side, as one shape; nothing if there are none."""
    top, tall = coordinate(y), coordinate(height)
    drawn = "".join(
        f"M{coordinate(left)} {top}H{coordinate(right)}v{tall}H{coordinate(left)}z" for left, right in places
    )
    return f'<path class="{kind}" d="{drawn}">{hint(said)}</path>' if drawn else ""
