"""Rows of reading while it is recorded who looked, beside the same reading with nobody recorded.

``python -m tests.bench.looking`` is the API that records nobody, which only exists to be compared with.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

import psycopg

from api.looks import Look
from deploy import cli
from domain.access.events import AccessRead
from domain.desk import Desk
from domain.envelope import NOWHERE
from tests.bench.load import Answered, request, send
from tests.bench.place import ACT, Place, Process, desk_on, serving
from tests.bench.rows import MS, PER_S, Limit, Row, percentile
from tests.bench.seeding import fill

CONNECTIONS = 64
LENGTH = 10
UNRECORDED = "the same, with nobody recorded"


def measure(place: Place) -> list[Row]:
    """look"""
    count, one_by_one = place.options.size(6_000, 1_500), place.options.size(1_000, 300)
    long_count = place.options.size(100, 30)
    with place.store() as dsn, ExitStack() as stack:
        with desk_on(dsn) as desk:
            numbers = [receipt.number for receipt in fill(desk, [LENGTH] * 200)]
            (long,) = fill(desk, [1_000])
        servers = [stack.enter_context(serving(place, dsn, 1)), stack.enter_context(_unrecorded(place, dsn))]

        def alternately(paths: list[str], count: int, connections: int) -> tuple[list[Answered], list[Answered]]:
            runs: tuple[list[Answered], list[Answered]] = ([], [])
            for n in range(place.options.runs + 1):
                for (port, key, process), answered in zip(servers, runs, strict=True):
                    began = process.cpu_s()
                    requests = (request("GET", paths[one % len(paths)], key) for one in range(count))
                    run = send(port, requests, connections)
                    run.cpu_us = (process.cpu_s() - began) / count * 1e6
                    if n:
                        answered.append(run)
            return runs

        tickets = [f"/tickets/{number}" for number in numbers]
        before = _looks(dsn)
        crowd, bare_crowd = alternately(tickets, count, CONNECTIONS)
        looks, commits = (after - earlier for after, earlier in zip(_looks(dsn), before, strict=True))
        with desk_on(dsn) as desk:
            commits_alone = [_commit_ms(desk) for _ in range(place.options.runs)]
        alone, bare_alone = alternately(tickets, one_by_one, 1)
        history, bare_history = alternately([f"/tickets/{long.number}/events?limit=1000"], long_count, 1)
    many = f"a ticket of {LENGTH} events over HTTP, 1 worker, {CONNECTIONS} connections"
    return [
        _row(many, PER_S, [run.per_s for run in crowd], [run.per_s for run in bare_crowd], crowd),
        Row("look", UNRECORDED, PER_S, [run.per_s for run in bare_crowd], None, None, [r.cpu_us for r in bare_crowd]),
        _row(f"{many}: p95", MS, _percentile(crowd, 0.95), _percentile(bare_crowd, 0.95)),
        Row("look", "recording one look, and nothing else: p50", MS, commits_alone),
        Row("look", f"{many}: looks that shared a commit", "each", [looks / commits]),
        _row(
            f"a ticket of {LENGTH} events, one connection: p50",
            MS,
            _percentile(alone, 0.5),
            _percentile(bare_alone, 0.5),
        ),
        _row(
            "1,000-event ticket, all its events, one connection: p50",
            MS,
            _percentile(history, 0.5),
            _percentile(bare_history, 0.5),
        ),
    ]


def _row(work: str, unit: str, ours: list[float], theirs: list[float], measured: list[Answered] | None = None) -> Row:
    cpu = [run.cpu_us for run in measured or ()]
    return Row("look", work, unit, ours, Limit(UNRECORDED, theirs), None, cpu)


def _percentile(runs: list[Answered], share: float) -> list[float]:
    return [percentile(run.times, share) * 1000 for run in runs]


def _commit_ms(desk: Desk) -> float:
    look = AccessRead(operation="get-ticket", permission="ticket.read", tickets=(NOWHERE,), persons=(NOWHERE,))
    times = []
    for _ in range(300):
        began = perf_counter()
        desk.witness(look, ACT).result()
        times.append(perf_counter() - began)
    return percentile(times, 0.5) * 1000


def _looks(dsn: str) -> tuple[int, int]:
    """How many looks have been recorded, and in how many commits: each has a time of its own."""
    query = "SELECT count(*), count(DISTINCT recorded_at) FROM acta.events WHERE type = 'access.read.v1'"
    with psycopg.connect(dsn) as owner:
        found = owner.execute(query).fetchone()
    assert found is not None
    return found[0], found[1]


@contextmanager
def _unrecorded(place: Place, owner_dsn: str) -> Iterator[tuple[int, str, Process]]:
    with serving(place, owner_dsn, 1, ["-m", "tests.bench.looking", "serve"]) as served:
        yield served


if __name__ == "__main__":
    Look._commit = lambda self, event, subject=None: self.shows_nothing()  # type: ignore[method-assign]
    cli.main()
