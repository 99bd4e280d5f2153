"""What a check found: for every column how often ticket and source agree, and each place where they do not."""

import msgspec

from consumers.importing.servicenow.layout import COLUMNS


class Difference(msgspec.Struct, frozen=True):
    """A place where a ticket says something else than the source."""

    incident: str
    row: int
    source: str
    acta: str
    because: str = ""


class Column(msgspec.Struct):
    """One column: compared so often, of which so often equal; the source gave nothing in ``unknown`` further places."""

    compared: int = 0
    agreed: int = 0
    unknown: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list)


class Figure(msgspec.Struct):
    """One figure over the whole, as the source has it and as the tickets' events have it."""

    source: int = 0
    acta: int = 0


class Agreement(msgspec.Struct, kw_only=True):
    """The result of a check; ``figures`` by name, ``columns`` by name, ``shown`` are the source's own figures only."""

    incidents: int = 0
    missing: list[str] = msgspec.field(default_factory=list)
    rows: int = 0
    moments: int = 0
    columns: dict[str, Column] = msgspec.field(default_factory=lambda: {name: Column() for name in COLUMNS})
    figures: dict[str, Figure] = msgspec.field(default_factory=dict)
    shown: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def unexplained(self) -> list[Difference]:
        """Differences for which there is no reason: faults of the import."""
        return [it for column in self.columns.values() for it in column.differences if not it.because]

    @property
    def is_good(self) -> bool:
        """Whether every incident is there and nothing differs without a reason."""
        return not self.missing and not self.unexplained

    def lines(self) -> list[str]:
        """The agreement as text."""
        return [
            f"{self.incidents:,} incidents, {self.rows:,} rows; tickets as of {self.moments:,} moments against the row"
            " that stood then",
            *(f"Not imported: {incident}" for incident in self.missing),
            f"{'column':<26}{'compared':>10}{'agree':>10}{'differ':>8}{'not given':>11}",
            *(
                f"{name:<26}{it.compared:>10,}{it.agreed:>10,}{len(it.differences):>8,}{it.unknown:>11,}"
                for name, it in self.columns.items()
            ),
            f"{'figure':<44}{'source':>10}{'Acta':>10}",
            *(
                f"{name:<44}{it.source:>10,}{it.acta:>10,}{'' if it.source == it.acta else '  differ'}"
                for name, it in self.figures.items()
            ),
            "The source's own figures, for comparison with what Acta computes:",
            *(f"  {name}: {figure:,}" for name, figure in self.shown.items()),
            *(
                f"{name}: {it.incident}, row {it.row}: source {it.source or 'nothing'}, Acta {it.acta or 'nothing'}"
                f"{f': {it.because}' if it.because else ''}"
                for name, column in self.columns.items()
                for it in column.differences
            ),
        ]
