"""`acta asof`: lists, clocks and reports as they were known at a past moment."""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from deploy import asof as replay
from deploy import running_desk, wiring
from deploy.options import moment_of, zone_of
from deploy.settings import read

console = Console(stderr=True)


def asof(
    addresses: Annotated[
        list[str], typer.Argument(help="What to ask, as over HTTP: '/queues', '/sla/clocks?status=breached' …")
    ],
    known_at: Annotated[
        str, typer.Option(help="The moment (RFC 3339 with a zone); what was recorded later is left out.")
    ],
    accept: Annotated[str, typer.Option(help="Of reports: text/csv or another kind of file.")] = "application/json",
) -> None:
    """Answer lists, counts, clocks and reports as they would have been answered at a past moment.

    Views tell by when things happened (`at`); this tells by what the desk knew: an act that was recorded late, with an
    earlier time, does not count before it was recorded. The events recorded by then are replayed into views of their
    own, in a PostgreSQL that ends with the command; the running desk goes on. Some 10,000 events take a second or two
    for each view that is asked. What may be seen is what the key in run.json of ACTA_HOME may see today; that it was
    asked is recorded. Of a single ticket ask the desk: GET /tickets/…?known_at=…
    """
    moment = moment_of(known_at, "--known-at", zone_of("UTC"))
    settings, key = read(os.environ), running_desk.key()
    for address in addresses:
        replay.view_of(address)
    with wiring.database(settings) as found, console.status("") as status:

        def tell(view: str, position: int, until: int) -> None:
            status.update(f"{view}: position {position:,} of {until:,}")

        answers = replay.asked(found, moment, addresses, key, accept, tell)
    for answer in answers:
        sys.stdout.buffer.write(answer.content)
        if accept == "application/json":
            sys.stdout.buffer.write(b"\n")
    sys.stdout.flush()
    if any(answer.status >= 400 for answer in answers):
        raise typer.Exit(1)
