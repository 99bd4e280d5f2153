"""`acta dead-letters …`: what came through a department's door and could not be taken."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from api.problems import said_of
from deploy import running, wiring
from deploy.settings import read
from domain.desk import Desk
from domain.desk.letters import correct, discard, redrive, shown
from domain.store.letters import DeadLetter

letters = typer.Typer(
    no_args_is_help=True, help="Dead letters: list, show, correct, hand in again, discard. Each is recorded."
)
console = Console()
Letter = Annotated[UUID, typer.Argument(help="The letter's id, as `acta dead-letters list` shows it.")]
_AT_ONCE = 500


@contextmanager
def _desk() -> Iterator[Desk]:
    with wiring.database(read(os.environ)) as found, wiring.desk(found) as desk:
        yield desk


@letters.command(name="list")
def list_letters(
    department: Annotated[list[str] | None, typer.Option(help="Only of these departments.")] = None,
) -> None:
    """The letters that wait, the oldest first: since when, and why they could not be taken."""
    after, waits = None, False
    with _desk() as desk:
        while page := desk.drawer.page(department or None, after, _AT_ONCE):
            waits = True
            for one in page:
                _say(f"{one.letter} of {_line(one)}")
            after = page[-1].kept_at, page[-1].letter
    if not waits:
        _say("No dead letter waits.")


@letters.command(name="show")
def show_letter(letter: Letter) -> None:
    """What a letter holds, as it came; bytes that are no text are escaped. That it is shown is recorded."""
    with _desk() as desk:
        kept, message = shown(desk, letter, running.OPERATOR)
    _say(_line(kept))
    lines = [("key", message.key), *message.headers, ("", message.value)]
    for name, value in lines:
        text = "(none)" if value is None else ascii(value.decode(errors="backslashreplace"))[1:-1]
        _say(f"{ascii(name)[1:-1]}: {text}" if name else text)


@letters.command(name="correct")
def correct_letter(
    letter: Letter,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="A CloudEvent in JSON, with partitionkey, as for POST /requests."
        ),
    ],
) -> None:
    """Put a request as it should have come in place of what came, which is destroyed."""
    with _desk() as desk:
        correct(desk, letter, file.read_bytes(), running.OPERATOR)
    _say(f"{letter} is corrected; `acta dead-letters redrive {letter}` hands it in.")


@letters.command(name="redrive")
def redrive_letter(letter: Letter) -> None:
    """Hand a letter in again, as it came or was corrected."""
    with _desk() as desk:
        came = redrive(desk, letter, running.OPERATOR)
    if came.receipt is not None:
        _say(f"It was carried out, on ticket {came.receipt.number}.")
        return
    assert came.refused is not None
    what = "It can still not be taken" if came.kept else "It was refused as a request"
    _say(f"{what}: {said_of(came.refused)}")
    if came.kept:
        console.print(
            f"`acta dead-letters correct {letter} FILE` puts in its place what should have come.", markup=False
        )
        raise typer.Exit(1)


@letters.command(name="discard")
def discard_letter(letter: Letter, reason: Annotated[str, typer.Option(help="Why; stored sealed.")]) -> None:
    """Give a letter up and destroy what it holds."""
    with _desk() as desk:
        discard(desk, letter, reason, running.OPERATOR)
    _say(f"{letter} is given up.")


def _line(letter: DeadLetter) -> str:
    return f"{letter.department}, {letter.kept_at:%Y-%m-%d %H:%M:%S}Z: {letter.code}"


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
