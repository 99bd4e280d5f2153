"""`acta witness`: cosign another organisation's log, for as long as it does not contradict itself."""

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag
from typing import Annotated, NoReturn

import typer

from consumers.loop import Halted, NotYet, stop_on_signals
from consumers.record.remote_log import HandedInVain, RemoteLog
from consumers.record.witness import Contradiction, Witnessing, witness
from deploy.key_sources import draw_key, secret_bytes
from domain.durable import replace
from domain.record.cosignature import Cosigner
from domain.record.note import NoteRefused, Verifier

CONTRADICTED, NOT_REACHED, NOT_TAKEN = 1, 3, 4


def witness_log(
    log: Annotated[str, typer.Option(help="Address of the log, such as https://desk.example.org/record.")],
    key: Annotated[
        Path,
        typer.Option(
            help="File of this witness's own key: 32 bytes; drawn if there is none. What was cosigned stands"
            " beside it, in FILE.cosigned, and what contradicts it in FILE.cosigned.evidence."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of this witness, as a URL without scheme: witness.example.org/acta.")],
    log_key: Annotated[
        str,
        typer.Option(
            help="The log's verifier key, got from its operator on another way. Needed at the first start; kept since."
        ),
    ] = "",
    token: Annotated[
        str, typer.Option(envvar="WITNESS_TOKEN", help="API key for the log, of a holder with the role witness.")
    ] = "",
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and say by the exit code what was found.")] = False,
) -> None:
    """Cosign the checkpoints of a log that each prove to go on from the one before; raise an alarm otherwise.

    A process of another organisation, which needs no database and no settings of the desk. It prints its verifier key;
    the desk takes its cosignatures once that is in ACTA_WITNESSES. With --once it ends with 0 when all is well, 1 when
    the log contradicts what was cosigned, 3 when it cannot be reached, 4 when it takes no cosignature of this witness.
    """
    if not key.exists():
        draw_key(key)
    try:
        cosigner = Cosigner(name, secret_bytes(key, "--key"))
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--name") from None
    verifier = _trusted(key.with_name(f"{key.name}.log"), log_key)
    print(f"This witness is {cosigner.witness.vkey}", flush=True)
    kept = key.with_name(f"{key.name}.cosigned")
    with RemoteLog(log, token) as remote:

        def begin() -> Witnessing:
            return Witnessing(remote, verifier, cosigner, kept, lambda: datetime.now(UTC))

        if once:
            _look_once(begin())
            return
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("httpx").setLevel(logging.WARNING)
        stop = Flag()
        stop_on_signals(stop)
        witness(begin, stop, interval_s=interval)


def _look_once(witnessing: Witnessing) -> None:
    try:
        checkpoint = witnessing.look()
    except Contradiction as fault:
        _end(CONTRADICTED, f"ALARM: {fault}.")
    except NotYet as fault:
        _end(NOT_REACHED, f"{fault}.")
    except HandedInVain as fault:
        _end(NOT_TAKEN, f"{fault}.")
    finally:
        witnessing.close()
    print(f"Cosigned: {checkpoint.size:,} entries of {checkpoint.origin}, root {checkpoint.root.hex()}.")


def _end(code: int, text: str) -> NoReturn:
    print(f"acta: {text}", file=sys.stderr)
    raise typer.Exit(code)


def _trusted(place: Path, vkey: str) -> Verifier:
    """The log's key: the one given, which from then on is the only one."""
    known = place.read_text(encoding="utf-8").strip() if place.exists() else ""
    if not vkey and not known:
        raise typer.BadParameter(
            "needed at the first start: whose signature is to be believed?", param_hint="--log-key"
        )
    try:
        verifier = Verifier.read(vkey or known)
    except NoteRefused as fault:
        raise typer.BadParameter(str(fault), param_hint="--log-key") from None
    if known and known != verifier.vkey:
        raise Halted(f"{place} names another key of the log: {known}. A log keeps its key; begin with another --key.")
    if not known:
        replace(place, verifier.vkey + "\n")
    return verifier
