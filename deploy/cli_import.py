"""`acta import …`: another desk's history, with its real times."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from consumers.importing import Destination, NotThisLayout, ServiceNowLog, import_in_shares, import_log
from consumers.importing.log import Log
from consumers.importing.mapped import LogMap, MappedLog, NoSuchColumn
from consumers.importing.mapped.log import Format
from consumers.importing.report import Progress as Reached
from consumers.importing.report import Progressing, Report
from consumers.importing.servicenow.checking import check as compared
from deploy import wiring
from deploy.cli_setup import complain
from deploy.desk_file import DeskFileError, line_of, read_document
from deploy.settings import Settings, read
from domain.desk import Desk
from domain.desk.rehearsing import Rehearsal
from domain.ticket.events import TicketCorrected

importing = typer.Typer(no_args_is_help=True, help="Import another desk's history, with its real times and actors.")
console = Console()

OWN_EXPORTS = Path(__file__).parent / "import.acta.yaml"
"""The map for what `acta export xes` writes."""

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen, and which rows have no place; record nothing.")
]
Processes = Annotated[
    int, typer.Option(min=1, max=64, help="How many processes share the work; a dry run is the work of one.")
]


@importing.command()
def servicenow(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The audit log: .csv, .xz, .gz or .zip.")],
    timezone: Annotated[str, typer.Option(help="IANA zone of the file's local times, e.g. Europe/Lisbon.")],
    check: Annotated[
        bool, typer.Option("--check", help="Compare desk and file, column by column; import nothing.")
    ] = False,
    dry_run: DryRun = False,
    processes: Processes = 1,
) -> None:
    """Import a ServiceNow audit log: each difference between an incident's rows becomes the event that happened.

    Every row is accounted for in the report. A second run of the same file changes nothing; an interrupted one is
    finished by running it again. Imported events never notify or escalate.
    """
    with wiring.database(read(os.environ)) as found:
        try:
            if check:
                with wiring.desk(found) as desk, console.status("comparing"):
                    agreement = compared(desk, file, timezone)
                lines, good = agreement.lines(), agreement.is_good
            else:
                report = _imported(found, ServiceNowLog(file, timezone), Destination(), dry_run, processes)
                lines, good = report.lines(), report.is_whole
        except (NotThisLayout, ValueError) as fault:
            raise typer.BadParameter(str(fault)) from None
    _say(lines, good)


@importing.command(name="csv")
def import_csv(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The log: .csv, .csv.xz, .csv.gz or .zip.")],
    map_: Annotated[
        Path, typer.Option("--map", exists=True, dir_okay=False, help="The map; see deploy/import.example.yaml.")
    ],
    dry_run: DryRun = False,
    processes: Processes = 1,
) -> None:
    """Import a log with one row for each thing that happened, read by a map of its columns and activities.

    A map names the column of the case, of the time, of the activity and of whatever else the rows say, and what each
    activity means here; deploy/import.example.yaml is one, with every possibility explained. A mistake in it is refused
    with its line.

    Begin with --dry-run. Every row is accounted for; one that has no place is named with its line and the reason, and
    the command ends with 1. A second run of the same file changes nothing; an interrupted one is finished by running
    it again. Where the source did what the desk's rules forbid, the ticket is corrected and says so.
    """
    _by_map(file, "csv", map_, dry_run, processes)


@importing.command(name="xes")
def import_xes(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The log: .xes, .xes.gz, .xes.xz or .zip.")],
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map", exists=True, dir_okay=False, help="The map; without one the file must be what `acta export` wrote."
        ),
    ] = None,
    dry_run: DryRun = False,
    processes: Processes = 1,
) -> None:
    """Import an XES log (IEEE 1849): each trace becomes a ticket, each event what a map says that it means.

    The map is that of `acta import csv`, with the keys of attributes in place of columns; those of the trace are
    written case:KEY. Begin with --dry-run; see there for what is promised.
    """
    _by_map(file, "xes", map_ or OWN_EXPORTS, dry_run, processes)


def _by_map(file: Path, form: Format, map_: Path, dry_run: bool, processes: int) -> None:
    try:
        by = read_map(map_)
    except DeskFileError as fault:
        raise typer.Exit(complain(map_, str(fault))) from None
    to = Destination(department=by.department, request_type=by.request_type)
    with wiring.database(read(os.environ)) as found:
        try:
            report = _imported(found, MappedLog(file, form, by), to, dry_run, processes)
        except NoSuchColumn as fault:
            raise typer.Exit(complain(map_, _located(map_, fault.place, f"{fault} ({file.name})"))) from None
        except NotThisLayout as fault:
            raise typer.BadParameter(str(fault)) from None
        except ValueError as fault:
            raise typer.Exit(complain(map_, _located(map_, ("time", "zone"), str(fault)))) from None
    if dry_run:
        console.print("Nothing was recorded; this is what would be:", highlight=False)
    _say(report.lines(), report.is_whole and not report.refused)


def read_map(path: Path) -> LogMap:
    """The map in a file; raises ``DeskFileError``, each line of whose message says where and why."""
    by = read_document(path, LogMap, words=True)
    faults = [_located(path, place, text) for place, text in by.faults()]
    if faults:
        raise DeskFileError("\n".join(faults))
    return by


def _located(path: Path, place: tuple[str, ...], text: str) -> str:
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return f"line {line_of(root, place)}: {'.'.join(place)}: {text}"


def _say(lines: list[str], good: bool) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not good:
        raise typer.Exit(1)


def _imported(found: Settings, log: Log[Any], to: Destination, dry_run: bool, processes: int) -> Report:
    with _bar() as show:
        if processes > 1 and not dry_run:
            with wiring.desk(found):
                pass  # what would keep a desk from opening is said here once, not by every process
            opener = partial(Desk, wiring.url(found.database_url, "ACTA_DATABASE_URL"), wiring.kek(found))
            return import_in_shares(opener, log, shares=processes, to=to, progress=show)
        with wiring.desk(found) as desk:
            books = Rehearsal(desk, keep=(TicketCorrected.TYPE,)) if dry_run else desk
            return import_log(books, log, to=to, progress=show)


@contextmanager
def _bar() -> Iterator[Progressing]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("survey", total=None, figures="")

        def show(reached: Reached) -> None:
            figures = f"{reached.rows:,} rows  {reached.events:,} events  {reached.rows_per_second:,.0f} rows/s"
            total = reached.total or None
            bar.update(task, description=reached.phase, total=total, completed=reached.rows, figures=figures)

        yield show
