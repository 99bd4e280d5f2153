"""`acta verify`: is history what was signed?"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consumers.record.verify import Differs, verify
from consumers.record.verify_files import Files, verify_files
from consumers.record.verify_stream import must_be_number, verify_stream
from deploy import wiring
from deploy.settings import Settings, SettingsError, read
from domain.desk import Desk
from domain.desk.writer import number_of
from domain.errors import TicketNotFound, Unreachable
from domain.record.cosignature import Cosignature, Witness
from domain.record.note import Checkpoint, NoteRefused, Verifier
from domain.store.places import Place
from domain.store.recorder import PostgresRecorder
from projections.ledger import KEY, Cosignatures, Folder, size_of


def verify_record(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that somebody has kept, as `GET /record/checkpoint` gave it; can be repeated."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="The verifier key to trust, as `GET /record/key` gave it once; default: the log's own.")
    ] = "",
    ticket: Annotated[
        str, typer.Option(help="Only this ticket's events: number, with or without #, or UUID. Much quicker.")
    ] = "",
    witness: Annotated[
        list[str] | None,
        typer.Option(
            help="Verifier key of a witness who must have cosigned: one of the checkpoints given, or one that the desk"
            " has; can be repeated."
        ),
    ] = None,
    attachments: Annotated[
        bool,
        typer.Option(
            "--attachments",
            help="Read every file that was attached and compare its digest; else it is asked whether they are there.",
        ),
    ] = False,
) -> None:
    """Compute the transparency log anew from the stored events, and compare everything with what was signed.

    Runs beside a running desk. Ends with 1 and the first event that was changed, removed, inserted or moved, or with
    the files that are not whole where they lie. With --ticket only that ticket's events are compared with their
    entries, and those proved to be under the newest checkpoint; whether the rest of the log still fits is not asked
    then.
    """
    settings = read(os.environ)
    with wiring.database(settings) as found, wiring.desk(found) as desk, Folder(found.ledger_path) as log:
        verifier = _verifier(found, key or log.text(KEY))
        notes = [_read(path, verifier) for path in checkpoint or ()]
        kept = [verifier.open(note) for note in notes]
        try:
            cosigned = [_cosigned(found, log, verifier, notes, vkey) for vkey in witness or ()]
            if ticket:
                said = _ticket(desk, log, verifier, ticket, [*kept, *(one for one, _ in cosigned)])
            else:
                said = _everything(desk.store, log, verifier, kept)
        except Differs as difference:
            print(f"NOT as signed: {difference}.")
            raise typer.Exit(1) from None
        print(said)
        whole = _files(desk, wiring.attachments(found), desk.find(ticket) if ticket else None, read_all=attachments)
    for _, line in cosigned:
        print(line)
    if not (key and (kept or cosigned)):
        print(
            "Whoever has the log's key could have signed another history anew: --key, with --checkpoint or --witness,"
            " rules that out by what was kept or cosigned elsewhere."
        )
    if not whole:
        raise typer.Exit(1)


def _files(desk: Desk, place: Place, ticket: UUID | None, *, read_all: bool) -> bool:
    """Say how the files stand; whether all of them are whole."""
    found, damaged = Files(), 0
    columns = (TextColumn("files up to position"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("files", total=desk.store.head())
            looking = verify_files(
                desk,
                place,
                found,
                ticket=ticket,
                read=read_all,
                tell=lambda position: bar.update(task, completed=position),
            )
            for one in looking:
                damaged += 1
                print(
                    f"NOT whole: the file {one.attachment} of ticket {one.ticket}, put to it at position"
                    f" {one.position}: {one.what}."
                )
    except Unreachable as fault:
        print(f"Whether the files are whole cannot be said: {fault}.")
        return False
    how = "read and as they were" if read_all else "there"
    erased = f"; {found.erased:,} are erased" if found.erased else ""
    print(f"Files: {found.whole:,} are {how} ({found.stored:,} bytes sealed){erased}; {damaged:,} are not whole.")
    return not damaged


def _ticket(desk: Desk, log: Folder, verifier: Verifier, ticket: str, kept: list[Checkpoint]) -> str:
    try:
        stream = desk.find(ticket)
    except TicketNotFound:
        raise SettingsError(
            f"The store finds no ticket {ticket!r}. If there was one, name it by its UUID: the log knows no numbers."
        ) from None
    if (number := number_of(ticket)) is not None:
        must_be_number(desk.store, stream, number)
    verified = verify_stream(desk.store, log, verifier, stream, kept)
    return (
        f"As signed: {verified.events:,} events of ticket {ticket}, under the checkpoint of {verified.size:,}"
        f" entries by {verifier.vkey}. {verified.unsigned:,} newer ones are not signed yet."
    )


def _everything(store: PostgresRecorder, log: Folder, verifier: Verifier, kept: list[Checkpoint]) -> str:
    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("events", total=log.signed_size())
        verified = verify(store, log, verifier, kept, lambda done, size: bar.update(task, completed=done, total=size))
    return (
        f"As signed: {verified.events:,} events, under each of {verified.checkpoints:,} checkpoints by {verifier.vkey}."
        f" {verified.unsigned:,} newer ones are not signed yet."
    )


def _verifier(settings: Settings, vkey: str) -> Verifier:
    if not vkey:
        raise SettingsError(f"ACTA_LEDGER_DIR: there is no log in {settings.ledger_path} yet; `acta ledger` keeps it.")
    try:
        return Verifier.read(vkey)
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--key") from None


def _cosigned(
    settings: Settings, log: Folder, verifier: Verifier, notes: list[str], vkey: str
) -> tuple[Checkpoint, str]:
    """What a witness has cosigned last, and a line about it; raises ``Differs`` if that is nothing."""
    try:
        witness = Witness.read(vkey)
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--witness") from None
    if not notes:
        kept = Cosignatures(settings.cosignatures_path, [witness])
        note = log.note_from(kept.newest(witness))
        notes = [note + kept.lines(size_of(note))]
    found: list[tuple[Checkpoint, Cosignature]] = []
    for note in notes:
        with suppress(NoteRefused):
            found.append((verifier.open(note), witness.of(note)))
    if not found:
        raise Differs(f"no checkpoint here is cosigned by {vkey}")
    newest, given = max(found, key=lambda one: one[0].size)
    return newest, f"Cosigned by {witness.name}: the first {newest.size:,} events, at {given.at:%Y-%m-%d %H:%M:%S} UTC."


def _read(path: Path, verifier: Verifier) -> str:
    """A note that somebody has kept."""
    try:
        note = path.read_text(encoding="utf-8")
        verifier.open(note)
    except OSError as fault:
        raise typer.BadParameter(f"{path}: {fault.strerror}", param_hint="--checkpoint") from None
    except ValueError as fault:
        raise typer.BadParameter(f"{path}: {fault}", param_hint="--checkpoint") from None
    return note
