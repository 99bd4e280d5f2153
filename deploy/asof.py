"""Lists, clocks and reports as they were known at a past moment: views of the events recorded by then, asked as ever.

Views keep the past on the effective axis only, so what was known is found by replay. The events recorded by the moment
fill the views in a PostgreSQL of their own, which lives no longer than the questions; the very application that answers
today is put over it, with a clock that stands at the moment. Nothing of the desk's own database changes or waits.
"""

import asyncio
import fcntl
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from fastapi import FastAPI
from psycopg_pool import ConnectionPool

from consumers.follow import rebuild
from consumers.project import connect
from deploy import wiring
from deploy.child import open_closed
from deploy.embedded import EmbeddedPostgres
from deploy.settings import Settings, SettingsError
from domain.desk import Desk
from projections.engine import View, install
from projections.queue import queue
from projections.reporting import reporting
from projections.sla import sla

_ADDRESSES: tuple[tuple[str, View], ...] = (
    (r"/tickets", queue),
    (r"/queues", queue),
    (r"/queues/[^/?]+/tickets", queue),
    (r"/sla/clocks", sla),
    (r"/sla/attainment", sla),
    (r"/reports/[^/?]+", reporting),
)
"""What can be asked, and the view that answers it."""

_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "20"}
"""For a server whose data nobody needs once it has ended."""

Tell = Callable[[str, int, int], None]
"""Told of each view how far it is: name, position, last position."""


class Answer(NamedTuple):
    """What one address answered."""

    address: str
    status: int
    content: bytes


def view_of(address: str) -> View:
    """The view that answers an address with its query; ``SettingsError`` for one that cannot be asked."""
    path = address.partition("?")[0]
    for pattern, view in _ADDRESSES:
        if re.fullmatch(pattern, path):
            return view
    raise SettingsError(
        f"{path} cannot be asked as of what was known: lists, counts, clocks and reports can (/tickets, /queues,"
        " /queues/…/tickets, /sla/clocks, /sla/attainment, /reports/…). Of a ticket ask the desk, with known_at."
    )


def asked(
    settings: Settings, moment: datetime, addresses: Sequence[str], key: str, accept: str, tell: Tell
) -> list[Answer]:
    """What each address answered at a past moment (UTC) to whoever has this key, by what had been recorded by then.

    That it was asked is recorded, as it is over HTTP. Raises ``SettingsError`` while another process asks.
    """
    views = tuple(dict.fromkeys(view_of(address) for address in addresses))
    with _alone(wiring.folder(settings)) as place, wiring.desk(settings, now=lambda: moment) as desk:
        if moment > desk.store.now():
            raise SettingsError("--known-at: what will be known is not known yet.")
        with _filled(settings, desk, moment, views, place, tell) as pool:
            application = wiring.app_of(settings, desk, pool)
            return asyncio.run(_answers(application, addresses, key, accept))


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """A folder for the time being, and nobody else's; what a process that was killed has left there is thrown away."""
    with open_closed(home / "asof.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"Another `acta asof` is at work in {home}; one at a time.") from None
        for left in home.glob("asof-*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=home, prefix="asof-") as place:
            yield Path(place)


@contextmanager
def _filled(
    settings: Settings, desk: Desk, moment: datetime, views: Sequence[View], place: Path, tell: Tell
) -> Iterator[ConnectionPool]:
    """Connections to views that hold what was recorded by the moment."""
    until = desk.store.position_at(moment)
    with EmbeddedPostgres(place / "postgres", settings=_FAST) as server:
        _take_over_skips(wiring.projector_url(settings), server.dsn())
        for view in views:

            def progress(position: int, view: View = view) -> None:
                tell(view.name, position, until)

            rebuild(desk, server.dsn(), view, until=until, progress=progress)
        with wiring.reading(server.dsn()) as pool:
            yield pool


def _take_over_skips(kept: str, scratch: str) -> None:
    """What an operator let the views go past, these go past as well."""
    with connect(kept) as there, connect(scratch) as here:
        install(here, ())
        if there.execute("SELECT to_regclass('projections.skips')").fetchone() == (None,):
            return
        for row in there.execute("SELECT view, version, position, skipped_by, reason FROM projections.skips"):
            here.execute(
                "INSERT INTO projections.skips (view, version, position, skipped_by, reason)"
                " VALUES (%s, %s, %s, %s, %s)",
                row,
            )


async def _answers(application: FastAPI, addresses: Sequence[str], key: str, accept: str) -> list[Answer]:
    headers = {"Authorization": f"Bearer {key}", "Accept": accept}
    door = httpx.ASGITransport(application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=door, base_url="http://asof", headers=headers, timeout=None) as client,
    ):
        found = []
        for address in addresses:
            answer = await client.get(address)
            found.append(Answer(address, answer.status_code, answer.content))
        return found
