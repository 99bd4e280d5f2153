"""`acta configure` and `acta keys …`: the configuration from a file, and who may sign in."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from deploy import running, wiring
from deploy.desk_file import DeskFileError, located, read_desk_file
from deploy.settings import read
from domain.access import api_keys, pins
from domain.desk.configuring import plan
from domain.errors import KeyNotFound, SetupConflict
from domain.setup.events import EVERYWHERE, ApiKeyRevoked, PinCodeIssued, Role, SetupEvent
from domain.setup.state import Setup

keys = typer.Typer(
    no_args_is_help=True,
    help="API keys: issue, list, revoke. Signing PINs: issue a code. The key-encryption key: rotate.",
)
console = Console()
_ENVELOPE = {"stream", "version", "position", "recorded_at", "occurred_at", "effective_at", "act", "seal", "withheld"}


def configure(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What the desk should be (YAML).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference; record nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Retire what the file does not mention.")] = False,
) -> None:
    """Bring the desk's configuration to what a file says; each difference is recorded as an event."""
    try:
        document = read_desk_file(file)
    except DeskFileError as fault:
        raise typer.Exit(complain(file, str(fault))) from None
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        planned = plan(document, desk.contacts(), prune=prune)
        try:
            events = planned(desk.setup())
            for event in events:
                console.print(described(event), highlight=False, markup=False)
            if dry_run or not events:
                console.print(f"{len(events)} differences; nothing was recorded.")
                return
            position = desk.configure(planned, running.OPERATOR)
        except SetupConflict as conflict:
            raise typer.Exit(complain(file, located(file, conflict))) from None
    console.print(f"{len(events)} differences recorded, up to position {position}.")


def complain(file: Path, text: str) -> int:
    """Say what is wrong with a file, line by line; the exit code that goes with it."""
    for line in text.splitlines():
        console.print(f"{file}: {line}", style="red", highlight=False, markup=False)
    return 1


def described(event: SetupEvent) -> str:
    """One difference as a line."""
    said = {name: value for name, value in msgspec.structs.asdict(event).items() if name not in _ENVELOPE and value}
    fact = event.TYPE.removeprefix("setup.").removesuffix(".v1")
    return f"{fact}: " + ", ".join(f"{name} {msgspec.json.encode(value).decode()}" for name, value in said.items())


@keys.command()
def issue(
    holder: Annotated[str, typer.Argument(help="Who signs in with it: an agent's handle, a service's name …")],
    role: Annotated[Role, typer.Option(help="What they may do; `service` is for a department's software.")],
    department: Annotated[list[str] | None, typer.Option(help="Where the role counts; everywhere if left out.")] = None,
) -> None:
    """Issue a key and grant its holder a role. The key is shown once."""
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        print(running.issue_key(desk, holder, role, tuple(department or (EVERYWHERE,))))


@keys.command(name="list")
def list_keys() -> None:
    """The keys that are good, and their holders."""
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        setup = desk.setup()
        for key in setup.keys.values():
            roles = ", ".join(
                f"{grant.role} in {'/'.join(grant.departments)}" for grant in setup.grants.get(key.holder, ())
            )
            expires = f", until {key.expires_at:%Y-%m-%d %H:%M}Z" if key.expires_at else ""
            console.print(f"{key.key}  {key.holder} ({roles}){expires}", highlight=False)


@keys.command()
def pin(
    holder: Annotated[str, typer.Argument(help="Who is to sign with an API key of theirs, by handle.")],
) -> None:
    """Issue a code with which a holder sets a signing PIN, once, within a day: PUT /me/pin. The code is shown once.

    It opens a PIN that is locked as well, since the new one takes its place.
    """
    code = pins.new_code()

    def issued(setup: Setup) -> list[SetupEvent]:
        return [PinCodeIssued(holder=holder, digest=api_keys.digest(code), expires_at=desk.now() + pins.CODE_LASTS)]

    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        desk.configure(issued, running.OPERATOR)
    print(code)


@keys.command()
def revoke(key: Annotated[str, typer.Argument(help="The key's id, as `acta keys list` shows it.")]) -> None:
    """Make a key open nothing any more."""

    def revoked(setup: Setup) -> list[SetupEvent]:
        if key not in setup.keys:
            raise KeyNotFound(key=key)
        return [ApiKeyRevoked(key=key)]

    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        desk.configure(revoked, running.OPERATOR)
    console.print(f"{key} is revoked.")
