"""Fetching ahead: while one piece is in use, the next is on its way."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(pieces: Iterator[T]) -> Generator[T]:
    """The same pieces, each fetched in a thread of its own while the one before is in use."""
    with ThreadPoolExecutor(1, "acta ahead") as thread:
        coming = thread.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = thread.submit(next, pieces, None)
            yield piece
