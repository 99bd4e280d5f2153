"""`acta import …`: another desk's history, with its real times."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from consumers.importing import NotThisLayout, ServiceNowLog, import_in_shares, import_servicenow
from consumers.importing.report import Progress as Reached
from consumers.importing.servicenow.checking import check as compared
from deploy import wiring
from deploy.settings import Settings, read
from domain.desk import Desk

importing = typer.Typer(no_args_is_help=True, help="Import another desk's history, with its real times and actors.")
console = Console()


@importing.callback()
def _group() -> None:
    """Keep `acta import` a group, whatever the number of formats."""


@importing.command()
def servicenow(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The audit log: .csv, .xz, .gz or .zip.")],
    timezone: Annotated[str, typer.Option(help="IANA zone of the file's local times, e.g. Europe/Lisbon.")],
    check: Annotated[
        bool, typer.Option("--check", help="Compare desk and file, column by column; import nothing.")
    ] = False,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the work.")] = 1,
) -> None:
    """Import a ServiceNow audit log: each difference between an incident's rows becomes the event that happened.

    Every row is accounted for in the report. A second run of the same file changes nothing; an interrupted one is
    finished by running it again. Imported events never notify or escalate.
    """
    with wiring.database(read(os.environ)) as found:
        try:
            lines, good = _checked(found, file, timezone) if check else _imported(found, file, timezone, processes)
        except (NotThisLayout, ValueError) as fault:
            raise typer.BadParameter(str(fault)) from None
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not good:
        raise typer.Exit(1)


def _checked(found: Settings, file: Path, timezone: str) -> tuple[list[str], bool]:
    with wiring.desk(found) as desk, console.status("comparing"):
        agreement = compared(desk, file, timezone)
    return agreement.lines(), agreement.is_good


def _imported(found: Settings, file: Path, timezone: str, processes: int) -> tuple[list[str], bool]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("survey", total=None, figures="")

        def show(reached: Reached) -> None:
            figures = f"{reached.rows:,} rows  {reached.events:,} events  {reached.rows_per_second:,.0f} rows/s"
            total = reached.total or None
            bar.update(task, description=reached.phase, total=total, completed=reached.rows, figures=figures)

        if processes > 1:
            with wiring.desk(found):
                pass  # what would keep a desk from opening is said here once, not by every process
            opener = partial(Desk, wiring.url(found.database_url, "ACTA_DATABASE_URL"), wiring.kek(found))
            report = import_in_shares(opener, ServiceNowLog(file, timezone), shares=processes, progress=show)
        else:
            with wiring.desk(found) as desk:
                report = import_servicenow(desk, file, timezone, progress=show)
    return report.lines(), report.is_whole
