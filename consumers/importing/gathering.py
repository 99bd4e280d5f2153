"""Gathering: rows of one incident together, however the file interleaves them, in bounded memory."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from consumers.importing.log import Line

WINDOW = 20_000


R = TypeVar("R", bound=Line)


def gathered(rows: Iterable[R], window: int = WINDOW) -> Iterator[list[R]]:
    """Runs of rows of one incident, in the file's order within each.

    At most ``window`` rows wait; when there are more, the incident that has been quiet longest goes. One that speaks
    again after that comes as a further run. Which runs come depends on the file alone.
    """
    waiting: OrderedDict[str, list[R]] = OrderedDict()
    held = 0
    for row in rows:
        waiting.setdefault(row.number, []).append(row)
        waiting.move_to_end(row.number)
        held += 1
        while held > window:
            _, run = waiting.popitem(last=False)
            held -= len(run)
            yield run
    yield from waiting.values()
