"""`acta verify`: is history what was signed?"""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consumers.verify import Differs, Verified, verify
from deploy import wiring
from deploy.settings import Settings, SettingsError, read
from domain.record.note import Checkpoint, NoteRefused, Verifier
from domain.store.recorder import PostgresRecorder
from projections.ledger import KEY, Folder


def verify_record(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that somebody has kept, as `GET /record/checkpoint` gave it; can be repeated."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="The verifier key to trust, as `GET /record/key` gave it once; default: the log's own.")
    ] = "",
) -> None:
    """Compute the transparency log anew from the stored events, and compare everything with what was signed.

    Runs beside a running desk. Ends with 1 and the first event that was changed, removed, inserted or moved.
    """
    settings = read(os.environ)
    with wiring.database(settings) as found, wiring.desk(found) as desk, Folder(found.ledger_path) as log:
        verifier = _verifier(found, key or log.text(KEY))
        kept = [_read(path, verifier) for path in checkpoint or ()]
        try:
            verified = _verified(desk.store, log, verifier, kept)
        except Differs as difference:
            print(f"NOT as signed: {difference}.")
            raise typer.Exit(1) from None
    print(
        f"As signed: {verified.events:,} events, under each of {verified.checkpoints:,} checkpoints by {verifier.vkey}."
        f" {verified.unsigned:,} newer ones are not signed yet."
    )
    if not key or not kept:
        print(
            "Whoever has the log's key could have signed another history anew: --key and --checkpoint, with what was"
            " kept elsewhere, rule that out."
        )


def _verified(store: PostgresRecorder, log: Folder, verifier: Verifier, kept: list[Checkpoint]) -> Verified:
    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("events", total=log.signed_size())
        return verify(store, log, verifier, kept, lambda done, size: bar.update(task, completed=done, total=size))


def _verifier(settings: Settings, vkey: str) -> Verifier:
    if not vkey:
        raise SettingsError(f"ACTA_LEDGER_DIR: there is no log in {settings.ledger_path} yet; `acta ledger` keeps it.")
    try:
        return Verifier.read(vkey)
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--key") from None


def _read(path: Path, verifier: Verifier) -> Checkpoint:
    try:
        return verifier.open(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise typer.BadParameter(f"{path}: {fault.strerror}", param_hint="--checkpoint") from None
    except ValueError as fault:
        raise typer.BadParameter(f"{path}: {fault}", param_hint="--checkpoint") from None
