"""`acta dead-letters`: what waits is listed, shown, corrected, handed in again and given up, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from deploy.cli import cli
from desks import KEK, as_role, open_desk, prepare
from domain.access.events import AccessRead
from domain.desk.letters import Place, keep
from domain.errors import NotARequest
from domain.request.message import Message
from machines import Prepare

EVENT = {
    "specversion": "1.0",
    "type": "acta.request.open.v1",
    "source": "/hr",
    "id": "1",
    "partitionkey": "HR-1",
    "data": {"title": "A laptop"},
}
Acta = Callable[..., Result]


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def acta(database: str, tmp_path: Path) -> Acta:
    (tmp_path / "kek").write_bytes(KEK)
    environment = {"ACTA_DATABASE_URL": as_role(database, "acta_app"), "ACTA_KEK_FILE": str(tmp_path / "kek")}
    return lambda *words: CliRunner().invoke(cli, ["dead-letters", *words], env=environment)


def dead(database: str, value: bytes = b"\x1b[31m\xff Petra") -> str:
    with open_desk(database) as desk:
        place = Place("acta.requests.it", 0, 7, 1_700_000_000_000)
        return str(keep(desk, "it", place, Message(b"HR-1", (), value), NotARequest()))


def test_a_letter_is_listed_shown_corrected_and_handed_in(acta: Acta, database: str, tmp_path: Path) -> None:
    letter = dead(database)
    assert letter in acta("list").output
    shown = acta("show", letter)
    assert "Petra" in shown.output
    assert "\x1b" not in shown.output, "what came must not reach the terminal as it is"
    still = acta("redrive", letter)
    assert still.exit_code == 1
    assert still.output.startswith("It can still not be taken: specversion: It must be there and say 1.0"), still.output
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    assert acta("correct", letter, str(tmp_path / "event.json")).exit_code == 0
    assert "carried out" in acta("redrive", letter).output
    assert acta("list").output == "No dead letter waits.\n"
    with open_desk(database) as desk:
        looks = [event for event in desk.feed(0, 1000) if isinstance(event, AccessRead)]
        assert [(look.operation, look.departments) for look in looks] == [("get-dead-letter", ("it",))]


def test_a_letter_is_given_up(acta: Acta, database: str) -> None:
    letter = dead(database)
    assert acta("discard", letter, "--reason", "A test of theirs").exit_code == 0
    with open_desk(database) as desk:
        assert desk.drawer.depth() == 0
