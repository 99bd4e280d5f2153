"""`acta holds …`: what must not be erased meanwhile."""

import os
from datetime import datetime
from secrets import token_hex
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from deploy import running, wiring
from deploy.options import instant
from deploy.settings import read
from domain.desk.legal_holds import LegalHold, legal_holds, lift, place

holds = typer.Typer(no_args_is_help=True, help="Legal holds: place, list, lift. What one covers is not erased.")
console = Console()


@holds.command(name="place")
def place_hold(
    ground: Annotated[str, typer.Option(help="Why, and who ordered it; stored sealed.")],
    name: Annotated[str, typer.Option(help="What the case is called; stored sealed.")] = "",
    ticket: Annotated[list[str] | None, typer.Option(help="A ticket, by number or UUID.")] = None,
    person: Annotated[list[UUID] | None, typer.Option(help="A person, with all their tickets.")] = None,
    department: Annotated[
        list[str] | None, typer.Option(help="A department, with all tickets that are or were there; '*': all.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="When it ends by itself; else when it is lifted."),
    ] = None,
) -> None:
    """Place a legal hold on tickets, persons and departments; each option may be given several times."""
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        placed, position = place(
            desk,
            running.OPERATOR,
            hold=token_hex(8),
            ground=ground,
            name=name,
            tickets=ticket or (),
            persons=person or (),
            departments=department or (),
            until=until,
        )
    console.print(
        f"The hold {placed.hold} is in force; it is recorded at position {position}.", highlight=False, soft_wrap=True
    )


@holds.command(name="list")
def list_holds(
    all: Annotated[bool, typer.Option("--all", help="Those that were lifted or have ended, too.")] = False,
) -> None:
    """The holds in force, what they cover and on what ground."""
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        for hold in legal_holds(desk).values():
            if all or hold.in_force:
                console.print(_told(hold), highlight=False, markup=False, soft_wrap=True)


@holds.command(name="lift")
def lift_hold(
    hold: Annotated[str, typer.Argument(help="The hold's id, as `acta holds list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why; stored sealed.")],
) -> None:
    """Lift a hold: what it covered may be erased again."""
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        _, position = lift(desk, running.OPERATOR, hold=hold, reason=reason)
    console.print(
        f"The hold {hold} is lifted; that is recorded at position {position}.", highlight=False, soft_wrap=True
    )


def _told(hold: LegalHold) -> str:
    covered = [
        *(f"ticket {one}" for one in hold.tickets),
        *(f"person {one}" for one in hold.persons),
        *("everything" if one == "*" else f"department {one}" for one in hold.departments),
    ]
    end = f", until {hold.until:%Y-%m-%d %H:%M}Z" if hold.until else ""
    end = f", lifted on {hold.lifted_at:%Y-%m-%d %H:%M}Z by {hold.lifted_by}" if hold.lifted_at else end
    name = f"{hold.name}: " if hold.name else ""
    placed = f"placed on {hold.placed_at:%Y-%m-%d %H:%M}Z by {hold.placed_by}{end}"
    return f"{hold.hold}  {', '.join(covered)}  ({placed})\n    {name}{hold.ground}"
