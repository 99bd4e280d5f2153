"""`acta erase`: what forgetting a person would touch, shown first; then the order, until nothing is left."""

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from consumers.erasing import erase_now
from deploy import running, wiring
from deploy.settings import SettingsError, read
from domain.desk import Desk
from domain.desk.forgetting import erase as order
from domain.desk.forgetting import erased_through, files_touched, holds_against, person_named, touched
from domain.store.recorder import Touched

console = Console()
_SHOWN = 20


def erase(
    person: Annotated[str, typer.Argument(help="Who: a UUID, an e-mail address, or a handle such as agent:alice.")],
    ground: Annotated[str, typer.Option(help="Why, without a name in it; it is kept for ever.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be touched; order nothing.")] = False,
) -> None:
    """Forget a person: their key is destroyed, and with it who they are, what they wrote, and what their tickets say.

    Shows what is touched, orders it, and ends when nothing of it is left in keys, views and files. It cannot be undone.
    """
    if not ground and not dry_run:
        raise SettingsError("--ground says why; it is kept for ever. --dry-run only shows what would be touched.")
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        found_person = person_named(person, desk.keys)
        streams = touched(desk, found_person)
        console.print(_table(streams))
        events = sum(one.events for one in streams)
        files = files_touched(desk, found_person)
        console.print(
            f"{events} events in {len(streams)} streams are sealed for {found_person}, {files} of them with a file.",
            highlight=False,
        )
        for hold in holds_against(desk, found_person, streams, desk.setup()):
            console.print(f"The legal hold {hold.hold} forbids to erase them; `acta holds list` shows it.")
        if dry_run:
            return
        position = order(desk, found_person, ground, running.OPERATOR)
        with console.status("waiting for another process") as status:
            eraser = wiring.eraser(found, desk, status.update)
            erase_now(wiring.url(found.database_url, "ACTA_DATABASE_URL"), eraser)
        _say(desk, position, files)


def _table(touched: list[Touched]) -> Table:
    table = Table("what", "events")
    for one in touched[:_SHOWN]:
        table.add_row(f"ticket #{one.number}" if one.number else f"stream {one.stream}", str(one.events))
    if len(touched) > _SHOWN:
        table.add_row(f"… and {len(touched) - _SHOWN} more", "")
    return table


def _say(desk: Desk, position: int, files: int) -> None:
    console.print(
        f"Erased: ordered at position {position}, everything up to {erased_through(desk)} is carried out, files"
        f" removed: {files}."
        " Old backups and archives of the write-ahead log still hold the key: let them run out.",
        highlight=False,
    )
