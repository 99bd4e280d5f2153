"""`acta proof`: evidence to hand out, fetched from the running desk."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import running_desk


def proof(
    position: Annotated[
        int, typer.Argument(min=1, help="The event's position in the log, as `GET …/events` shows it.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; else it goes to standard output.")] = None,
) -> None:
    """Fetch the proof that one event is in the transparency log, as a .tlog-proof file for anybody's verifier.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    _put(out, running_desk.fetch(f"/record/proofs/{position}"))


def _put(out: Path | None, content: bytes) -> None:
    """Write to a file, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(content)
        return
    try:
        out.write_bytes(content)
    except OSError as fault:
        raise typer.BadParameter(f"{out}: {fault.strerror}", param_hint="--out") from None
