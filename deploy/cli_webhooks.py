"""`acta webhooks …`: departments' own servers, told over HTTP what came of their requests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from deploy import running, wiring
from deploy.options import instant
from deploy.settings import Settings, read
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.webhooks import OLD_FOR, Done, Wanted
from domain.setup.events import Tells
from domain.setup.state import Webhook

webhooks = typer.Typer(
    no_args_is_help=True,
    help="Webhooks: register, list, show, change, replay, deliver. What is done to one is recorded.",
)
console = Console()
Named = Annotated[str, typer.Argument(help="The webhook's id, as `acta webhooks list` shows it.")]
Only = Annotated[
    list[str] | None,
    typer.Option(help="`outcomes` (of requests) or `facts` (of their tickets); both unless one is given."),
]
_TELLS: tuple[Tells, ...] = ("outcomes", "facts")
_HOUR = timedelta(hours=1)


@contextmanager
def _desk() -> Iterator[tuple[Settings, Desk]]:
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        yield found, desk


@webhooks.command()
def run() -> None:
    """Deliver what departments are told to their webhooks; a second process stands by."""
    with _desk() as (found, desk):
        running.until_stopped(lambda stop: wiring.deliver_webhooks(found, desk, stop))


@webhooks.command()
def register(
    department: Annotated[str, typer.Argument(help="Of whose requests it tells.")],
    url: Annotated[str, typer.Argument(help="Where it sends, with https; stored readable.")],
    tells: Only = None,
    description: Annotated[str, typer.Option(help="For people; stored readable.")] = "",
) -> None:
    """Register a webhook of a department. The secret that signs what it sends is shown this once."""
    with _desk() as (found, desk):
        wanted = Wanted(url=url, tells=_tells(tells), description=description)
        done = w.register(desk, running.OPERATOR, department, wanted, plain_hosts=found.webhook_plain_hosts)
    _say(f"The webhook {done.webhook.webhook} is registered at position {done.position}, and is told what comes after.")
    _say_secret(done)


@webhooks.command(name="list")
def list_webhooks(
    department: Annotated[list[str] | None, typer.Option(help="Only of these departments.")] = None,
) -> None:
    """The webhooks, by department: where they send, and whether they do."""
    table = Table(
        Column("webhook", no_wrap=True), "department", "tells", Column("address", overflow="fold"), "state", "for"
    )
    with _desk() as (_, desk):
        for one in sorted(desk.setup().webhooks.values(), key=lambda one: (one.department, one.since)):
            if not department or one.department in department:
                table.add_row(one.webhook, one.department, " ".join(one.tells), one.url, _state(one), one.description)
    console.print(table)


@webhooks.command()
def show(webhook: Named) -> None:
    """How a webhook stands: whether it sends, how far everything is delivered, what waits."""
    with _desk() as (_, desk):
        one = w.webhook_of(desk.setup(), webhook)
        standing = desk.deliveries.standings([webhook]).get(webhook)
        head = desk.store.head()
    _say(f"{one.webhook} of {one.department}: {' and '.join(one.tells)} to {one.url}, {_state(one)}")
    if one.description:
        _say(one.description)
    if one.stuck_at:
        _say(f"It stopped at the message {one.stuck_at}.")
    if standing is None:
        _say("Nothing has been delivered yet: is `acta webhooks run` running?")
        return
    oldest = f", the oldest since {standing.oldest:%Y-%m-%d %H:%M:%S}Z" if standing.oldest else ""
    _say(f"Everything up to position {standing.delivered_through:,} of {head:,} is delivered.")
    _say(f"Messages that wait: {standing.waiting:,}{oldest}; that have failed before: {standing.failing:,}.")
    if standing.full:
        _say("So many wait that it reads no further: everything waits for what fails (`acta webhooks log`).")


@webhooks.command(name="log")
def show_log(
    webhook: Named,
    outcome: Annotated[
        str, typer.Option(help="Only what was `delivered`, `failed`, `exhausted`, `gone` or `erased`.")
    ] = "",
    message: Annotated[str, typer.Option(help="Only of the message with this id.")] = "",
    ticket: Annotated[str, typer.Option(help="Only of this ticket, by number or UUID.")] = "",
    since: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="TIME", help="Only what was sent then or later.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many attempts, the newest.")] = 50,
) -> None:
    """What came of the attempts to deliver, the newest last."""
    with _desk() as (_, desk):
        w.webhook_of(desk.setup(), webhook)
        found = desk.deliveries.log(
            webhook,
            limit=limit,
            outcome=outcome,
            message=message,
            ticket=desk.find(ticket) if ticket else None,
            since=since,
        )
    for one in reversed(found):
        kind = one.type.removeprefix("acta.").removesuffix(".v1")
        answer = one.error or str(one.status or "")
        then = f", again at {one.next_at:%Y-%m-%d %H:%M:%S}Z" if one.next_at else ""
        came = f"{one.outcome} {answer}".strip()
        _say(f"{one.at:%Y-%m-%d %H:%M:%S}Z {kind} {one.message} #{one.attempt}: {came}, {one.took_ms} ms{then}")


@webhooks.command()
def change(
    webhook: Named,
    url: Annotated[str, typer.Option(help="Where it sends.")] = "",
    tells: Only = None,
    description: Annotated[str | None, typer.Option(help="For people; stored readable.")] = None,
) -> None:
    """Change what is given; the rest stays. What waits is tried at a new address at once."""
    with _desk() as (found, desk):
        known = w.webhook_of(desk.setup(), webhook)
        wanted = Wanted(
            url=url or known.url,
            tells=_tells(tells) if tells else known.tells,
            description=known.description if description is None else description,
        )
        w.change(desk, running.OPERATOR, webhook, wanted, plain_hosts=found.webhook_plain_hosts)
    _say(f"The webhook {webhook} sends {' and '.join(wanted.tells)} to {wanted.url}.")


@webhooks.command()
def rotate(
    webhook: Named,
    old_for_hours: Annotated[
        int, typer.Option(min=0, max=168, help="How long former secrets sign as well; 0 if one was found out.")
    ] = int(OLD_FOR / _HOUR),
) -> None:
    """Let another secret sign, which is shown this once."""
    with _desk() as (_, desk):
        done = w.rotate(desk, running.OPERATOR, webhook, old_for=old_for_hours * _HOUR)
    _say(f"What the webhook {webhook} sends is signed with another secret now.")
    _say_secret(done)


@webhooks.command()
def pause(webhook: Named) -> None:
    """Send nothing until it is resumed; nothing is lost meanwhile."""
    with _desk() as (_, desk):
        w.pause(desk, running.OPERATOR, webhook)
    _say(f"The webhook {webhook} is paused; `acta webhooks resume {webhook}` lets it go on.")


@webhooks.command()
def resume(webhook: Named) -> None:
    """Go on where it stopped, whatever it stopped for."""
    with _desk() as (_, desk):
        w.resume(desk, running.OPERATOR, webhook)
    _say(f"The webhook {webhook} goes on where it stopped.")


@webhooks.command()
def replay(
    webhook: Named,
    from_position: Annotated[
        int | None, typer.Option(min=1, help="This position of the log and all later ones.")
    ] = None,
    from_time: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="What was recorded after it: 2030-01-31T09:00:00Z."),
    ] = None,
) -> None:
    """Send again everything from a position or a time on, under the same ids as before."""
    if (from_position is None) == (from_time is None):
        raise typer.BadParameter("give either --from-position or --from-time")
    with _desk() as (_, desk):
        if from_position is not None:
            w.replay(desk, running.OPERATOR, webhook, from_position)
        elif from_time is not None:
            w.replay_since(desk, running.OPERATOR, webhook, from_time)
    _say(f"The webhook {webhook} sends everything from there on again.")


@webhooks.command()
def ping(webhook: Named) -> None:
    """Send a message that means nothing, to see whether it arrives."""
    with _desk() as (_, desk):
        w.ping(desk, running.OPERATOR, webhook)
    _say(f"It is on its way; `acta webhooks log {webhook}` tells what came of it.")


@webhooks.command()
def retire(webhook: Named) -> None:
    """Send nothing any more, nor what still waits."""
    with _desk() as (_, desk):
        w.retire(desk, running.OPERATOR, webhook)
    _say(f"The webhook {webhook} is retired.")


def webhook_places(desk: Desk) -> dict[str, int]:
    """Up to which position each webhook has delivered everything, by what it is called among the followers."""
    known = desk.setup().webhooks
    return {
        f"webhook {name}" + (f", {_state(known[name])}" if known[name].paused else ""): standing.delivered_through
        for name, standing in desk.deliveries.standings(list(known)).items()
    }


def _state(one: Webhook) -> str:
    return f"paused ({one.paused})" if one.paused else "sends"


def _tells(given: list[str] | None) -> tuple[Tells, ...]:
    if set(given or ()) - set(_TELLS):
        raise typer.BadParameter("a webhook tells outcomes, facts, or both")
    return tuple(one for one in _TELLS if not given or one in given)


def _say_secret(done: Done) -> None:
    _say(f"Its secret, shown this once: {done.secret}")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
