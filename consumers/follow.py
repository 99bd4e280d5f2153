"""From the store straight into the views: for a desk without Kafka, and for building a view anew."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event as Flag
from typing import Any

import psycopg

from consumers.feeding import Batch, Feedings, Poison, open_in_bulk
from consumers.lease import Leases
from consumers.loop import Halted, run
from consumers.project import connect
from domain.clock.configured import Configured
from domain.desk import Desk
from domain.envelope import EVENT_TYPES, Event
from domain.store.upcasts import UPCASTS
from projections.engine import STORE, Edition, View, ViewChanged, current_edition, install
from projections.engine import rebuild as build_anew

BATCH = 2000
STANDBY_S = 0.5
SHORTEST_REST_S = 0.02
LONGEST_REST_S = 0.05
REBUILD_PATIENCE_S = 600.0


def follow(desk: Desk, views_dsn: str, views: Sequence[View], stop: Flag, *, patience_s: float = 10.0) -> None:
    """Keep ``views`` up to date from the store until ``stop`` is set; stands by while another process does.

    A view that cannot go on is logged, left out and tried again; the others go on.
    """
    run("follow", lambda: _Following(desk, views_dsn, tuple(views), patience_s), stop)


class _Following:
    """One life of a follower of the store."""

    def __init__(self, desk: Desk, dsn: str, views: tuple[View, ...], patience_s: float) -> None:
        self._desk = desk
        self._lease = f"follow {','.join(sorted(view.name for view in views))}"
        self._active = False
        self._rest = SHORTEST_REST_S
        self._leases = Leases(dsn, patience_s)
        try:
            self._feedings = Feedings(lambda: connect(dsn, patience_s), views, Configured(desk.setup))
        except BaseException:
            self._leases.close()
            raise

    def step(self) -> float:
        self._leases.hold()
        if not self._active:
            if not self._leases.take(self._lease):
                return STANDBY_S
            self._active = True
        self._feedings.open_due([STORE])
        position = self._feedings.position(STORE)
        page = [] if position is None else self._desk.store.page(position, BATCH, opened=False)
        if page:
            self._feedings.apply({STORE: Batch(open_in_bulk(self._desk, page))})
            self._rest = SHORTEST_REST_S
        else:
            self._rest = min(self._rest * 1.2, LONGEST_REST_S)
        return 0.0 if len(page) == BATCH else self._rest

    def close(self) -> None:
        self._leases.close()
        self._feedings.close()


def renew(desk: Desk, views_dsn: str, views: Sequence[View], tell: Callable[[View], None]) -> None:
    """Build anew, from the store, the views that stand as another version of the software described them.

    For a desk that nobody else feeds or reads yet. ``tell`` hears of each view before it is built.
    """
    with connect(views_dsn) as connection:
        install(connection, tuple(views))
        changed = [view for view in views if _is_changed(connection, view)]
    for view in changed:
        tell(view)
        rebuild(desk, views_dsn, view)


def _is_changed(connection: psycopg.Connection[Any], view: View) -> bool:
    try:
        current_edition(connection, view)
    except ViewChanged:
        return True
    return False


def rebuild(
    desk: Desk,
    views_dsn: str,
    view: View,
    *,
    partitions: int = 0,
    until: int | None = None,
    progress: Callable[[int], None] = lambda position: None,
) -> Edition:
    """Build ``view`` anew from the store while the old edition serves, and switch; return the new edition.

    It is fed from the topic's ``partitions`` afterwards, or from the store when there are none. With ``until`` it holds
    what was recorded up to that position, and nothing else. Raises ``Halted`` at an event that cannot be read and that
    nobody has skipped; nothing has changed then.
    """
    with connect(views_dsn, REBUILD_PATIENCE_S) as connection:
        skipped = frozenset[int]()
        if connection.execute("SELECT to_regclass('projections.skips')").fetchone() != (None,):
            rows = connection.execute(
                "SELECT position FROM projections.skips WHERE view = %s AND version = %s", (view.name, view.version)
            ).fetchall()
            skipped = frozenset(row[0] for row in rows)
        return build_anew(
            connection,
            view,
            lambda after: _pages(desk, view, after, skipped, until),
            versions=Configured(desk.setup),
            partitions=range(partitions) if partitions else (STORE,),
            progress=progress,
        )


def _pages(desk: Desk, view: View, after: int, skipped: frozenset[int], until: int | None) -> Iterator[list[Event]]:
    """What ``view`` reads, and the last event of each page; a type that nobody knows may be one that it reads."""
    unread = EVENT_TYPES.keys() - UPCASTS.keys() - {event_type.TYPE for event_type in view.events()}
    while page := desk.store.page(after, BATCH, until=until, opened=False):
        wanted = [stored for stored in page[:-1] if stored.topic not in unread]
        events: list[Event] = []
        for item in open_in_bulk(desk, [*wanted, page[-1]], opened=view.personal()):
            if isinstance(item, Event):
                events.append(item)
            elif isinstance(item, Poison) and item.position not in skipped:
                raise Halted(f"position {item.position} ({item.type}): {item.reason}")
        if events:
            yield events
        after = page[-1].position
