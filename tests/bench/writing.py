"""Rows of writing inside one process: the store alone, and commands through the desk."""

from collections.abc import Callable
from threading import Thread
from time import perf_counter, process_time
from uuid import uuid4

from domain.desk import Desk
from domain.desk.tasks import Task
from domain.desk.work import Draft
from domain.ticket.events import TicketNoted
from tests.bench import library, limits
from tests.bench.place import ACT, Options, Place, desk_on
from tests.bench.rows import PER_S, Limit, Row
from tests.bench.seeding import TEXT, opening

CALLERS = (1, 8, 32)
BARS = {1: 1_500, 8: 6_000, 32: 12_000}
LEAST = {8: 5.0}


class Noting(Task):
    """One event in a stream of its own, with nothing to decide and nothing to seal."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = uuid4()

    def decide(self, draft: Draft, find: object) -> None:
        draft.record(self.stream, TicketNoted(text=TEXT), ACT)


def measure(place: Place) -> list[Row]:
    """append · decide"""
    options = place.options
    rows = []
    seconds = 2 if options.quick else 4
    plain = {callers: limits.pgbench(place, callers, seconds) for callers in CALLERS}
    theirs = {callers: library.saves_per_s(place, callers, options.size(3000, 600)) for callers in CALLERS}
    with place.store() as dsn, desk_on(dsn) as desk:
        for callers in CALLERS:
            rows += _rows(desk, options, callers, plain[callers], theirs[callers])
    return rows


def _rows(desk: Desk, options: Options, callers: int, plain: list[float], theirs: list[float]) -> list[Row]:
    count = options.size(8000 if callers > 1 else 3000, 1500)

    def note() -> None:
        task = Noting()
        desk.writer.submit(task)
        task.future.result()

    alone, alone_cpu = _measured(note, callers, count, options.runs)
    order = opening()
    opened, opened_cpu = _measured(lambda: desk.handle(order), callers, count, options.runs)
    who = f"{callers} caller{'s' if callers > 1 else ''}"
    work = f"one event per command, durable, {who}"
    return [
        Row(
            "append",
            work,
            PER_S,
            alone,
            Limit("eventsourcing as it comes", theirs, LEAST.get(callers)),
            BARS[callers],
            alone_cpu,
        ),
        Row("append", work, PER_S, alone, Limit("PostgreSQL, row by row", plain), None, alone_cpu),
        Row(
            "decide",
            f"open: decided, sealed, durable, {who}",
            PER_S,
            opened,
            Limit("eventsourcing as it comes", theirs),
            None,
            opened_cpu,
        ),
    ]


def _measured(act: Callable[[], None], callers: int, count: int, runs: int) -> tuple[list[float], list[float]]:
    figures, cpu = [], []
    together(act, callers, count // 10)
    for _ in range(runs):
        began = process_time()
        figures.append(count / together(act, callers, count))
        cpu.append((process_time() - began) / count * 1e6)
    return figures, cpu


def together(act: Callable[[], None], callers: int, count: int) -> float:
    """The seconds that it takes so many callers to do it so often in all."""

    def call() -> None:
        for _ in range(count // callers):
            act()

    threads = [Thread(target=call) for _ in range(callers)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return perf_counter() - began
