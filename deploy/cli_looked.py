"""`acta looked`: who was shown a ticket, and who was refused it, asked of the running desk."""

import csv
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy import running_desk

console = Console()


def looked(
    ticket: Annotated[str, typer.Argument(help="The ticket's number, with or without #, or its UUID.")] = "",
    actor: Annotated[str, typer.Option(help="Only what this person or service looked at, by handle.")] = "",
    break_glass: Annotated[bool, typer.Option("--break-glass", help="Only what was seen for a reason given.")] = False,
    since: Annotated[str, typer.Option("--from", help="At or after this time (RFC 3339 with a zone).")] = "",
    until: Annotated[str, typer.Option("--to", help="Before this time.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Everything that is known of each look, as CSV.")] = False,
) -> None:
    """Tell who looked: at a ticket, or at whatever somebody was shown; oldest first, times in UTC.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it. That you asked is
    recorded as well.
    """
    asked = {"ticket": ticket, "actor": actor, "from": since, "to": until, "break_glass": "true" if break_glass else ""}
    if as_csv:
        rows = csv.DictWriter(sys.stdout, _FIELDS, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(map(_row, _looks(asked)))
        return
    table = Table("at", "who", "asked for", "with the right", "tickets", "from")
    for look in _looks(asked):
        table.add_row(*_cells(look))
    console.print(table)


def _looks(asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        page = running_desk.get("/record/access", {**asked, "limit": "1000", "cursor": str(cursor)})
        yield from page["looks"]
        cursor = page["next"]


_FIELDS = (
    *("position", "at", "kind", "actor", "on_behalf_of", "allowed", "break_glass", "reason"),
    *("operation", "question", "permission", "departments", "named", "tickets", "persons"),
    *("code", "times", "origin", "key"),
)


def _row(look: dict[str, Any]) -> dict[str, Any]:
    named = " ".join(str(ticket["number"] or ticket["ticket"]) for ticket in look["named"])
    actor = {"kind": look["actor"]["kind"], "actor": look["actor"]["id"]}
    return {**look, **actor, "departments": " ".join(look["departments"]), "named": named}


def _cells(look: dict[str, Any]) -> tuple[str, ...]:
    actor, tickets = look["actor"], look["named"]
    often = "" if look["times"] == 1 else f" {look['times']} times"
    what = look["operation"] if look["allowed"] else f"refused{often}: {look['code']}"
    right = f"{look['permission']}: {look['reason']}" if look["break_glass"] else look["permission"]
    named = f"#{tickets[0]['number']}" if len(tickets) == 1 else str(look["tickets"] or "")
    at = datetime.fromisoformat(look["at"])
    return f"{at:%Y-%m-%d %H:%M:%S}", f"{actor['kind']} {actor['id']}", what, right, named, look["origin"]
