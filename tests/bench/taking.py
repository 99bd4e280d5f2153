"""The row of the doors: requests on a department's topic to outcomes on the other, through Acta's own processes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from time import perf_counter

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from consumers.doors import Doors, ensure_doors
from tests.bench.place import PARTITIONS, Place, Process, acta, desk_on, process
from tests.bench.rows import MB, MS, PER_S, Row, percentile
from tests.bench.seeding import TEXT

DEPARTMENTS = ("it", "hr")
REQUESTS_PER_S = 500


def measure(place: Place) -> list[Row]:
    """intake"""
    count, seconds = place.options.size(10_000, 1_000), place.options.size(10, 3)
    rates: list[float] = []
    cpu: list[float] = []
    times: list[float] = []
    for _ in range(place.options.runs):
        with place.store() as dsn, desk_on(dsn):
            doors = Doors(place.topic(), DEPARTMENTS)
            ensure_doors(place.kafka, doors, PARTITIONS)
            with _listener(place, doors) as heard:
                _send(place, doors, range(count), 0)
                with _working(place, dsn, doors) as (taking, telling):
                    _until(lambda heard=heard: len(heard) >= 1, taking, telling)
                    began, first = perf_counter(), len(heard)
                    began_cpu = taking.cpu_s()
                    _until(lambda heard=heard: len(heard) >= count, taking, telling)
                    rates.append((count - first) / (perf_counter() - began))
                    cpu.append((taking.cpu_s() - began_cpu) / (count - first) * 1e6)
                    paced = range(count, count + seconds * REQUESTS_PER_S)
                    sent = _send(place, doors, paced, REQUESTS_PER_S)
                    _until(lambda heard=heard, paced=paced: len(heard) >= paced.stop, taking, telling)
                    times += [heard[str(n)] - sent[n] for n in paced]
                    memory = taking.memory_mb()
    return [
        Row("intake", f"requests on Kafka → outcomes, {count:,} opened", PER_S, rates, None, 3_000, cpu),
        Row("intake", f"the same at {REQUESTS_PER_S} per s: p50", MS, [percentile(times, 0.5) * 1000]),
        Row("intake", f"the same at {REQUESTS_PER_S} per s: p99", MS, [percentile(times, 0.99) * 1000], None, 250),
        Row("memory", "intake, after it", MB, [memory], None, 200),
    ]


@contextmanager
def _working(place: Place, dsn: str, doors: Doors) -> Iterator[tuple[Process, Process]]:
    """Intake and outcomes as processes of their own."""
    more = {"ACTA_DOORS": ",".join(doors.departments), "ACTA_DOOR_TOPICS": doors.prefix}
    environment = place.kafka_environment(dsn, "unused") | more
    with process(acta("intake"), environment) as taking, process(acta("outcomes"), environment) as telling:
        yield taking, telling


def _send(place: Place, doors: Doors, numbers: range, per_s: int) -> dict[int, float]:
    """Send a request for each number, each under a reference of its own; when each was sent."""
    producer = KafkaProducer(**place.kafka, linger_ms=2)
    for topic in doors.requests():
        # Or the first requests would be charged with finding the broker.
        producer.partitions_for(topic)
    sent = {}
    pause, began = Flag(), perf_counter()
    for number in numbers:
        if per_s:
            pause.wait(max(0.0, began + (number - numbers.start) / per_s - perf_counter()))
        headers = [("ce_specversion", b"1.0"), ("ce_type", b"acta.request.open.v1"), ("ce_source", b"/bench")]
        headers.append(("ce_id", b"%d" % number))
        body = json.dumps({"title": "Printer prints twice", "description": TEXT}).encode()
        topic = f"{doors.prefix}.requests.{DEPARTMENTS[number % len(DEPARTMENTS)]}"
        sent[number] = perf_counter()
        producer.send(topic, body, b"R-%d" % number, headers)
    producer.flush()
    producer.close()
    return sent


@contextmanager
def _listener(place: Place, doors: Doors) -> Iterator[dict[str, float]]:
    """When the outcome of each request was heard, by its id."""
    consumer = KafkaConsumer(**place.kafka, isolation_level="read_committed", fetch_max_wait_ms=20)
    partitions = [TopicPartition(doors.outcomes(one), n) for one in doors.departments for n in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    heard: dict[str, float] = {}
    stop = Flag()

    def listen() -> None:
        while not stop.is_set():
            for batch in consumer.poll(timeout_ms=20, max_records=5_000).values():
                now = perf_counter()
                for message in batch:
                    outcome = json.loads(message.value)
                    heard.setdefault(outcome["request"]["id"], now)

    thread = Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        stop.set()
        thread.join()
        consumer.close()


def _until(done: Callable[[], bool], *alive: Process) -> None:
    pause = Flag()
    while not done():
        if not all(one.alive for one in alive):
            raise RuntimeError(f"a process has ended: {[one.code for one in alive]}")
        pause.wait(0.005)
