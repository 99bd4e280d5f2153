"""`acta proof` and `acta bundle` fetch evidence to hand out from the running desk; `acta verify-bundle` checks it."""

import sys
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from api.evidence.archive import BundleRefused
from api.evidence.checking import Checked, check
from api.evidence.limits import PROVED, trusted
from deploy import running_desk
from domain.record.cosignature import Witness
from domain.record.note import NoteRefused


def proof(
    position: Annotated[
        int, typer.Argument(min=1, help="The event's position in the log, as `GET …/events` shows it.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; else it goes to standard output.")] = None,
) -> None:
    """Fetch the proof that one event is in the transparency log, as a .tlog-proof file for anybody's verifier.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it.
    """
    content = running_desk.fetch(f"/record/proofs/{position}")
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        _write(out, content, "--out")


def bundle(
    ticket: Annotated[str, typer.Argument(help="The ticket's number, with or without #, or its UUID.")],
    out: Annotated[Path, typer.Option(help="File to write, such as 3847.zip.")],
    zone: Annotated[str, typer.Option(help="IANA zone in which the document tells times.")] = "UTC",
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="An older checkpoint that somebody has kept, to be checked against; can be repeated."),
    ] = None,
) -> None:
    """Fetch the evidence bundle of a ticket: one file, which `acta verify-bundle` checks without any desk.

    Asks the desk whose address and key stand in run.json of ACTA_HOME, as `acta run` writes it; so who had the bundle
    made is recorded as of any other reading. It holds the personal text of this ticket and its files: hand it out
    accordingly.
    """
    sizes = [_size(path) for path in checkpoint or ()]
    path = f"/record/tickets/{quote(ticket, safe='')}/bundle"
    length = running_desk.save(path, {"timezone": zone, "kept": sizes}, out)
    print(f"{out}: {length:,} bytes. Check it with: acta verify-bundle {out}")


def verify_bundle(
    file: Annotated[Path, typer.Argument(help="The bundle.")],
    key: Annotated[
        str, typer.Option(help="The log's verifier key, if you have it from somewhere else than the bundle.")
    ] = "",
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint of the same log that somebody has kept; can be repeated."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of a witness who must have cosigned the bundle's checkpoint; can be repeated."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the document as this software makes it of the events, once they hold.")
    ] = None,
) -> None:
    """Check an evidence bundle: everything is derived anew from its stored events. Needs no desk and no network.

    Says VALID, what that proves and what is taken on trust; or ends with 1 and names the file or event that is wrong.
    """
    notes = [_read(path, "--checkpoint").decode(errors="replace") for path in checkpoint or ()]
    witnesses = [_witness(vkey) for vkey in witness or ()]
    try:
        checked = check(_mapped(file), vkey=key, kept=notes, witnesses=witnesses)
    except BundleRefused as fault:
        print(f"NOT VALID: {fault}.")
        raise typer.Exit(1) from None
    if html is not None:
        _write(html, checked.document, "--html")
    _tell(checked, bool(key))


def _tell(checked: Checked, is_key_known: bool) -> None:
    story, checkpoint = checked.story, checked.checkpoint
    description, parts = story.bundle.description, story.bundle.description.parts
    print(
        f"VALID: ticket #{description.number}, versions 1 to {story.today.version}, {len(parts.all)} events in all,"
        f" under the checkpoint of {checkpoint.size:,} events by {story.bundle.vkey}."
    )
    print("\nProved:")
    for line in PROVED:
        print(f"- {line}")
    for size in checked.kept:
        print(f"- The log goes on from the checkpoint over {size:,} events that you gave.")
    for name, cosignature in checked.cosigned.items():
        print(f"- {name} has cosigned the checkpoint, at {cosignature.at:%Y-%m-%d %H:%M:%S} UTC.")
    print("\nTaken on trust:")
    for line in trusted(key=is_key_known, history=bool(checked.kept or checked.cosigned)):
        print(f"- {line}")


def _witness(vkey: str) -> Witness:
    try:
        return Witness.read(vkey)
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--witness") from None


def _size(path: Path) -> str:
    try:
        return str(int(_read(path, "--checkpoint").split(b"\n")[1]))
    except (ValueError, IndexError):
        raise typer.BadParameter(f"{path}: not a checkpoint", param_hint="--checkpoint") from None


def _mapped(path: Path) -> memoryview:
    """A file that may be larger than memory."""
    try:
        with path.open("rb") as file:
            # An empty file cannot be mapped, and is no bundle.
            return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ)) if path.stat().st_size else memoryview(b"")
    except OSError as fault:
        raise typer.BadParameter(f"{path}: {fault.strerror}", param_hint="FILE") from None


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise typer.BadParameter(f"{path}: {fault.strerror}", param_hint=option) from None


def _write(path: Path, content: bytes, option: str) -> None:
    try:
        path.write_bytes(content)
    except OSError as fault:
        raise typer.BadParameter(f"{path}: {fault.strerror}", param_hint=option) from None
