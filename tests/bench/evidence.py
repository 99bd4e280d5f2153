"""Rows of evidence: the bundle of one ticket of a long life, made by a desk and checked without one."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from uuid import UUID

from api.evidence.checking import check
from api.evidence.making import make
from domain.desk import Desk
from domain.store.places import Directory
from projections.ledger import Folder
from tests.bench.ledger import sign
from tests.bench.place import BENCH, Place, desk_on
from tests.bench.rows import MS, Row
from tests.bench.seeding import fill
from tests.desks import as_role

LIFE = 1_000
BAR_MS = 1_000


def measure(place: Place) -> list[Row]:
    """bundle"""
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [LIFE])
        folder = place.folder / "evidence"
        sign(desk, as_role(dsn, "acta_app"), folder)
        ticket = desk.find("1")
        events = len(desk.history(ticket))
        with Folder(folder) as log:
            made = [_measured(lambda: _make(desk, log, ticket)) for _ in range(place.options.runs)]
            bundle = _make(desk, log, ticket)
        checked = [_measured(lambda: check(bundle)) for _ in range(place.options.runs)]
    what = f"bundle of a ticket with {events:,} events, {len(bundle) / 1e6:.1f} MB"
    return [_row(f"{what}, made", made), _row(f"{what}, checked without a desk", checked)]


def _row(work: str, measured: list[tuple[float, float]]) -> Row:
    return Row("bundle", work, MS, [wall for wall, _ in measured], None, BAR_MS, [cpu * 1e3 for _, cpu in measured])


def _make(desk: Desk, log: Folder, ticket: UUID) -> bytes:
    nowhere = Directory(Path("nowhere"))
    return b"".join(make(desk, log, ticket, at=desk.now(), by=BENCH.actor, zone="Europe/Berlin", place=nowhere))


def _measured(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the wall, and of this process's processor time."""
    began, began_cpu = perf_counter(), process_time()
    act()
    return (perf_counter() - began) * 1e3, (process_time() - began_cpu) * 1e3
