"""`acta webhooks`: registered, shown, changed, replayed, and what came of it, from the command line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from consuming import running, until
from deploy.cli import cli
from deploy.settings import read
from deploy.wiring import deliver_webhooks
from desks import KEK, as_role, open_desk, prepare
from machines import Prepare
from receivers import Say, receiving

Acta = Callable[..., Result]


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    with open_desk(database):
        pass
    (tmp_path / "kek").write_bytes(KEK)
    return {
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_KEK_FILE": str(tmp_path / "kek"),
        "ACTA_WEBHOOK_PLAIN_HOSTS": "127.0.0.1",
        "ACTA_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }


@pytest.fixture
def acta(environment: dict[str, str]) -> Acta:
    return lambda *words: CliRunner().invoke(cli, ["webhooks", *words], env=environment)


def registered(acta: Acta, url: str, *more: str) -> str:
    said = acta("register", "it", url, *more)
    assert said.exit_code == 0, said.output
    assert re.search(r"whsec_[A-Za-z0-9+/]{43}=", said.output)
    return re.search(r"webhook ([0-9a-f]{16})", said.output)[1]  # type: ignore[index]


def test_a_webhook_is_registered_listed_changed_and_retired(acta: Acta):
    webhook = registered(acta, "https://hr.example.org/acta", "--tells", "outcomes", "--description", "Onboarding")
    listed = acta("list", "--department", "it").output
    assert all(word in listed for word in (webhook, "outcomes", "sends", "Onboarding"))
    assert webhook not in acta("list", "--department", "hr").output
    assert acta("change", webhook, "--tells", "facts").exit_code == 0
    shown = acta("show", webhook).output
    assert "facts to https://hr.example.org/acta" in shown
    assert "Onboarding" in shown
    assert acta("pause", webhook).exit_code == 0
    assert "paused (asked)" in acta("show", webhook).output
    assert acta("resume", webhook).exit_code == 0
    assert "whsec_" in acta("rotate", webhook, "--old-for-hours", "1").output
    assert "whsec_" not in acta("show", webhook).output + acta("list").output
    assert acta("replay", webhook, "--from-position", "1").exit_code == 0
    assert acta("replay", webhook, "--from-time", "2030-01-01T00:00:00Z").exit_code == 0
    assert acta("retire", webhook).exit_code == 0
    assert webhook not in acta("list").output


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["register", "it", "http://hr.example.org/"], "TLS"),
        (["register", "moon", "https://hr.example.org/"], "department"),
        (["show", "nothing"], "no such webhook"),
        (["log", "nothing"], "no such webhook"),
        (["register", "it", "https://hr.example.org/", "--tells", "notes"], "outcomes, facts"),
        (["replay", "nothing"], "either"),
        (["replay", "nothing", "--from-time", "yesterday"], "--from-time"),
    ],
)
def test_what_cannot_be_done_says_why(acta: Acta, words: list[str], why: str):
    said = acta(*words)
    assert said.exit_code != 0
    assert why in f"{said.output} {said.exception}"


def test_what_came_of_a_message_is_told(acta: Acta, environment: dict[str, str], database: str):
    with receiving() as receiver, open_desk(database) as desk:
        webhook = registered(acta, receiver.url)
        assert "acta webhooks run" in acta("show", webhook).output
        acta("ping", webhook)
        with running(lambda stop: deliver_webhooks(read(environment), desk, stop)) as run:
            until(lambda: len(receiver.taken) == 1, run)
            until(lambda: "delivered 204" in acta("log", webhook).output, run)
            receiver.script = lambda came: Say(410)
            acta("ping", webhook)
            until(lambda: "paused (gone)" in acta("show", webhook).output, run)
    told = acta("log", webhook).output.splitlines()
    assert [line.split(": ")[1].split(",")[0] for line in told] == ["delivered 204", "gone 410"]
    assert acta("log", webhook, "--outcome", "gone").output.splitlines() == told[1:]
    assert acta("log", webhook, "--message", receiver.came[0].id).output.splitlines() == told[:1]
    assert "stopped at the message" in acta("show", webhook).output
