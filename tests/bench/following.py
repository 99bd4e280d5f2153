"""Rows of following the store: to Kafka, from Kafka into the views, from the store into a view, and how fresh."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from time import monotonic, perf_counter, process_time

import psycopg

from consumers.follow import rebuild
from consumers.kafka.tails import read_tails
from consumers.project import connect
from consumers.project import project as keep_projecting
from consumers.relay import relay as keep_relaying
from domain.desk import Desk, Receipt
from projections.engine import complete_to
from projections.views import ALL
from tests.bench import library
from tests.bench.place import Place, Process, acta, desk_on, process, wait
from tests.bench.rows import MS, PER_S, Limit, Row, percentile
from tests.bench.seeding import fill, opening
from tests.desks import as_role

LIFE = 10
COMMANDS_PER_S = 500


def relaying(place: Place) -> list[Row]:
    """relay"""
    with _seeded(place) as (dsn, desk):
        head = desk.store.head()
        figures, cpu = [], []
        for _ in range(place.options.runs):
            topic = place.topic()
            began, began_cpu = perf_counter(), process_time()
            with _thread(lambda stop, topic=topic: _relay(place, desk, dsn, topic, stop)):
                _until(lambda topic=topic: _arrived(place, topic) >= head)
                figures.append(head / (perf_counter() - began))
            cpu.append((process_time() - began_cpu) / head * 1e6)
    return [Row("relay", f"store → Kafka, {head:,} events", PER_S, figures, None, 15_000, cpu)]


def projecting(place: Place) -> list[Row]:
    """project"""
    names = ", ".join(view.name for view in ALL)
    figures, cpu = [], []
    tickets = place.options.size(200, 30)
    theirs = library.projected_per_s(place, tickets, LIFE)
    for _ in range(place.options.runs):
        rate, spent = _projected(place)
        figures.append(rate)
        cpu.append(spent)
    work = f"Kafka → {names}, one process, history kept"
    return [
        Row("project", work, PER_S, figures, Limit("the library's runner, one count", theirs, 8), 8_000, cpu),
    ]


def _projected(place: Place) -> tuple[float, float]:
    """Events per second from the topic into all views, and processor time for each (microseconds)."""
    with _seeded(place) as (dsn, desk):
        head = desk.store.head()
        topic = place.topic()
        with _thread(lambda stop: _relay(place, desk, dsn, topic, stop)):
            # Without its head a partition that the last event is not in would never count as complete.
            _until(lambda: _told(place, topic) >= head)
        began, began_cpu = perf_counter(), process_time()
        with _thread(lambda stop: _project(place, desk, dsn, topic, stop)), _reader(dsn) as reader:
            _until(lambda: complete(reader) >= head)
            seconds = perf_counter() - began
        return head / seconds, (process_time() - began_cpu) / head * 1e6


def rebuilding(place: Place) -> list[Row]:
    """rebuild"""
    rows = []
    with _seeded(place) as (dsn, desk):
        head = desk.store.head()
        plain = [head / _seconds(lambda: _decode_all(desk)) for _ in range(place.options.runs)]
        for view in ALL:
            figures, cpu = [], []
            for _ in range(place.options.runs):
                began = process_time()
                figures.append(head / _seconds(lambda view=view: rebuild(desk, as_role(dsn, "acta_projector"), view)))
                cpu.append((process_time() - began) / head * 1e6)
            limit = Limit("batches, decoded and opened", plain, 0.45)
            rows.append(Row("rebuild", f"{view.name} from the store", PER_S, figures, limit, 40_000, cpu))
    return rows


def _decode_all(desk: Desk) -> None:
    for _ in desk.pages(0, 2_000):
        pass


def freshness(place: Place) -> list[Row]:
    """fresh"""
    rows = []
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [1])
        topic = place.topic()
        with (
            process(acta("relay"), place.kafka_environment(dsn, topic)) as relay,
            process(acta("project"), place.kafka_environment(dsn, topic)) as projector,
        ):
            rows.append(
                Row("fresh", _fresh("relay, Kafka"), MS, _freshness(place, desk, dsn, relay, projector), None, 150)
            )
    return rows


def _fresh(through: str) -> str:
    return f"acknowledged → in every view, through {through}, at {COMMANDS_PER_S} commands/s: p99"


def _freshness(place: Place, desk: Desk, dsn: str, *needed: Process) -> list[float]:
    seconds = place.options.size(6, 2)
    with _reader(dsn) as reader:
        wait(lambda: complete(reader) >= desk.store.head(), *needed)
        return [_one_freshness(desk, reader, seconds) for _ in range(place.options.runs)]


def _one_freshness(desk: Desk, reader: psycopg.Connection, seconds: int) -> float:
    """Milliseconds from an acknowledgement to the view, 99th percentile."""
    acknowledged: list[tuple[int, float]] = []
    seen: list[tuple[int, float]] = []
    stop, pause = Flag(), Flag()

    def note(done: "object") -> None:
        receipt: Receipt = done.result()  # type: ignore[attr-defined]
        acknowledged.append((receipt.position, monotonic()))

    def look() -> None:
        while not stop.is_set():
            seen.append((complete(reader), monotonic()))
            pause.wait(0.002)

    looking = Thread(target=look)
    looking.start()
    order = opening()
    begun = monotonic()
    for n in range(COMMANDS_PER_S * seconds):
        pause.wait(max(0.0, begun + n / COMMANDS_PER_S - monotonic()))
        desk.submit(order).add_done_callback(note)
    _until(lambda: len(acknowledged) == COMMANDS_PER_S * seconds and seen[-1][0] >= acknowledged[-1][0])
    stop.set()
    looking.join()
    return percentile(list(_delays(acknowledged, seen)), 0.99) * 1000


def _delays(acknowledged: list[tuple[int, float]], seen: list[tuple[int, float]]) -> Iterator[float]:
    looks = iter(seen)
    complete, at = next(looks)
    for position, acknowledged_at in sorted(acknowledged):
        while complete < position:
            complete, at = next(looks)
        yield max(0.0, at - acknowledged_at)


# What the rows share


@contextmanager
def _seeded(place: Place) -> Iterator[tuple[str, Desk]]:
    """A store with tickets that live for about ten events each."""
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [LIFE] * place.options.size(5_000, 300))
        yield dsn, desk


@contextmanager
def _thread(work: Callable[[Flag], None]) -> Iterator[None]:
    """A consumer as long as the block lasts."""
    stop = Flag()
    thread = Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _reader(dsn: str) -> Iterator[psycopg.Connection]:
    with connect(as_role(dsn, "acta_projector")) as connection:
        yield connection


def _relay(place: Place, desk: Desk, dsn: str, topic: str, stop: Flag) -> None:
    keep_relaying(desk.store, as_role(dsn, "acta_app"), place.kafka, topic, stop)


def _project(place: Place, desk: Desk, dsn: str, topic: str, stop: Flag) -> None:
    keep_projecting(desk, as_role(dsn, "acta_projector"), ALL, place.kafka, topic, stop)


def _arrived(place: Place, topic: str) -> int:
    """The position up to which every event is on the topic."""
    return max((tail.position for tail in read_tails(place.kafka, topic) if tail is not None), default=0)


def _told(place: Place, topic: str) -> int:
    """The position up to which every partition says that it is complete."""
    return min(tail.position if tail is not None else 0 for tail in read_tails(place.kafka, topic))


def complete(reader: psycopg.Connection) -> int:
    """The position up to which every view is complete; 0 before there are views."""
    try:
        return min(complete_to(reader, view.name) for view in ALL)
    except psycopg.errors.UndefinedTable:
        return 0


def _until(condition: Callable[[], bool]) -> None:
    pause = Flag()
    while not condition():
        pause.wait(0.01)


def _seconds(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return perf_counter() - began
