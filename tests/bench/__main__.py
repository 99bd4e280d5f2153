"""`python -m tests.bench [group …] [--quick] [--large] [--markdown] [--log FILE]`: measure, then print the table."""

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from deploy.cli import collect_seldom
from tests.bench import (
    clocks,
    delivering,
    doors,
    evidence,
    following,
    importing,
    ledger,
    lists,
    looking,
    reading,
    striking,
    taking,
    writing,
)
from tests.bench.place import Options, Place
from tests.bench.rows import Row, markdown, plain

GROUPS: dict[str, Callable[[Place], list[Row]]] = {
    "append": writing.measure,
    "open": doors.opening,
    "act": doors.acting,
    "one": doors.one_by_one,
    "replay": reading.replay,
    "history": reading.history,
    "look": looking.measure,
    "clock": clocks.measure,
    "strike": striking.measure,
    "list": lists.now,
    "asof": lists.as_of,
    "relay": following.relaying,
    "project": following.projecting,
    "rebuild": following.rebuilding,
    "fresh": following.freshness,
    "ledger": ledger.measure,
    "bundle": evidence.measure,
    "intake": taking.measure,
    "deliver": delivering.measure,
    "import": importing.measure,
}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure this machine against the bars.")
    parser.add_argument("groups", nargs="*", help=f"what to measure: {', '.join(GROUPS)}; everything if left out")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: to see that it runs, not to compare")
    parser.add_argument("--large", action="store_true", help="a million open tickets, five million intervals")
    parser.add_argument("--runs", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    parser.add_argument("--log", type=Path, help="the ServiceNow log to import; without it one is made")
    asked = parser.parse_args()
    unknown = set(asked.groups) - set(GROUPS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    # What is measured in this process runs as it does in Acta's own.
    collect_seldom()
    place = Place(Options(quick=asked.quick, large=asked.large, runs=asked.runs, log=asked.log))
    rows: list[Row] = []
    failed: list[str] = []
    with place.stack:
        for name in asked.groups or GROUPS:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            try:
                measured = GROUPS[name](place)
            except Exception:
                # What went wrong here need not cost the hour that the rest took.
                traceback.print_exc()
                failed.append(name)
                continue
            for row in measured:
                print("  ", *filter(None, row.cells()), sep="  ", file=sys.stderr, flush=True)
            rows += measured
    print("\n".join(markdown(rows) if asked.markdown else plain(rows)))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


main()
