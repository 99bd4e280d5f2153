"""`acta persons …`: find somebody by their address, and write down what is held of them."""

import os
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from deploy import running_desk

persons = typer.Typer(no_args_is_help=True, help="Persons: find one by address, export what is held of them.")


@persons.command()
def find(email: Annotated[str, typer.Argument(help="The whole address.")]) -> None:
    """Print the pseudonym under which the desk knows the person of an e-mail address; that is recorded.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    found = running_desk.get("/persons", {"email": email})["persons"]
    if not found:
        print("The desk knows nobody by this address.", file=sys.stderr)
        raise typer.Exit(1)
    for person in found:
        print(person["person"])


@persons.command()
def export(
    person: Annotated[UUID, typer.Argument(help="The person, as `acta persons find` prints them.")],
    out: Annotated[Path | None, typer.Option(help="File to write; else it goes to standard output.")] = None,
    html: Annotated[bool, typer.Option("--html", help="A page to read and print, instead of JSON.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Internal notes, too, and who looked; no person sees these.")
    ] = False,
    timezone: Annotated[str, typer.Option(help="IANA zone in which the page tells times.")] = "UTC",
) -> None:
    """Write down all that is held of a person, to be handed to them: contacts, requests, processing, who looked.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    asked = {"format": "html" if html else "json", "full": "true" if full else "", "timezone": timezone}
    content = running_desk.fetch(f"/persons/{person}/export", asked)
    if out is None:
        sys.stdout.buffer.write(content)
        return
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
    except OSError as fault:
        raise typer.BadParameter(f"{out}: {fault.strerror}", param_hint="--out") from None
