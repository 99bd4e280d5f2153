"""Sharing an import: several processes, each telling the incidents that fall to it.

Deciding and sealing is work for a processor, and one Python process has but one. Which share an incident falls to
follows from its number, so the rows of one are always told by one process, in their order.
"""

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from multiprocessing.sharedctypes import SynchronizedArray
from time import monotonic
from typing import Any

from consumers.importing.log import Log
from consumers.importing.preparing import Destination
from consumers.importing.report import EXAMPLES, Correction, Progress, Progressing, Report
from consumers.importing.running import Telling, prepare
from domain.desk import Desk

OpenDesk = Callable[[], Desk]
"""Opens a desk in whichever process calls it; must survive pickling, so a function of a module or a partial of one."""

_SHOWN_EVERY_S = 0.2
_counts: "SynchronizedArray[int] | None" = None


def import_in_shares(
    open_desk: OpenDesk,
    log: Log[Any],
    *,
    shares: int,
    to: Destination | None = None,
    progress: Progressing | None = None,
) -> Report:
    """As ``import_log``, in ``shares`` processes. If one of them fails, the others finish what they have begun.

    Another run then goes on where this one ended.
    """
    started = monotonic()
    to = to or Destination()
    show = progress or (lambda _: None)
    desk = open_desk()
    try:
        prepared = prepare(desk, log, to, show)
    finally:
        desk.close()
    context = get_context("spawn")
    counts = context.Array("q", 2 * shares)
    with ProcessPoolExecutor(shares, mp_context=context, initializer=_begin, initargs=(counts,)) as pool:
        futures = [pool.submit(_tell, open_desk, log, to, share, shares) for share in range(shares)]
        _watch(futures, counts, prepared.rows, started, show)
        report = together([future.result() for future in futures])
    report.configured = prepared.configured
    report.cpu_seconds += prepared.cpu_seconds
    report.seconds = monotonic() - started
    events = sum(report.events.values())
    show(Progress("telling", report.rows, prepared.rows, events, report.rate, 0.0))
    return report


def _begin(counts: "SynchronizedArray[int]") -> None:
    global _counts
    _counts = counts


def _tell(open_desk: OpenDesk, log: Log[Any], to: Destination, share: int, shares: int) -> Report:
    """What one process does."""
    assert _counts is not None
    counts = _counts

    def show(progress: Progress) -> None:
        counts[2 * share], counts[2 * share + 1] = progress.rows, progress.events

    desk = open_desk()
    try:
        return Telling(desk, log, to, show, share=share, shares=shares).run()
    finally:
        desk.close()


def _watch(
    futures: "list[Future[Report]]", counts: "SynchronizedArray[int]", total: int, started: float, show: Progressing
) -> None:
    left = set(futures)
    while left:
        done, left = wait(left, timeout=_SHOWN_EVERY_S, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        rows, events = sum(counts[::2]), sum(counts[1::2])
        rate = rows / max(monotonic() - started, 1e-9)
        show(Progress("telling", rows, total, events, rate, (total - rows) / rate if rate else 0.0))


def together(reports: list[Report]) -> Report:
    """The reports of all shares as one; no two of them tell of the same row."""
    whole = Report(file=reports[0].file, zone=reports[0].zone)
    for report in reports:
        for name in ("rows", "told", "unchanged", "before", "opened", "continued", "cpu_seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(report, name))
        whole.events += report.events
        whole.refused += report.refused
        whole.time_problems += report.time_problems
        for why, kind in report.corrections.items():
            known = whole.corrections.setdefault(why, Correction())
            known.count += kind.count
            known.examples = sorted((*known.examples, *kind.examples))[:EXAMPLES]
    whole.refused.sort(key=lambda it: it.row)
    whole.time_problems.sort(key=lambda it: it.row)
    return whole
