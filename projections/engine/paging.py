"""Pages of rows that are found in the order of their positions in the log."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Mapping[str, Any])


def one_more(limit: int) -> int:
    """How many rows to ask for, so that it is known whether another page follows."""
    return limit + 1


def page_of(found: Sequence[Row], limit: int) -> tuple[list[Row], int | None]:
    """The rows of a page out of those that were asked for, and the position to go on from (None: it is the last)."""
    page = list(found[:limit])
    return page, page[-1]["position"] if len(found) > limit else None
