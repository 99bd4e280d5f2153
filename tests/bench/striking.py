"""The row of the clock's process: due times turned into events, after it was down for a while."""

from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from threading import Thread
from time import perf_counter

from consumers.clock import clock
from consumers.follow import follow, rebuild
from consumers.project import connect
from domain.desk import Desk
from projections.engine import install
from projections.sla import sla
from tests.bench.place import Place, desk_on
from tests.bench.rows import PER_S, Row
from tests.bench.seeding import TEXT, order
from tests.desks import as_role

AGO = timedelta(days=60)
"""Long enough for every target of the bench's service level, whatever day it is."""
EVENTS = 6
"""Of each ticket: two clocks, each warned of twice and breached."""


def measure(place: Place) -> list[Row]:
    """strike"""
    tickets = place.options.size(3_000, 400)
    figures = [_struck_per_s(place, tickets) for _ in range(place.options.runs)]
    work = f"due times → events, {tickets:,} tickets after an outage, the view following on the same cores"
    return [Row("strike", work, PER_S, figures, None, 2_000)]


def _struck_per_s(place: Place, tickets: int) -> float:
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        views = as_role(dsn, "acta_projector")
        opened_at = datetime.now(UTC) - AGO
        opening = order("open", department="it", title="Printer prints twice", description=TEXT, occurred_at=opened_at)
        for opened in [desk.submit(opening) for _ in range(tickets)]:
            opened.result()
        with connect(views) as connection:
            install(connection, (sla,))
        rebuild(desk, views, sla)
        head = desk.store.head()
        began = perf_counter()
        _strike_all(desk, views, head + tickets * EVENTS)
        return (desk.store.head() - head) / (perf_counter() - began)


def _strike_all(desk: Desk, views: str, head: int) -> None:
    """Let the clock run, and the view follow, until the store has grown to ``head``."""
    stop = Flag()
    running = [
        Thread(target=clock, args=(desk, views, stop)),
        Thread(target=follow, args=(desk, views, [sla], stop)),
    ]
    for thread in running:
        thread.start()
    while desk.store.head() < head:
        stop.wait(0.02)
    stop.set()
    for thread in running:
        thread.join()
