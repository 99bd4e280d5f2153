"""`acta holds`: a hold is placed, shown and lifted from the command line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desks import KEK, as_role, open_desk, opened, prepare
from domain.desk import Desk


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    prepare(database)
    with open_desk(database) as desk:
        yield desk


@pytest.fixture
def acta(desk: Desk, database: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    given = {"ACTA_HOME": str(tmp_path), "ACTA_KEK": KEK.hex(), "ACTA_DATABASE_URL": as_role(database, "acta_app")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from deploy.cli import main; main()", *words]
        return subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)

    return run


def test_a_hold_is_placed_shown_and_lifted(desk: Desk, acta: Callable[..., subprocess.CompletedProcess[str]]):
    receipt = opened(desk)
    words = ("--ticket", str(receipt.number), "--department", "hr", "--until", "2999-01-01T00:00:00Z")
    placed = acta("holds", "place", "--ground", "Letter of the court.", *words)
    hold = re.findall(r"[0-9a-f]{16}", placed.stdout)[0]
    shown = acta("holds", "list").stdout
    assert f"{hold}  ticket {receipt.ticket}, department hr" in shown
    assert "until 2999-01-01 00:00Z" in shown
    assert "Letter of the court." in shown
    assert acta("holds", "lift", hold, "--reason", "Settled.").returncode == 0
    assert acta("holds", "list").stdout == ""
    assert "lifted on" in acta("holds", "list", "--all").stdout
    assert desk.setup().holds == {}


def test_what_cannot_be_held_is_said_in_a_line(acta: Callable[..., subprocess.CompletedProcess[str]]):
    nothing = acta("holds", "place", "--ground", "Letter of the court.")
    assert nothing.stderr == "acta: A legal hold must name tickets, persons or departments.\n"
    late = acta("holds", "place", "--ground", "x", "--department", "it", "--until", "2999-01-01")
    assert "needs a time zone" in late.stderr
    assert acta("holds", "lift", "nothing", "--reason", "x").stderr == "acta: There is no such legal hold.\n"
