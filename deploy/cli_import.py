"""`acta import …`: another desk's history, with its real times."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from consumers.importing import import_servicenow
from consumers.importing.report import Progress as Reached
from deploy import wiring
from deploy.settings import read

importing = typer.Typer(no_args_is_help=True, help="Import another desk's history, with its real times and actors.")
console = Console()


@importing.callback()
def _group() -> None:
    """Keep `acta import` a group, whatever the number of formats."""


@importing.command()
def servicenow(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The audit log: .csv, .xz, .gz or .zip.")],
    timezone: Annotated[str, typer.Option(help="IANA zone of the file's local times, e.g. Europe/Lisbon.")],
) -> None:
    """Import a ServiceNow audit log: each difference between an incident's rows becomes the event that happened.

    Every row is accounted for in the report. A second run of the same file changes nothing; an interrupted one is
    finished by running it again. Imported events never notify or escalate.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
    )
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk, bar:
        task = bar.add_task("survey", total=None, figures="")

        def show(reached: Reached) -> None:
            figures = f"{reached.rows:,} rows  {reached.events:,} events  {reached.rows_per_second:,.0f} rows/s"
            bar.update(
                task,
                description=reached.phase,
                total=reached.total or None,
                completed=reached.rows,
                figures=figures,
            )

        report = import_servicenow(desk, file, timezone, progress=show)
    for line in report.lines():
        console.print(line, highlight=False, markup=False)
