"""Rows of the import: another desk's log through the domain, alone and with every view following; and memory."""

import lzma
import sys
from contextlib import ExitStack
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter

from consumers.importing import import_servicenow
from consumers.project import connect
from domain.desk import Desk
from tests.bench.following import complete
from tests.bench.load import request, send
from tests.bench.place import Place, acta, process, serving, wait
from tests.bench.rows import MB, PER_S, Row
from tests.desks import KEK, as_role

ZONE = "Europe/Lisbon"
REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "incident_event_log.csv.xz"


def measure(place: Place) -> list[Row]:
    """import · memory"""
    log, origin = _log(place)
    alone, cpu = [], []
    for _ in range(place.options.runs):
        with place.store() as dsn:
            rows, _, spent = _imported(dsn, log)
            alone.append(rows[0] / rows[1])
            cpu.append(spent / rows[0] * 1e6)
    followed, memory = [], [("", 0.0)]
    for _ in range(place.options.runs):
        rate, memory = _followed(place, log)
        followed.append(rate)
    return [
        Row("import", f"{origin}, alone (rows)", PER_S, alone, None, 5_000, cpu),
        Row("import", f"{origin}, until every view shows it (rows)", PER_S, followed, None, 2_000),
        *(Row("memory", f"{name}, after the import", MB, [megabytes], None, 200) for name, megabytes in memory),
    ]


def _imported(dsn: str, log: Path) -> tuple[tuple[int, float], int, float]:
    """Rows and seconds, the position reached, and processor seconds."""
    desk = Desk(as_role(dsn, "acta_app"), KEK)
    try:
        report = import_servicenow(desk, log, ZONE)
        return (report.rows, report.seconds), desk.store.head(), report.cpu_seconds
    finally:
        desk.close()


def _followed(place: Place, log: Path) -> tuple[float, list[tuple[str, float]]]:
    """Rows per second until every view has them, and the memory of those who were there."""
    with ExitStack() as stack:
        dsn = stack.enter_context(place.store())
        environment = place.kafka_environment(dsn, place.topic())
        port, key, api = stack.enter_context(serving(place, dsn, 1))
        relay = stack.enter_context(process(acta("relay"), environment))
        projector = stack.enter_context(process(acta("project"), environment))
        began = perf_counter()
        (rows, _), head, _ = _imported(dsn, log)
        reader = stack.enter_context(connect(as_role(dsn, "acta_projector")))
        wait(lambda: complete(reader) >= head, relay, projector)
        rate = rows / (perf_counter() - began)
        send(port, [request("GET", "/tickets?limit=50&state=any", key)] * 200, 8)
        named = (("API worker", api), ("relay", relay), ("projector", projector))
        return rate, [(name, one.memory_mb()) for name, one in named]


def _log(place: Place) -> tuple[Path, str]:
    """The log to import: the one given, else the real one if it is at hand, else one of the same layout made up."""
    given = place.options.log or REAL_LOG
    most = place.options.size(1_000_000, 5_000)
    path = place.folder / "log.csv"
    if given.exists():
        with lzma.open(given, "rt") if given.suffix == ".xz" else given.open() as source, path.open("w") as part:
            part.writelines(islice(source, most + 1))
        return path, "the real log" if not place.options.quick else "the first rows of the real log"
    sys.path.insert(0, str(Path(__file__).parents[1] / "consumers" / "importing"))
    made = import_module("made_log")
    incidents = made.made_incidents(place.options.size(10_000, 500))
    made.written(path, [row for rows in incidents for row in rows])
    return path, "a made log"
