"""Rows of the transparency log: from the store under a signature, and everything compared with what was signed."""

from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import perf_counter, process_time

from consumers.ledger import ledger
from consumers.verify import verify
from domain.desk import Desk
from domain.record.note import Signer
from projections.ledger import Folder
from tests.bench.place import Place, desk_on
from tests.bench.rows import PER_S, Row
from tests.bench.seeding import fill
from tests.desks import as_role

LIFE = 10
SIGNER = Signer("bench.example/record", bytes(32))


def measure(place: Place) -> list[Row]:
    """ledger · verify"""
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [LIFE] * place.options.size(5_000, 300))
        head = desk.store.head()
        folders = [place.folder / f"ledger-{run}" for run in range(place.options.runs)]
        signed = [_measured(lambda folder=folder: _sign(desk, as_role(dsn, "acta_app"), folder)) for folder in folders]
        verified = [_measured(lambda folder=folder: _verify(desk, folder)) for folder in folders]
    return [
        _row("ledger", f"store → hashed, in tiles, signed, {head:,} events", head, signed, 20_000),
        _row("verify", f"store against entries, tiles, checkpoints, {head:,} events", head, verified, 100_000),
    ]


def _row(name: str, work: str, events: int, measured: list[tuple[float, float]], bar: float) -> Row:
    cpu = [spent / events * 1e6 for _, spent in measured]
    return Row(name, work, PER_S, [events / seconds for seconds, _ in measured], None, bar, cpu)


def _measured(act: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall, and of this process's processor time."""
    began, began_cpu = perf_counter(), process_time()
    act()
    return perf_counter() - began, process_time() - began_cpu


def _sign(desk: Desk, dsn: str, folder: Path) -> None:
    """Let a ledger sign everything."""
    stop, pause = Flag(), Flag()
    head = desk.store.head()
    thread = Thread(target=ledger, args=(desk.store, dsn, folder, SIGNER, stop))
    thread.start()
    while Folder(folder).signed_size() < head:
        pause.wait(0.01)
    stop.set()
    thread.join()


def _verify(desk: Desk, folder: Path) -> None:
    with Folder(folder) as log:
        verify(desk.store, log, SIGNER.verifier)
