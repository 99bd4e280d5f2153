"""The report of an import: every row accounted for, and whatever was not as it should be, with its place."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import msgspec

from consumers.importing.local_times import TimeProblem

EXAMPLES = 5


class Progress(msgspec.Struct, frozen=True):
    """How far an import is; ``phase`` is "survey" (first pass) or "telling". Rates are per second since the start."""

    phase: str
    rows: int
    total: int
    events: int
    rows_per_second: float
    seconds_left: float


Progressing = Callable[[Progress], None]


class RefusedRow(msgspec.Struct, frozen=True):
    """A row that was not told: where it is, why, and what was done about its incident."""

    row: int
    line: int
    incident: str
    reason: str
    done: str


class Correction(msgspec.Struct):
    """One kind of correction: how often, and of which incidents first."""

    count: int = 0
    examples: list[str] = msgspec.field(default_factory=list)


class Report(msgspec.Struct, kw_only=True):
    """What one run of an import did.

    ``told`` rows became events; ``unchanged`` ones changed nothing but are recorded as updates of the source;
    ``before`` were taken over by an earlier run; ``refused`` are listed. Together they are all ``rows``.
    """

    file: str
    zone: str
    rows: int = 0
    told: int = 0
    unchanged: int = 0
    before: int = 0
    refused: list[RefusedRow] = msgspec.field(default_factory=list)
    opened: int = 0
    continued: int = 0
    configured: int = 0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    corrections: dict[str, Correction] = msgspec.field(default_factory=dict)
    time_problems: list[TimeProblem] = msgspec.field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second of the whole run, the survey included."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def is_whole(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.told + self.unchanged + self.before + len(self.refused)

    def lines(self) -> list[str]:
        """The report as text."""
        events = sum(self.events.values())
        return [
            f"{self.file}: {self.rows:,} rows" + (f", local times of {self.zone}" if self.zone else ""),
            f"  became events               {self.told:>10,}",
            f"  changed nothing             {self.unchanged:>10,}  (recorded as updates of the source)",
            f"  taken over before           {self.before:>10,}",
            f"  refused                     {len(self.refused):>10,}",
            *(
                f"    {count:>8,}  {reason}"
                for reason, count in Counter(it.reason for it in self.refused).most_common()
            ),
            f"Tickets opened {self.opened:,}, continued {self.continued:,}; configuration events {self.configured:,}",
            f"Events {events:,} in {timedelta(seconds=round(self.seconds))}, {self.rate:,.0f} rows/s,"
            f" {self.cpu_seconds:,.1f} s of processor time",
            *(f"  {name:<36} {count:>10,}" for name, count in self.events.most_common()),
            *self._corrections(),
            *self._times(),
            *(
                f"Row {it.row} (line {it.line})"
                f"{f' of {it.incident}' if it.incident else ''} refused: {it.reason}. {it.done}"
                for it in self.refused
            ),
        ]

    def _corrections(self) -> list[str]:
        total = sum(kind.count for kind in self.corrections.values())
        ordered = sorted(self.corrections.items(), key=lambda item: -item[1].count)
        return [f"Corrections {total:,}, where the source did what our rules forbid or have no act for"] + [
            f"  {kind.count:>8,}  {reason} ({', '.join(kind.examples)}{' …' if kind.count > EXAMPLES else ''})"
            for reason, kind in ordered
        ]

    def _times(self) -> list[str]:
        return [f"Local times that needed a rule: {len(self.time_problems):,}"] + [
            f"  row {it.row} {it.column} {it.text}: {it.kind}, {it.rule}: {it.read_as:%Y-%m-%dT%H:%MZ}"
            for it in self.time_problems
        ]
