"""Rows of the table: figures, the limit measured beside them in the same run, and the bar."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

PER_S, MS, MB = "per s", "ms", "MB"
_SMALLER_IS_BETTER = (MS, MB)


@dataclass(frozen=True)
class Limit:
    """What the machine, or what we compare with, did in the same run; ``least`` is the bar for the ratio to it."""

    name: str
    figures: Sequence[float]
    least: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table. ``cpu_us`` is our own process's processor time for one unit of the work."""

    name: str
    work: str
    unit: str
    figures: Sequence[float]
    limit: Limit | None = None
    bar: float | None = None
    cpu_us: Sequence[float] = field(default=())

    def ratio(self) -> float | None:
        """How many times as good as the limit; more is better, whatever the unit."""
        if self.limit is None:
            return None
        ours, theirs = median(self.figures), median(self.limit.figures)
        return theirs / ours if self.unit in _SMALLER_IS_BETTER else ours / theirs

    def missed(self) -> bool:
        """Whether a bar was missed."""
        ratio = self.ratio()
        if self.limit is not None and self.limit.least is not None and ratio is not None and ratio < self.limit.least:
            return True
        if self.bar is None:
            return False
        ours = median(self.figures)
        return ours > self.bar if self.unit in _SMALLER_IS_BETTER else ours < self.bar

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        ratio, limit = self.ratio(), self.limit
        bars = []
        if self.bar is not None:
            bars.append(f"{'≤' if self.unit in _SMALLER_IS_BETTER else '≥'} {number(self.bar)}")
        if limit is not None and limit.least is not None:
            bars.append(f"≥ {limit.least:g} ×")
        return (
            self.name,
            self.work,
            f"{number(median(self.figures))} {self.unit}",
            f"{number(min(self.figures))} – {number(max(self.figures))}",
            f"{median(self.cpu_us):.0f}" if self.cpu_us else "",
            f"{limit.name}: {number(median(limit.figures))}" if limit else "",
            f"{ratio:.2f} ×" if ratio is not None else "",
            " · ".join(bars),
            "" if not bars else "missed" if self.missed() else "met",
        )


HEADINGS = ("row", "work", "median", "min – max", "CPU µs each", "limit, same run", "ratio", "bar", "")


def number(value: float) -> str:
    """Three figures that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def plain(rows: Sequence[Row]) -> Iterator[str]:
    """The table for a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table for a README."""
    for line in (HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)):
        yield f"| {' | '.join(line)} |"


def repeated(runs: int, measure: Callable[[], float]) -> list[float]:
    """The figures of several runs."""
    return [measure() for _ in range(runs)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
