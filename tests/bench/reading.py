"""Rows of reading single tickets: replay from the store, and long histories over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter, process_time
from urllib.parse import quote
from uuid import UUID

from domain.desk import Desk
from domain.ticket import state
from tests.bench import library
from tests.bench.load import request, send
from tests.bench.place import Place, desk_on, serving
from tests.bench.rows import MS, PER_S, Limit, Row, percentile
from tests.bench.seeding import fill

BARS = {10: (35_000, 1.5), 1_000: (100_000, 2.0)}


def replay(place: Place) -> list[Row]:
    """replay"""
    rows = []
    with place.store() as dsn, desk_on(dsn) as desk:
        for length, (bar, least) in BARS.items():
            tickets = place.options.size(5_000, 1_000) // length if length > 10 else place.options.size(500, 50)
            streams = [receipt.ticket for receipt in fill(desk, [length] * tickets)]
            theirs = library.replayed_per_s(place, tickets, length)
            sealed, cpu = _replayed(place, streams, length, lambda stream: _for_a_decision(desk, stream))
            opened, opened_cpu = _replayed(place, streams, length, desk.ticket)
            limit = "the library's repository"
            rows += [
                Row(
                    "replay", f"{length:,} events, for a decision", PER_S, sealed, Limit(limit, theirs, least), bar, cpu
                ),
                Row(
                    "replay",
                    f"{length:,} events, every seal opened",
                    PER_S,
                    opened,
                    Limit(limit, theirs),
                    None,
                    opened_cpu,
                ),
            ]
    return rows


def _for_a_decision(desk: Desk, stream: UUID) -> state.Ticket:
    """What the writer does with a ticket that it does not know."""
    return state.fold(desk.sealing.decoded(event) for event in desk.store.newer([(stream, 0)]))


def _replayed(
    place: Place, streams: list[UUID], length: int, fold: Callable[[UUID], object]
) -> tuple[list[float], list[float]]:
    figures, cpu = [], []
    for stream in streams:
        fold(stream)
    for _ in range(place.options.runs):
        began, began_cpu = perf_counter(), process_time()
        for stream in streams:
            fold(stream)
        figures.append(len(streams) * length / (perf_counter() - began))
        cpu.append((process_time() - began_cpu) / (len(streams) * length) * 1e6)
    return figures, cpu


def history(place: Place) -> list[Row]:
    """history"""
    count = place.options.size(100, 20)
    with place.store() as dsn:
        with desk_on(dsn) as desk:
            (receipt,) = fill(desk, [1_000])
        now = quote(datetime.now(UTC).isoformat())
        with serving(place, dsn, 1) as (port, key, _):

            def p95(path: str) -> list[float]:
                one = request("GET", f"/tickets/{receipt.number}{path}", key)
                send(port, [one] * 5, 1)
                runs = (send(port, [one] * count, 1) for _ in range(place.options.runs))
                return [percentile(run.times, 0.95) * 1000 for run in runs]

            return [
                Row(
                    "history",
                    "1,000-event ticket over HTTP, all its events: p95",
                    MS,
                    p95("/events?limit=1000"),
                    None,
                    20,
                ),
                Row("history", "1,000-event ticket over HTTP, as of a moment: p95", MS, p95(f"?at={now}"), None, 20),
            ]
