"""`acta explain`: why a ticket's clocks show what they show, asked of the running desk."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

from deploy import running_desk
from domain.clock.policy import Kind

_THEME = Theme(
    {
        "clock.title": "bold",
        "clock.counted": "green",
        "clock.over": "bold red",
        "clock.left_out": "yellow",
        "clock.closed": "dim",
    }
)
console = Console(theme=_THEME)


class _Clock(RegexHighlighter):
    """Colours on a terminal; a pipe gets the same text plain."""

    base_style = "clock."
    highlights = [
        r"^(?P<title>[A-Z].*)$",
        r"(?P<counted> \+[\d:.]+  counted.*)$",
        r"(?P<left_out> - {2}(?:on hold|merged|cancelled|resolved|closed,|answered|the requester).*)$",
        r"(?P<closed>- {2}(?:closed|holiday:.*|special hours.*))$",
        r"(?P<over>^ {2}breached.*|, breached|[\d:.]+ over)",
    ]


def explain(
    ticket: Annotated[str, typer.Argument(help="The ticket's number, with or without #, or its UUID.")],
    at: Annotated[str, typer.Option(help="As of this time (RFC 3339 with a zone); now if left out.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone that times are told in; else each calendar's own.")] = "",
    clock: Annotated[Kind | None, typer.Option(help="Only clocks of this kind.")] = None,
) -> None:
    """Tell a ticket's clocks: each interval that counted or did not, and why, adding up to the figure.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    answer = running_desk.get(f"/tickets/{quote(ticket, safe='')}/clocks", {"at": at, "timezone": zone})
    clocks = [one for one in answer["clocks"] if clock is None or one["explanation"]["kind"] == clock]
    as_of = datetime.fromisoformat(answer["at"])
    console.print(f"#{answer['number']} as of {as_of:%Y-%m-%d %H:%M:%S}Z", highlight=False, soft_wrap=True)
    for one in clocks:
        console.print()
        for line in one["text"].splitlines():
            console.print(_Clock()(line), markup=False, soft_wrap=True)
    if not clocks:
        console.print("There was no such clock then.", highlight=False)
