"""`acta diff`: what became of a ticket between two moments, asked of the running desk."""

from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console

from deploy import running_desk

console = Console()
_MOMENT = "A version, or a time (RFC 3339 with a zone)"


def diff(
    ticket: Annotated[str, typer.Argument(help="The ticket's number, with or without #, or its UUID.")],
    since: Annotated[str, typer.Option("--from", help=f"{_MOMENT}; before the ticket was opened: all of it is new.")],
    until: Annotated[str, typer.Option("--to", help=f"{_MOMENT}; now if left out.")] = "",
    known_at: Annotated[str, typer.Option(help="As it was known then: what was recorded later does not count.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone that times are told in.")] = "UTC",
) -> None:
    """Tell what became of a ticket: fields old and new, what was written, clocks before and after, what happened.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    asked = {"from": since, "to": until, "known_at": known_at, "timezone": zone}
    answer = running_desk.get(f"/tickets/{quote(ticket, safe='')}/difference", asked)
    console.print(answer["text"], highlight=False, markup=False, soft_wrap=True)
