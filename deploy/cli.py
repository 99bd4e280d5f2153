"""The command line: `acta …`."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import psycopg
import typer
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from api.problems import said_of
from consumers.clearing import clearing
from consumers.clock import clock as keep_time
from consumers.erasing import erasing
from consumers.follow import rebuild as build_anew
from consumers.lag import lag
from consumers.loop import Halted, NotYet
from consumers.project import connect
from consumers.project import project as keep_projecting
from deploy import over_kafka, running, wiring
from deploy.broker import EmbeddedKafka, NoBroker
from deploy.child import WillNotStart
from deploy.cli_asof import asof
from deploy.cli_contract import contract
from deploy.cli_diff import diff
from deploy.cli_doors import intake, outcomes
from deploy.cli_erase import erase
from deploy.cli_evidence import bundle, proof, verify_bundle
from deploy.cli_explain import explain
from deploy.cli_export import exporting
from deploy.cli_grants import grants
from deploy.cli_holds import holds
from deploy.cli_import import importing
from deploy.cli_letters import letters
from deploy.cli_looked import looked
from deploy.cli_persons import persons
from deploy.cli_recalculate import recalculate
from deploy.cli_retention import retention
from deploy.cli_rotate import rotate
from deploy.cli_setup import configure, keys
from deploy.cli_verify import verify_record
from deploy.cli_webhooks import webhook_places, webhooks
from deploy.cli_whatif import whatif
from deploy.cli_witness import witness_log
from deploy.keeping import Work, announce_log, how_far, keep_log, together
from deploy.settings import Settings, SettingsError, read
from deploy.unreachable import said_of_database, said_of_kafka
from domain.desk import Desk
from domain.errors import NotReadyYet, Refused, Unreadable
from projections.engine import Stopped, View, skip
from projections.ledger import Folder
from projections.views import ALL

main_help = (
    "A service desk whose database is its audit trail. Settings are environment variables ACTA_…; see the README."
)
cli = typer.Typer(no_args_is_help=True, add_completion=False, help=main_help, pretty_exceptions_enable=False)
keys.command()(rotate)
cli.add_typer(keys, name="keys")
cli.add_typer(holds, name="holds")
cli.add_typer(letters, name="dead-letters")
cli.add_typer(webhooks, name="webhooks")
cli.add_typer(persons, name="persons")
cli.add_typer(importing, name="import")
cli.add_typer(exporting, name="export")
cli.command()(intake)
cli.command()(outcomes)
cli.command()(grants)
cli.command()(contract)
cli.command()(configure)
cli.command()(explain)
cli.command()(diff)
cli.command()(asof)
cli.command()(looked)
cli.command()(erase)
cli.command()(retention)
cli.command()(whatif)
cli.command()(recalculate)
cli.command(name="verify")(verify_record)
cli.command()(proof)
cli.command(name="witness")(witness_log)
cli.command()(bundle)
cli.command()(verify_bundle)
console = Console()


def settings() -> Settings:
    """This process's settings."""
    return read(os.environ)


@contextmanager
def opened() -> Iterator[tuple[Settings, Desk]]:
    """The desk of the settings, or the embedded one of ACTA_HOME."""
    with wiring.database(settings()) as found, wiring.desk(found) as desk:
        yield found, desk


@cli.command()
def run() -> None:
    """Run a whole desk here: its own PostgreSQL, everything in one process, state kept in ACTA_HOME.

    With ACTA_KAFKA it makes the topics and sends every event there; with ACTA_DOORS it takes in what departments'
    software asks for, and tells it what was decided. `acta broker` runs a Kafka for that.
    """

    def tell(url: str, key: str) -> None:
        console.print(
            f"\n  Acta is at [bold]{url}[/bold]\n  Sign in with the key  {key}", highlight=False, soft_wrap=True
        )
        console.print(
            f"  Both stand in {settings().home / 'run.json'}. Stop with Ctrl-C.\n", highlight=False, soft_wrap=True
        )

    running.run_everything(settings(), tell)


@cli.command()
def broker(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Where clients reach it, from this machine only.")
    ] = 9092,
) -> None:
    """Run an Apache Kafka broker here, to try things out: one node, no passwords, its topics kept in ACTA_HOME/kafka.

    It comes from Maven Central at the first start, which takes Maven, and runs with Java 17 or later.
    """
    with EmbeddedKafka(settings().home / "kafka", port) as kafka:
        console.print(f"\n  Kafka is at {kafka.bootstrap}. Stop with Ctrl-C.\n", highlight=False)
        running.until_stopped(lambda stop: kafka.wait(stop))


@cli.command()
def up() -> None:
    """Prepare database and topic: roles, schema, grants. Once before the workers start; can be repeated."""
    with wiring.database(settings()) as found:
        wiring.bring_up(found)
        if found.erasures_path.exists():
            with wiring.desk(found) as desk:
                wiring.forget(found, desk)
    console.print("The database is ready." + (" The topic is ready." if settings().kafka else ""))


@cli.command()
def serve() -> None:
    """Serve the HTTP API."""

    def ready(url: str) -> None:
        console.print(f"Acta's API is at {url}", highlight=False, soft_wrap=True)

    if settings().workers > 1:
        running.serve_with_workers(settings(), ready)
        return
    with wiring.database(settings()) as found, wiring.app(found) as application:
        running.serve(found, application, ready)


@cli.command()
def relay() -> None:
    """Relay events from the store to Kafka, in order; a second relay stands by."""
    with opened() as (found, desk):
        running.until_stopped(over_kafka.relaying(found, desk))


@cli.command()
def project(
    names: Annotated[list[str] | None, typer.Argument(help="Views; all of them if none is named.")] = None,
) -> None:
    """Keep views up to date from Kafka; several processes share the partitions."""
    views = _views(names)
    with opened() as (found, desk):
        running.until_stopped(
            lambda stop: keep_projecting(
                desk, wiring.projector_url(found), views, wiring.kafka(found), found.topic, stop
            )
        )


@cli.command()
def clock() -> None:
    """Record what time alone makes due: warnings, breaches, chain steps, ends of holds, reminders, closings.

    A second clock stands by.
    """
    with opened() as (found, desk):
        running.until_stopped(lambda stop: keep_time(desk, wiring.projector_url(found), stop))


@cli.command()
def ledger() -> None:
    """Keep the transparency log: every event into the tree, a signed checkpoint over it. A second ledger stands by.

    With ACTA_KAFKA it tells each checkpoint to ACTA_CHECKPOINT_TOPIC; with ACTA_LEDGER_MIRROR it mirrors the log.
    """
    with opened() as (found, desk):
        works = [*keep_log(found, desk), *announce_log(found)]
        running.until_stopped(lambda stop: together(works, stop))


@cli.command(name="eraser")
def keep_erasing() -> None:
    """Carry out what is ordered to be erased: keys destroyed, views built anew. A second eraser stands by.

    Removes uploads that nobody has attached in time as well.
    """
    with opened() as (found, desk):
        wiring.forget(found, desk)
        lease = wiring.url(found.database_url, "ACTA_DATABASE_URL")
        place = wiring.attachments(found)

        works: list[Work] = [
            lambda stop: erasing(lease, lambda: wiring.eraser(found, desk), stop),
            lambda stop: clearing(desk.uploads, place, desk.now, stop),
        ]
        running.until_stopped(lambda stop: together(works, stop))


@cli.command()
def rebuild(name: Annotated[str, typer.Argument(help="The view.")]) -> None:
    """Build a view anew from the store while the old one serves, then switch."""
    (view,) = _views([name])
    with opened() as (found, desk), console.status("") as status:
        head = desk.store.head()
        edition = build_anew(
            desk,
            wiring.projector_url(found),
            view,
            partitions=found.partitions if found.kafka else 0,
            progress=lambda position: status.update(f"{view.name}: position {position:,} of {head:,}"),
        )
    console.print(f"{view.name} is served from {edition.name} now.")


@cli.command()
def status() -> None:
    """How far every follower of the store is behind it: relay, outcomes, webhooks, ledger, witnesses, mirror, views.

    Shows the event at which a view stopped, if one did, when the transparency log was signed last, how many orders to
    erase wait, and for each department's door from which offset on requests wait for intake.
    """
    with opened() as (found, desk), connect(wiring.projector_url(found)) as connection:
        client = wiring.kafka(found) if found.kafka else None
        elsewhere = how_far(found) | webhook_places(desk)
        table = Table("follower", "partition", "position", "events behind", "seconds behind", "stopped at")
        for one in lag(desk.store, connection, ALL, client, found.topic, elsewhere, wiring.doors(found)):
            partition = "" if one.partition is None else str(one.partition)
            stopped_at = "" if one.stopped_at is None else f"{one.stopped_at:,}"
            table.add_row(
                one.follower, partition, f"{one.position:,}", f"{one.events:,}", f"{one.seconds:.1f}", stopped_at
            )
        console.print(f"The store is at position {desk.store.head():,}.")
        if signed_at := Folder(found.ledger_path).signed_at():
            console.print(f"The transparency log was signed last at {signed_at:%Y-%m-%d %H:%M:%S} UTC.")
        if orders := wiring.eraser(found, desk).waiting():
            console.print(
                f"{len(orders):,} to erase, ordered since {orders[0].recorded_at:%Y-%m-%d %H:%M:%S} UTC: `acta eraser`"
                " carries it out.",
                highlight=False,
                soft_wrap=True,
            )
        console.print(table)


@cli.command(name="skip")
def skip_event(
    name: Annotated[str, typer.Argument(help="The view that stopped.")],
    position: Annotated[int, typer.Argument(help="The position it stopped at.")],
    reason: Annotated[str, typer.Option(help="Why it may be left out; kept for ever.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
) -> None:
    """Let a view that stopped at an event go on without it. The event itself stays."""
    (view,) = _views([name])
    with opened() as (found, _), connect(wiring.projector_url(found)) as connection:
        skip(connection, view, position, by, reason)
    console.print(f"{view.name} goes on without position {position}.")


def _views(names: list[str] | None) -> list[View]:
    known = {view.name: view for view in ALL}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"there is no view {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names] if names else list(ALL)


def collect_seldom() -> None:
    """Set this process to look for garbage in cycles less often; hardly any arises."""
    # Most of what lives here lives long; looking through it every 700 objects costs a tenth of the time.
    gc.set_threshold(100_000, 50, 100)


def main() -> None:
    """Run the command line; what goes wrong is said in a line, without a traceback."""
    collect_seldom()
    try:
        cli()
    except Refused as refused:
        sys.exit(f"acta: {said_of(refused)}")
    except (SettingsError, Halted, Stopped, NotYet, NotReadyYet, Unreadable, NoBroker, WillNotStart) as fault:
        sys.exit(f"acta: {fault}")
    except KafkaError as fault:
        sys.exit(f"acta: {said_of_kafka(fault)}")
    except psycopg.Error as fault:
        sys.exit(f"acta: {said_of_database(fault)}")
