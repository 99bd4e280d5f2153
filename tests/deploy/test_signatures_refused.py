"""Signatures that cannot be asked for: `acta configure` refuses each with the line that is at fault."""

from pathlib import Path

import msgspec
import pytest

from deploy.desk_file import DeskFileError, located, read_desk_file
from domain.desk.configuring import plan
from domain.errors import SetupConflict
from domain.setup import state
from domain.setup.state import MEANINGS, Setup

HERE = "# HERE"


def configured(folder: Path, text: str) -> Setup:
    """The configuration that follows from a file."""
    file = folder / "desk.yaml"
    file.write_text(text)
    try:
        events = plan(read_desk_file(file), {})(Setup())
    except SetupConflict as conflict:
        raise DeskFileError(located(file, conflict)) from None
    return state.fold(msgspec.structs.replace(event, version=version) for version, event in enumerate(events, start=1))


@pytest.mark.parametrize(
    ("signatures", "word"),
    [
        ("resolv: [approved] # HERE", "'resolv', which is no command"),
        ("sign: [approved] # HERE", "'sign', which is no command"),
        ("resolve: [] # HERE", "at least 1 item"),
        ("resolve: approved # HERE", "tuple"),
        ("resolve:\n        - approved\n        - witnessed # HERE", "witnessed"),
        ("close: [approved]\n      close: [reviewed] # HERE", "second time"),
    ],
)
@pytest.mark.parametrize("kind", ["departments", "request_types"])
def test_a_signature_that_cannot_be_asked_for_is_refused_with_its_line(
    tmp_path: Path, kind: str, signatures: str, word: str
) -> None:
    asking = f"    name: Q\n    signatures:\n      {signatures}\n"
    head = "departments:\n  qa:\n    name: Quality\n" if kind == "request_types" else ""
    of = "    department: qa\n" if kind == "request_types" else ""
    text = f"{head}{kind}:\n  q:\n{of}{asking}"
    line = next(number for number, one in enumerate(text.splitlines(), start=1) if HERE in one)
    with pytest.raises(DeskFileError) as why:
        configured(tmp_path, text)
    assert f"line {line}: " in str(why.value)
    assert word in str(why.value)


def test_meanings_are_those_listed_and_a_request_types_rule_goes_before_its_departments(tmp_path: Path) -> None:
    setup = configured(
        tmp_path,
        "signature_meanings: [approved, witnessed]\n"
        "departments: {qa: {name: Quality, signatures: {close: [approved], resolve: [approved]}}}\n"
        "request_types: {release: {name: Release, department: qa, signatures: {close: [witnessed]}}}\n",
    )
    assert setup.meanings == ("approved", "witnessed")
    assert setup.meanings_of("close", "qa", "release") == ("witnessed",)
    assert setup.meanings_of("close", "qa", "") == ("approved",)
    assert setup.meanings_of("resolve", "qa", "release") == ("approved",)
    assert setup.meanings_of("cancel", "qa", "release") == ()
    assert Setup().meanings == MEANINGS
