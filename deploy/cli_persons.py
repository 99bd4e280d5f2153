"""`acta persons …`: find somebody by their address, and write down what is held of them."""

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
    files: Annotated[
        bool, typer.Option("--files", help="An archive of JSON, page and all files, instead; with --out.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Internal notes, too, and who looked; no person sees these.")
    ] = False,
    timezone: Annotated[str, typer.Option(help="IANA zone in which the page tells times.")] = "UTC",
) -> None:
    """Write down all that is held of a person, to be handed to them: contacts, requests, processing, who looked.

    With --files also the files that were put to their requests, called by the request's number and version.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    asked = {
        "format": "zip" if files else "html" if html else "json",
        "full": "true" if full else "",
        "timezone": timezone,
    }
    if out is not None:
        running_desk.save(f"/persons/{person}/export", asked, out)
    elif files:
        raise typer.BadParameter("name the file to write the archive to", param_hint="--out")
    else:
        sys.stdout.buffer.write(running_desk.fetch(f"/persons/{person}/export", asked))
