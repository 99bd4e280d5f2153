"""Rows of the clocks: their arithmetic over a long life, and pages of many that run."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg

from consumers.project import connect
from domain.clock.asking import clocks_of
from domain.envelope import Event
from domain.ticket import events as e
from projections.engine import Projector, install
from projections.sla import sla
from projections.sla.queries import Wanted, clocks_wanted
from tests import lives
from tests.bench.place import Place
from tests.bench.rows import MS, Row, percentile
from tests.desks import as_role

PAGE = 100
CLOCKS_PER_TICKET = 2
RUNNING = Wanted(statuses=("running",))


def measure(place: Place) -> list[Row]:
    """clock"""
    return [*_arithmetic(place), *_pages(place)]


def _arithmetic(place: Place) -> Iterator[Row]:
    events = list(_long_life(1_000))
    asked = place.options.size(100, 20)
    figures = []
    for _ in range(place.options.runs):
        figures.append(percentile([_ms(lambda: clocks_of(events, lives.POLICIES)) for _ in range(asked)], 0.95))
    yield Row("clock", "clocks of a 1,000-event ticket: p95", MS, figures, None, 10)


def _long_life(count: int) -> Iterator[Event]:
    """A ticket that is asked about, answered, held, resumed, retargeted, resolved and reopened for some years."""
    desk = lives.Desk(1, 1, step=timedelta(hours=20))
    (ticket,) = desk.tickets
    yield _opened(desk, ticket, 1)
    yield desk.make(e.SlaAttached, ticket, **_terms(lives.NORMAL))
    happens: Iterator[tuple[type[Event], dict[str, Any]]] = cycle(
        [
            (e.AgentReplied, {"text": "have you tried"}),
            (e.TicketPutOnHold, {"reason": "requester"}),
            (e.RequesterReplied, {"text": "I have"}),
            (e.TicketResumed, {}),
            (e.TicketNoted, {"text": "odd"}),
            (e.SlaRetargeted, {**_terms(lives.URGENT), "cause": "priority"}),
            (e.AgentReplied, {"text": "and now"}),
            (e.TicketPutOnHold, {"reason": "vendor"}),
            (e.TicketResumed, {}),
            (e.SlaRetargeted, {**_terms(lives.NORMAL), "cause": "priority"}),
            (e.TicketResolved, {"code": "done"}),
            (e.RequesterReplied, {"text": "it is back"}),
            (e.TicketReopened, {"was": "resolved"}),
        ]
    )
    for kind, fields in islice(happens, count - 2):
        yield desk.make(kind, ticket, **fields)


def _pages(place: Place) -> Iterator[Row]:
    running = place.options.size(100_000, 20_000)
    with place.store() as dsn, connect(as_role(dsn, "acta_projector"), 600) as connection:
        install(connection, (sla,))
        now = _fill(connection, running // CLOCKS_PER_TICKET)
        connection.execute("VACUUM ANALYZE")
        middle = _cursor(connection, now, running // 2)
        asked: dict[str, dict[str, Any]] = {
            f"first page of {PAGE}": {},
            "a page in the middle": {"after": middle},
            f"first page of {PAGE}, of a caller with one department": {"departments": frozenset({"it"})},
        }
        for name, more in asked.items():

            def ask(more: dict[str, Any] = more) -> None:
                _page(connection, now, **more)

            work = f"{name} of {running:,} running clocks, next due first: p95"
            yield Row("clock", work, MS, _p95(place, ask), None, 10)


def _fill(connection: psycopg.Connection[Any], tickets: int) -> datetime:
    """So many tickets whose clocks run, half of them in each of two departments; when the last one was opened."""
    desk = lives.Desk(1, tickets, step=timedelta(seconds=5))
    projector = Projector(connection, sla, versions=lives.POLICIES)
    waiting = iter(desk.tickets)
    last = lives.START
    number = 0
    while batch := list(islice(waiting, 2_500)):
        events: list[Event] = []
        for ticket in batch:
            number += 1
            events += [_opened(desk, ticket, number), desk.make(e.SlaAttached, ticket, **_terms(lives.NORMAL))]
        projector.apply(events)
        last = events[-1].recorded_at
    return last


def _opened(desk: lives.Desk, ticket: UUID, number: int) -> Event:
    return desk.make(
        e.TicketOpened,
        ticket,
        number=number,
        department=lives.DEPARTMENTS[number % 2],
        requester=desk.people[0],
        title=desk.words(3),
        priority=2,
        group="desk",
    )


def _terms(policy: Any) -> dict[str, Any]:
    names = ("policy", "policy_version", "calendar", "calendar_version")
    ref = policy.ref
    return dict(zip(names, (ref.policy, ref.version, ref.calendar, ref.calendar_version), strict=True))


def _page(
    connection: psycopg.Connection[Any],
    now: datetime,
    departments: frozenset[str] | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> str | None:
    page = clocks_wanted(connection, departments, RUNNING, now=now, policies=lives.POLICIES, after=after, limit=limit)
    assert len(page.rows) == limit
    return page.next


def _cursor(connection: psycopg.Connection[Any], now: datetime, rows: int) -> str | None:
    """The cursor after so many rows."""
    cursor = None
    for _ in range(rows // 1_000):
        cursor = _page(connection, now, after=cursor, limit=1_000)
    return cursor


def _p95(place: Place, ask: Callable[[], object]) -> list[float]:
    """The 95th percentile of each run, in milliseconds."""
    count = place.options.size(200, 40)
    for _ in range(10):
        ask()
    return [percentile([_ms(ask) for _ in range(count)], 0.95) for _ in range(place.options.runs)]


def _ms(ask: Callable[[], object]) -> float:
    began = perf_counter()
    ask()
    return (perf_counter() - began) * 1000
