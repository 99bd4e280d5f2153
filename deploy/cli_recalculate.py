"""`acta recalculate`: new versions of policies and calendars for open tickets, shown first, applied when asked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deploy import running_desk
from deploy.running_desk import DeskRefused
from deploy.settings import SettingsError
from domain.moments import zone_named

console = Console()


def recalculate(
    policy: Annotated[str, typer.Option(help="Only tickets with a clock under this policy.")] = "",
    department: Annotated[str, typer.Option(help="Only tickets of this department.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone that times are told in.")] = "UTC",
    apply: Annotated[bool, typer.Option("--apply", help="Apply it; without this it is only shown.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with every ticket. Needed with --apply.")] = "",
) -> None:
    """Apply the newest versions of policies and calendars to open tickets: old due, new due, newly breached.

    Shows what would change and changes nothing, unless told to --apply. Finished clocks are never touched. Asks the
    desk whose address and key stand in run.json of ACTA_HOME.
    """
    if apply and not reason:
        raise SettingsError("--apply needs --reason: every ticket records why its deadlines changed.")
    try:
        local = zone_named(zone)
    except ValueError:
        raise SettingsError(f"--zone: {zone!r} is not the name of a time zone.") from None
    tickets = list(_pages(policy, department))
    console.print(_table(tickets, local) if tickets else "No clock that goes on would change.")
    breached = sum(clock["breached"] for ticket in tickets for clock in ticket["clocks"])
    console.print(f"{len(tickets)} tickets would change, {breached} clocks would be breached by it.", highlight=False)
    if apply and tickets:
        _apply(tickets, reason)


def _pages(policy: str, department: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        asked = {"policy": policy, "department": department, "cursor": cursor}
        page = running_desk.get("/sla/recalculation", asked)
        yield from page["tickets"]
        cursor = page["next"] or ""
        if not cursor:
            return


def _table(tickets: list[dict[str, Any]], zone: ZoneInfo) -> Table:
    table = Table("ticket", "clock", "under", "old due", "new due", "breached")
    for ticket in tickets:
        versions = f"{ticket['policy']} v{ticket['policy_version']}, {ticket['calendar']} v{ticket['calendar_version']}"
        for clock in ticket["clocks"]:
            name = f"{clock['clock']} {clock['instance']}"
            dues = (_due(clock[which], zone) for which in ("old_due_at", "new_due_at"))
            table.add_row(f"#{ticket['number']}", name, versions, *dues, "yes" if clock["breached"] else "")
    return table


def _due(text: str | None, zone: ZoneInfo) -> str:
    return "not due" if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def _apply(tickets: list[dict[str, Any]], reason: str) -> None:
    refused = []
    for ticket in track(tickets, description="recalculate", console=console):
        try:
            running_desk.ask("POST", f"/tickets/{ticket['ticket']}/recalculate", body={"reason": reason})
        except DeskRefused as why:
            refused.append(f"#{ticket['number']}: {why}")
    console.print(f"{len(tickets) - len(refused)} tickets were recalculated.", highlight=False)
    for line in refused:
        console.print(f"Left as it was: {line}", highlight=False, markup=False)
    if refused:
        raise typer.Exit(1)
