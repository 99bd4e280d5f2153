"""The edge: what every route needs of the world, handed in once; and the waiting that goes with it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg_pool import ConnectionPool
from starlette.requests import Request

from api.callers import Callers
from api.following import Head
from api.looks import Looks
from api.metrics import Metrics
from api.oidc import Issuer, Oidc
from api.origins import Origins
from api.problems import NotYet
from api.reading import Readers
from api.refusals import Refusals
from api.sentences import NamesToday
from api.settings import EdgeSettings
from api.tickets_today import TicketsToday
from api.under_way import UnderWay
from api.writing import Answers
from domain.access.principal import Principal
from domain.clock.configured import Configured
from domain.desk import Desk, IdempotencyKey, Order, Receipt
from domain.desk.doors import take
from domain.request.letter import Letter
from projections.engine import complete_to

T = TypeVar("T")
_PAUSE_S = 0.02


class Edge:
    """The desk, the views, the callers, and the threads that read."""

    def __init__(self, desk: Desk, views: ConnectionPool, auth: Oidc | None, settings: EdgeSettings) -> None:
        self.desk = desk
        self.views = views
        self.settings = settings
        self.readers = Readers(settings.readers)
        self.files = Readers(settings.file_threads, "acta files")
        self.under_way = UnderWay(settings.files_at_once)
        self.client = httpx.AsyncClient(timeout=5.0)
        issuer = Issuer(auth, self.client) if auth is not None else None
        self.callers = Callers(desk, self.readers, issuer, settings.setup_seconds)
        self.origins = Origins(desk.keys)
        self.refusals = Refusals(desk, self.origins)
        self.tickets_today = TicketsToday(desk)
        self.names = NamesToday(desk, settings.setup_seconds)
        self.head = Head(desk, self.readers, settings.poll_seconds)
        self.metrics = Metrics()
        self._answers = Answers()
        self.looks = Looks(desk, self._answers, self.refusals, self.origins, self.metrics)
        self.policies = Configured(desk.setup)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin what runs beside the requests."""
        # Fetched now, so that no request finds the event loop waiting for the database.
        await self.readers.read(self.desk.keys.secret)
        self._tasks = [
            asyncio.create_task(self.refusals.keep_counting()),
            asyncio.create_task(self.head.keep_looking()),
        ]

    def end_streams(self) -> None:
        """Let every event stream end, so that the server can stop."""
        self.head.close()

    async def stop(self) -> None:
        """End what runs beside the requests, in reverse."""
        self.end_streams()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.refusals.record_counts()
        await self.client.aclose()
        self.readers.close()
        self.files.close()

    async def carry_out(self, order: Order, key: IdempotencyKey | None) -> Receipt:
        """Give a command to the desk and wait for its receipt; raises ``Refused``."""
        receipt: Receipt = await self._answers.of(self.desk.submit(order, key=key))
        return receipt

    async def decide(self, letter: Letter, sender: Principal) -> Receipt:
        """Have a request of a department's software decided; raises ``Refused``."""
        receipt: Receipt = await self._answers.of(take(self.desk, letter, sender, "http"))
        return receipt

    async def read(self, ask: Callable[[], T]) -> T:
        """Ask the store, beside the event loop."""
        return await self.readers.read(ask)

    async def view(self, name: str, ask: Callable[[psycopg.Connection[Any]], T], wait_for: int | None = None) -> T:
        """Ask a view, once it shows everything up to ``wait_for``; ``NotYet`` if that takes too long."""
        until = monotonic() + self.settings.wait_seconds

        def asked() -> T | _Behind:
            with self.views.connection() as connection:
                if wait_for is not None and complete_to(connection, name) < wait_for:
                    return _BEHIND
                try:
                    return ask(connection)
                except psycopg.errors.UndefinedTable:
                    # Nobody has built this view yet; whoever keeps the views does so when it starts.
                    return _BEHIND

        while isinstance(answer := await self.read(asked), _Behind):
            if monotonic() > until:
                raise NotYet(f"The view '{name}' has not come so far yet.")
            await asyncio.sleep(_PAUSE_S)
        return answer


class _Behind:
    """The view does not show the position yet."""


_BEHIND = _Behind()


def edge_of(request: Request) -> Edge:
    """The edge that serves this request."""
    edge: Edge = request.app.state.edge
    return edge
