"""`acta whatif`: how the clocks would have been kept under other policies or calendars."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from consumers.whatif import Question, compare
from deploy import wiring
from deploy.cli_setup import complain, described
from deploy.desk_file import DeskFileError, located, read_desk_file
from deploy.options import moment_of, zone_of
from deploy.settings import read
from domain.clock.clocks import Verdict
from domain.clock.comparing import Comparison, Dimension, Tally
from domain.desk.laying_over import laid_over
from domain.errors import SetupConflict

console = Console(width=None if sys.stdout.isatty() else 160)
_DIMENSIONS: tuple[Dimension, ...] = ("department", "group", "priority", "month")


def whatif(
    policy: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="Calendars and policies as in desk.yaml, laid over today's."),
    ],
    since: Annotated[str, typer.Option("--from", help="Tickets opened at or after this date or time (RFC 3339).")],
    until: Annotated[str, typer.Option("--to", help="Tickets opened before this date or time.")],
    by: Annotated[str, typer.Option(help="Also by department, group, priority, month; comma-separated.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone in which days and months begin.")] = "UTC",
    limit: Annotated[int, typer.Option(min=0, help="Name at most so many clocks whose verdict would change.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Replay history under other policies or calendars and compare what was kept. Nothing is recorded.

    Each ticket keeps what people did with it; service levels are attached anew as the file would have it, at the times
    at which they were decided. Parts of the file other than calendars and policies are not looked at.
    """
    wall = zone_of(zone)
    begin, end = moment_of(since, "--from", wall), moment_of(until, "--to", wall)
    if begin >= end:
        raise typer.BadParameter("must be later than --from", param_hint="--to")
    comparison = Comparison(_dimensions(by), zone=wall, limit=limit)
    try:
        document = read_desk_file(policy)
    except DeskFileError as fault:
        raise typer.Exit(complain(policy, str(fault))) from None
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk, _bar() as bar:
        question = Question(since=begin, until=end, at=desk.now(), head=desk.store.head())
        try:
            events, setup = laid_over(document, desk.setup())
        except SetupConflict as conflict:
            raise typer.Exit(complain(policy, located(policy, conflict))) from None
        task = bar.add_task("replaying", total=question.head, tickets="")

        def show(position: int) -> None:
            bar.update(task, completed=position, tickets=f"{comparison.tickets:,} tickets")

        compare(desk, question, setup, comparison, show)
    if as_json:
        asked = {"question": question, "supposed": [described(event) for event in events]}
        print(msgspec.json.encode(asked | _as_data(comparison)).decode())
        return
    for event in events:
        console.print(described(event), highlight=False, markup=False, soft_wrap=True)
    if not events:
        console.print("The file says what is configured already.")
    _tell(comparison, policy, console)


def _tell(comparison: Comparison, file: Path, to: Console) -> None:
    """The comparison for a person."""
    table = Table("clock", "policy", *comparison.by, "as recorded", f"under {file.name}")
    for key, line in sorted(comparison.lines.items()):
        if line.recorded != Tally() or line.supposed != Tally():
            table.add_row(*key, _kept(line.recorded), _kept(line.supposed))
    to.print(f"{comparison.tickets:,} tickets; {comparison.tickets_changed:,} of them with another verdict.")
    to.print(table)
    for turned, count in comparison.turned.most_common():
        to.print(f"{count:,} × {turned.clock}: {_word(turned.recorded)} → {_word(turned.supposed)}", highlight=False)
    for one in comparison.changed:
        name = one.clock if one.round == 1 else f"{one.clock} {one.round}"
        to.print(f"  #{one.number} {name}: {_word(one.recorded)} → {_word(one.supposed)}", highlight=False)
    more = comparison.turned.total() - len(comparison.changed)
    if more:
        to.print(f"  and {more:,} more (--limit)", highlight=False)


def _kept(tally: Tally) -> str:
    """Share met with numerator and denominator."""
    undecided = f", {tally.undecided:,} undecided" if tally.undecided else ""
    share = "–" if tally.share is None else f"{tally.share:.1%}"
    return f"{share} ({tally.met:,} of {tally.decided:,}{undecided})"


def _word(verdict: Verdict) -> str:
    return "no verdict" if verdict is Verdict.NONE else verdict.value


def _as_data(comparison: Comparison) -> dict[str, Any]:
    names = ("clock", "policy", *comparison.by)
    return {
        "tickets": comparison.tickets,
        "tickets_changed": comparison.tickets_changed,
        "shares": [
            {
                "of": dict(zip(names, key, strict=True)),
                "recorded": _tally(line.recorded),
                "supposed": _tally(line.supposed),
            }
            for key, line in sorted(comparison.lines.items())
        ],
        "turned": [{**turned._asdict(), "clocks": count} for turned, count in comparison.turned.most_common()],
        "changed": [one._asdict() for one in comparison.changed],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {**msgspec.structs.asdict(tally), "decided": tally.decided, "share": tally.share}


def _bar() -> Progress:
    """On the error stream, so that what is piped is the answer alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[tickets]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _dimensions(text: str) -> list[Dimension]:
    named = [name.strip() for name in text.split(",") if name.strip()]
    found = [dimension for dimension in _DIMENSIONS if dimension in named]
    if set(named) - set(found):
        raise typer.BadParameter(f"must be of {', '.join(_DIMENSIONS)}", param_hint="--by")
    return found
