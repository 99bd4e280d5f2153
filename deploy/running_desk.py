"""The running desk, asked over HTTP by the address and key that stand in ``run.json`` of ACTA_HOME."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import typer
from rich.console import Console

from deploy.settings import SettingsError, read

TIMEOUT_S = 60.0
LONG_S = 1_800.0
"""For what the desk reads through before it answers: files."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
T = TypeVar("T")
Parameters = Mapping[str, str | Sequence[str]]


class DeskRefused(Exception):
    """The desk refused what was asked, in its own words."""


def get(path: str, parameters: Parameters | None = None) -> Any:
    """What the desk answers; what it refuses is said on standard error, and ends the command."""
    return _told(lambda: ask("GET", path, parameters=parameters))


def fetch(path: str, parameters: Parameters | None = None) -> bytes:
    """The same for what is no JSON."""
    return _told(lambda: _answer("GET", path, parameters, None).content)


def save(path: str, parameters: Parameters | None, place: Path) -> int:
    """Write what a running desk answers into a file, piece by piece; its length in bytes. Ends the command if refused.

    What could not be had whole is not left under the file's name.
    """
    return _told(lambda: _saved(path, parameters, place))


def _saved(path: str, parameters: Parameters | None, place: Path) -> int:
    part = place.with_name(f"{place.name}.part")
    try:
        with (
            _answering("GET", path, parameters, patience_s=LONG_S) as answer,
            os.fdopen(os.open(part, _FLAGS, 0o600), "wb") as file,
        ):
            for piece in answer.iter_bytes():
                file.write(piece)
            length = file.tell()
        part.replace(place)
    except OSError as fault:
        raise DeskRefused(f"{place}: {fault.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    return length


def _told(question: Callable[[], T]) -> T:
    try:
        return question()
    except DeskRefused as refused:
        Console(stderr=True).print(f"acta: {refused}", highlight=False, markup=False)
        raise typer.Exit(1) from None


def ask(method: str, path: str, *, parameters: Parameters | None = None, body: dict[str, Any] | None = None) -> Any:
    """What the desk answers; raises ``DeskRefused``, or ``SettingsError`` when there is no desk to ask."""
    return _answer(method, path, parameters, body).json()


def key() -> str:
    """The key that stands in ``run.json``."""
    return str(_noted()["key"])


def _noted() -> dict[str, str]:
    place = read(os.environ).home / "run.json"
    try:
        noted: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{place} is not there. Start a desk with `acta run`, set ACTA_HOME to the folder of one that runs, or "
            'write {"url": …, "key": …} of another desk into that file.'
        ) from None
    return noted


def _answer(method: str, path: str, parameters: Parameters | None, body: dict[str, Any] | None) -> httpx.Response:
    with _answering(method, path, parameters, body) as answer:
        answer.read()
        return answer


@contextmanager
def _answering(
    method: str,
    path: str,
    parameters: Parameters | None,
    body: dict[str, Any] | None = None,
    *,
    patience_s: float = TIMEOUT_S,
) -> Iterator[httpx.Response]:
    """An answer that is no refusal, to be read while it comes."""
    desk = _noted()
    asked: dict[str, Any] = {name: value for name, value in (parameters or {}).items() if value}
    headers = {"Authorization": f"Bearer {desk['key']}"}
    address = f"{desk['url']}{path}"
    try:
        with httpx.stream(method, address, params=asked, json=body, headers=headers, timeout=patience_s) as answer:
            if answer.is_error:
                answer.read()
                raise DeskRefused(_words(answer))
            yield answer
    except httpx.TransportError as fault:
        raise SettingsError(
            f"No desk answers at {desk['url']} ({type(fault).__name__}); is `acta run` running?"
        ) from None


def _words(answer: httpx.Response) -> str:
    problem = answer.json()
    faults = "; ".join(f"{fault['field']} {fault['rule']}" for fault in problem.get("faults", ()))
    said = " ".join(dict.fromkeys(str(problem[part]) for part in ("title", "detail") if problem.get(part)))
    return said + (f" ({faults})" if faults else "")
