"""Rows of the API: opening tickets, acting on them, and one command after another, over HTTP."""

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from json import dumps

from tests.bench import limits
from tests.bench.load import Answered, request, send
from tests.bench.place import Place, Process, desk_on, serving
from tests.bench.rows import MB, MS, PER_S, Limit, Row, percentile
from tests.bench.seeding import TEXT, fill

CONNECTIONS = 64
WORKERS = (1, 2)
OPEN = dumps({"department": "it", "title": "Printer prints twice", "description": TEXT}).encode()
LENGTHS = range(10, 47, 6)
"""After so many commands of its life a ticket is in work and assigned."""
FASTEST_PEER = 83.0
"""Tickets per second opened over REST by Roundup 2.6, the fastest of those measured (Roundup, RT, django-helpdesk)."""


def opening(place: Place) -> list[Row]:
    """open"""
    rows = []
    count = place.options.size(12_000, 2_000)
    for workers in WORKERS:
        bare = limits.bare_per_s(place, workers, CONNECTIONS, count, OPEN)
        with place.store() as dsn, serving(place, dsn, workers) as (port, key, process):
            one = request("POST", "/tickets", key, OPEN)
            send(port, [one] * (count // 5), CONNECTIONS)
            answered, cpu = _loaded(place, process, port, lambda one=one: [one] * count)
            memory = process.memory_mb()
        work = f"over HTTP, {workers} worker{'s' if workers > 1 else ''}, {CONNECTIONS} connections"
        figures = [run.per_s for run in answered]
        rows += [
            Row("open", work, PER_S, figures, Limit("bare FastAPI, grouped inserts", bare, 0.6), 3_500, cpu),
            Row("open", f"{work}: p95", MS, _p95(answered), None, 40),
            Row("open", work, PER_S, figures, Limit("fastest peer, on another day and machine", [FASTEST_PEER], 40)),
            Row("memory", f"API worker of {workers}, after it", MB, [memory], None, 200),
        ]
    return rows


def acting(place: Place) -> list[Row]:
    """act"""
    tickets = place.options.size(1_000, 500)
    count = place.options.size(8_000, 1_000)
    with place.store() as dsn:
        with desk_on(dsn, service_level=True) as desk:
            numbers = [receipt.number for receipt in fill(desk, islice(cycle(LENGTHS), tickets))]
        with serving(place, dsn, 1) as (port, key, process):
            requests = _acts(numbers, key)
            send(port, islice(requests, count // 5), CONNECTIONS)
            answered, cpu = _loaded(place, process, port, lambda: islice(requests, count))
    work = f"assign, reply, hold, resume … of tickets of 10 to 50 events, 1 worker, {CONNECTIONS} connections"
    return [
        Row("act", work, PER_S, [run.per_s for run in answered], None, 2_500, cpu),
        Row("act", f"{work}: p95", MS, _p95(answered)),
    ]


def _acts(numbers: list[int], key: str) -> Iterator[bytes]:
    """Acts that are always possible, in rounds over all tickets, so that no ticket has two at once."""
    everybody = cycle(
        [
            ("note", dumps({"text": TEXT})),
            ("reply", dumps({"text": TEXT})),
            ("release", "{}"),
            ("assign", dumps({"assignee": "bob"})),
            ("hold", dumps({"reason": "requester"})),
            ("resume", "{}"),
        ]
    )
    for verb, body in everybody:
        for number in numbers:
            yield request("POST", f"/tickets/{number}/{verb}", key, body.encode())


def one_by_one(place: Place) -> list[Row]:
    """one"""
    count = place.options.size(2_000, 300)
    with place.store() as dsn, serving(place, dsn, 1) as (port, key, _):
        one = request("POST", "/tickets", key, OPEN)
        send(port, [one] * 200, 1)
        answered = [send(port, [one] * count, 1) for _ in range(place.options.runs)]
    plain = [1000 / tps for tps in limits.pgbench(place, 1, 2)]
    return [
        Row(
            "one",
            "open over HTTP, one connection, one after another: p50",
            MS,
            [percentile(run.times, 0.5) * 1000 for run in answered],
            Limit("PostgreSQL, one row", plain),
            1.5,
        )
    ]


def _loaded(
    place: Place, process: Process, port: int, requests: Callable[[], Iterable[bytes]]
) -> tuple[list[Answered], list[float]]:
    """Several runs of a load, and the server's processor time for each request (microseconds)."""
    answered, cpu = [], []
    for _ in range(place.options.runs):
        began = process.cpu_s()
        run = send(port, requests(), CONNECTIONS)
        answered.append(run)
        cpu.append((process.cpu_s() - began) / len(run.times) * 1e6)
    return answered, cpu


def _p95(answered: list[Answered]) -> list[float]:
    return [percentile(run.times, 0.95) * 1000 for run in answered]
