"""`acta contract`: what others integrate by, as files."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from deploy import wiring
from deploy.settings import SettingsError, read


def contract(
    to: Annotated[Path, typer.Option(help="The folder; made if there is none, what has the same name is replaced.")],
) -> None:
    """Write the contract of this version: asyncapi.json, openapi.json, and schemas/ with a JSON Schema of each message.

    The topics are called as the settings say, the doors those of ACTA_DOORS or of any department. Needs no database.
    """
    files = wiring.contract(read(os.environ))
    try:
        for name, said in files.items():
            file = to / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")
    except OSError as fault:
        raise SettingsError(f"--to: {to} cannot be written: {fault.strerror}.") from None
    typer.echo(f"asyncapi.json, openapi.json and {len(files) - 2} schemas are in {to}.")
