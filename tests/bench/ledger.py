"""Rows of the transparency log: from the store under a signature, and everything compared with what was signed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic, perf_counter, process_time

import psutil

from consumers.record.ledger import ledger
from consumers.record.verify import verify
from domain.desk import Desk
from domain.record.note import Signer
from projections.ledger import Folder
from tests.bench.place import Place, acta, desk_on, process, wait
from tests.bench.rows import MB, MS, PER_S, Limit, Row, percentile
from tests.bench.seeding import fill, opening
from tests.desks import as_role

LIFE = 10
COMMANDS_PER_S = 1_000
SIGNER = Signer("bench.example/record", bytes(32))


def measure(place: Place) -> list[Row]:
    """ledger · beside · verify"""
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [LIFE] * place.options.size(5_000, 300))
        head = desk.store.head()
        folders = [place.folder / f"ledger-{run}" for run in range(place.options.runs)]
        signed = [_measured(lambda folder=folder: sign(desk, as_role(dsn, "acta_app"), folder)) for folder in folders]
        verified = [_measured(lambda folder=folder: _verify(desk, folder)) for folder in folders]
    return [
        _beside(place),
        _row("ledger", f"store → hashed, in tiles, signed, {head:,} events", head, signed, 20_000),
        _row("verify", f"store against entries, tiles, checkpoints, {head:,} events", head, verified, 100_000),
        *(_at_length(place) if place.options.large else ()),
    ]


def _at_length(place: Place) -> list[Row]:
    """`acta verify` over a million events: how fast, and how much memory from beginning to end."""
    with place.store() as dsn, desk_on(dsn) as desk:
        fill(desk, [LIFE] * 91_000)
        head = desk.store.head()
        home = place.folder / "long"
        sign(desk, as_role(dsn, "acta_app"), home / "ledger")
        sizes: list[float] = []
        spent = 0.0
        began = perf_counter()
        with process(acta("verify"), place.environment(dsn, ACTA_HOME=str(home))) as verifying:
            pause = Flag()
            while verifying.alive:
                with suppress(psutil.Error):  # it may end in between
                    sizes.append(verifying.memory_mb())
                    spent = verifying.cpu_s()
                pause.wait(0.1)
            seconds = perf_counter() - began
            assert verifying.code == 0
    middle = len(sizes) // 2
    work = f"acta verify, {head:,} events, from its start to its end"
    return [
        Row("verify", work, PER_S, [head / seconds], None, 100_000, [spent / head * 1e6]),
        Row("memory", f"{work}: most in its second half", MB, [max(sizes[middle:])], None, 200),
        Row("memory", f"{work}: most in its first half", MB, [max(sizes[:middle])]),
    ]


def _beside(place: Place) -> Row:
    """What a command waits for, with a ledger that signs meanwhile and without, in turns."""
    with_it: list[float] = []
    without: list[float] = []
    with place.store() as dsn, desk_on(dsn, service_level=True) as desk:
        fill(desk, [1])
        home = place.folder / "beside"
        environment = place.environment(dsn, ACTA_HOME=str(home))
        for _ in range(place.options.runs):
            without.append(_waited(place, desk))
            with process(acta("ledger"), environment) as ledger_process:
                wait(lambda: Folder(home / "ledger").signed_size() >= desk.store.head(), ledger_process)
                with_it.append(_waited(place, desk))
    work = f"a command at {COMMANDS_PER_S:,}/s until it is durable, while a ledger signs: p99"
    return Row("beside", work, MS, with_it, Limit("the same without a ledger", without))


def _waited(place: Place, desk: Desk) -> float:
    """Milliseconds that a command takes at a steady pace, 99th percentile."""
    count = COMMANDS_PER_S * place.options.size(10, 3)
    waited: list[float] = []
    order, pause, begun = opening(), Flag(), monotonic()
    for number in range(count):
        pause.wait(max(0.0, begun + number / COMMANDS_PER_S - monotonic()))
        asked = monotonic()
        desk.submit(order).add_done_callback(lambda _, asked=asked: waited.append(monotonic() - asked))
    while len(waited) < count:
        pause.wait(0.01)
    return percentile(waited, 0.99) * 1000


def _row(name: str, work: str, events: int, measured: list[tuple[float, float]], bar: float) -> Row:
    cpu = [spent / events * 1e6 for _, spent in measured]
    return Row(name, work, PER_S, [events / seconds for seconds, _ in measured], None, bar, cpu)


def _measured(act: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall, and of this process's processor time."""
    began, began_cpu = perf_counter(), process_time()
    act()
    return perf_counter() - began, process_time() - began_cpu


def sign(desk: Desk, dsn: str, folder: Path) -> None:
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
