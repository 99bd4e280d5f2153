"""Gathering: rows of one incident together, however the file interleaves them, in bounded memory."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from consumers.importing.reading import Row

WINDOW = 20_000


def gathered(rows: Iterable[Row], window: int = WINDOW) -> Iterator[list[Row]]:
    """Runs of rows of one incident, in the file's order within each.

    At most ``window`` rows wait; when there are more, the incident that has been quiet longest goes. One that speaks
    again after that comes as a further run. Which runs come depends on the file alone.
    """
    waiting: OrderedDict[str, list[Row]] = OrderedDict()
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
