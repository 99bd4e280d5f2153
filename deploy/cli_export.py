"""`acta export …`: the log for process mining."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from consumers.exporting import Progress as Progressing
from consumers.exporting import Selection, ocel, xes
from deploy import wiring
from deploy.options import moment_of, zone_of
from deploy.settings import read
from domain.desk import Desk

exporting = typer.Typer(
    no_args_is_help=True,
    help="Export the log for process mining: every event of the tickets, no personal text; people are pseudonyms.",
)

Output = Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file; else standard output.")]
Since = Annotated[str, typer.Option("--from", help="Tickets opened at or after this date or time (RFC 3339).")]
Until = Annotated[str, typer.Option("--to", help="Tickets opened before this date or time.")]
Departments = Annotated[
    list[str] | None, typer.Option("--department", help="Tickets that are in this department now; can be repeated.")
]
Zone = Annotated[str, typer.Option(help="IANA zone in which days begin.")]


@exporting.command(name="xes")
def export_xes(
    output: Output = None,
    since: Since = "",
    until: Until = "",
    department: Departments = None,
    zone: Zone = "UTC",
) -> None:
    """Write XES (IEEE 1849): one trace for each ticket, one event for each of its events, whole histories.

    What people wrote and are called stays sealed: nobody can learn it from the file, whoever made it.
    """
    _export(xes, output, since, until, department, zone)


@exporting.command(name="ocel")
def export_ocel(
    output: Output = None,
    since: Since = "",
    until: Until = "",
    department: Departments = None,
    zone: Zone = "UTC",
) -> None:
    """Write OCEL 2.0 as JSON: tickets, persons, agents, groups, departments, their events, relations and changes.

    What people wrote and are called stays sealed: nobody can learn it from the file, whoever made it.
    """
    _export(ocel, output, since, until, department, zone)


def _export(
    form: Callable[[Desk, Selection, Progressing], Iterator[bytes]],
    output: Path | None,
    since: str,
    until: str,
    departments: list[str] | None,
    zone: str,
) -> None:
    wall = zone_of(zone)
    begin = moment_of(since, "--from", wall) if since else None
    end = moment_of(until, "--to", wall) if until else None
    if begin and end and begin >= end:
        raise typer.BadParameter("must be later than --from", param_hint="--to")
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        _must_be_known(desk, departments or [])
        places = frozenset(departments) if departments else None
        selection = Selection(since=begin, until=end, head=desk.store.head(), departments=places)
        with _bar() as bar, _written(output) as file:
            task = bar.add_task("exporting", total=None)
            for piece in form(desk, selection, lambda done, total: bar.update(task, completed=done, total=total)):
                file.write(piece)


def _must_be_known(desk: Desk, departments: list[str]) -> None:
    known = desk.setup().departments
    for department in departments:
        if department not in known:
            raise typer.BadParameter(
                f"there is no department {department!r}; there are {', '.join(sorted(known))}",
                param_hint="--department",
            )


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there whole in the end or as it was before."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(f"{output.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(output)
    except OSError as fault:
        raise typer.BadParameter(f"{output}: {fault.strerror}", param_hint="--output") from None
    finally:
        draft.unlink(missing_ok=True)


def _bar() -> Progress:
    """On the error stream, so that what is piped is the log alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
