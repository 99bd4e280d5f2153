"""`acta retention`: which tickets were kept long enough, and letting them go."""

import os
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console

from consumers.project import connect
from consumers.retaining import Told, foreseen, retain, shows
from deploy import wiring
from deploy.settings import SettingsError, read

console = Console()


def retention(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is due and what a hold keeps back; let nothing go.")
    ] = False,
) -> None:
    """Let go the tickets that were kept as long as their rule says: what they hold of persons is erased.

    The rules stand in desk.yaml, `retention:` of a department or a type of request; a new one counts from a day after
    it was configured. `acta clock`, which `acta run` has
    in it, does the same by itself every hour; `acta eraser` carries out what is ordered. Ends with 1 if a ticket could
    not be let go for another reason than a legal hold.
    """
    with (
        wiring.database(read(os.environ)) as found,
        wiring.desk(found) as desk,
        connect(wiring.projector_url(found)) as views,
    ):
        if not shows(views, desk.store.head()):
            raise SettingsError("The queue does not show all that is recorded yet: let `acta project` run.")
        counts: Counter[str] = Counter()
        for told in (foreseen if dry_run else retain)(desk, views, desk.now()):
            counts[told.outcome] += 1
            console.print(_line(told), highlight=False, markup=False, soft_wrap=True)
    told_of = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items())) or "nothing is due"
    console.print(f"{told_of}{'; nothing was let go.' if dry_run else '.'}", highlight=False)
    if counts["failed"]:
        raise typer.Exit(1)


def _line(told: Told) -> str:
    ticket, rule = told.ticket, told.rule
    of = f"type {rule.request_type}" if rule.request_type else f"department {rule.department}"
    why = f" ({told.why})" if told.why else ""
    return (
        f"#{ticket.number}  closed {ticket.closed_at:%Y-%m-%d}  {of}, version {rule.retention_version}:"
        f" {told.outcome}{why}"
    )
