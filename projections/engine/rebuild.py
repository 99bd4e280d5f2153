"""Building a view anew from the store, while the old edition serves."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from domain.envelope import Event
from projections.engine.ahead import ahead
from projections.engine.editions import (
    STORE,
    Connection,
    Edition,
    create_edition,
    drop_leftovers,
    finish_edition,
    hand_over,
    install,
    make_current,
    record,
    retire_marks,
)
from projections.engine.errors import RebuildUnderWay, ViewStopped
from projections.engine.projector import Projector
from projections.engine.view import NO_VERSIONS, Versions, View

Feed = Callable[[int], Iterable[Sequence[Event]]]
"""All events after a position, decoded, in batches in order of position, up to the head of the moment.

Types that are not among ``View.events()`` may be left out, but for the last event of a batch: it tells how far it goes.
It runs in a thread of its own, and MUST NOT use the connection that the view is built with.
"""

_CHUNK = 5_000


def rebuild(
    connection: Connection,
    view: View,
    feed: Feed,
    *,
    versions: Versions = NO_VERSIONS,
    partitions: Sequence[int] = (STORE,),
    progress: Callable[[int], None] = lambda position: None,
    remember: int = 50_000,
) -> Edition:
    """Fill a new edition of ``view`` from ``feed``, then let readers see it; return the edition.

    The old edition is fed and read all the while. At the switch its readers are held for as long as it takes to count
    what it was ahead, so that nobody sees time run backwards; a projector that fed it is Fenced afterwards and opens
    the view again. The marks of the new edition are those of ``partitions`` (of the topic; or the store's own, the
    default): at the position reached, with UNKNOWN offsets.

    The old edition stays until ``drop_edition``. When the rebuild fails, the new edition is dropped and nothing has
    changed; ViewStopped says which event it was.
    """
    install(connection, (view,))
    lock = f"acta rebuild {view.name}"
    taken = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (lock,)).fetchone()
    if not (taken and taken[0]):
        raise RebuildUnderWay(f"somebody else is rebuilding {view.name}")
    edition: Edition | None = None
    try:
        drop_leftovers(connection, view)
        edition = create_edition(connection, view)
        projector = Projector(connection, view, versions=versions, remember=remember, edition=edition)
        _catch_up(projector, feed, progress)
        finish_edition(connection, view, edition)
        _catch_up(projector, feed, progress)
        with connection.transaction():
            _hold_readers(connection, view)
            _catch_up(projector, feed, progress)
            hand_over(connection, edition, partitions)
            make_current(connection, view, edition)
            retire_marks(connection, view)
    except Exception as error:
        if not connection.broken:
            if edition is not None and isinstance(error, ViewStopped):
                # Written down once more: what the switch had begun has been taken back, and that with it.
                record(connection, edition, error)
            drop_leftovers(connection, view)
        raise
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (lock,))
    return edition


def _hold_readers(connection: Connection, view: View) -> None:
    """Let nobody feed the old edition until the switch."""
    connection.execute(
        "SELECT FROM projections.marks m JOIN projections.editions e USING (edition) "
        "WHERE e.view = %s AND e.state = 'current' ORDER BY m.edition, m.partition FOR UPDATE OF m",
        (view.name,),
    )


def _catch_up(projector: Projector, feed: Feed, progress: Callable[[int], None]) -> None:
    """Count everything up to the head of the moment; at any time some events are decoded, some folded, some written."""
    for position in projector.apply_all(ahead(_chunks(feed(projector.position)))):
        progress(position)


def _chunks(batches: Iterable[Sequence[Event]]) -> Iterator[list[Event]]:
    """The events in chunks large enough that a row is seldom written twice."""
    chunk: list[Event] = []
    for batch in batches:
        chunk.extend(batch)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
