"""The clients of a department that the README shows, as they stand there: what they ask is published, and they work."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

import consumers.asyncapi
from consuming import until
from door_talk import Door
from published import today


def shown(language: str) -> str:
    """The one block of code in this language."""
    text = Path(str(consumers.asyncapi.__file__)).with_name("README.md").read_text(encoding="utf-8")
    (code,) = (block.split("```")[0] for block in text.split(f"```{language}\n")[1:])
    return code


def titles(door: Door) -> list[str]:
    return [event.title for event in door.desk.feed(0, 1000, types=["ticket.opened.v1"])]  # type: ignore[attr-defined]


def test_the_client_in_python_files_a_request(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    with door.open():
        exec(shown("python"), {"servers": door.client["bootstrap_servers"], "prefix": door.doors.prefix})
    assert titles(door) == ["A laptop for our new colleague"]
    assert capsys.readouterr().out.startswith("ticket ")


def test_what_the_client_in_a_shell_sends_is_a_request_as_published() -> None:
    echo, kcat = shown("sh").split("\n\n")[0].replace("\\\n", " ").split("|\n")
    words = shlex.split(kcat)
    given = [(words[at], words[at + 1]) for at in range(len(words) - 1) if words[at] in ("-t", "-k", "-H")]
    headers = dict(value.split("=", 1) for option, value in given if option == "-H")
    request = today()[headers["ce_type"].removeprefix("acta.")]
    parts = {"components": {"schemas": request["schemas"]}}
    Draft7Validator(request["headers"] | parts).validate(headers)
    Draft7Validator(request["payload"] | parts).validate(json.loads(shlex.split(echo)[1]))
    Draft7Validator(request["key"]).validate(dict(given)["-k"])
    assert dict(given)["-t"] == "$prefix.requests.it"


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed: its client in the README is NOT run")
def test_the_client_in_a_shell_files_a_request(door: Door) -> None:
    where = {"servers": str(door.client["bootstrap_servers"]), "prefix": door.doors.prefix}
    command = ["sh", "-euc", shown("sh")]
    with door.open() as runs, subprocess.Popen(command, env=os.environ | where, stdout=subprocess.PIPE) as client:
        try:
            until(lambda: client.poll() is not None, *runs)
            told, _ = client.communicate()
        finally:
            client.kill()
    assert client.returncode == 0
    assert titles(door) == ["A second screen for our new colleague"]
    (outcome,) = map(json.loads, told.splitlines())
    assert outcome["request"] == {"source": "/hr/onboarding", "id": "4712", "reference": "HR-2026-0332"}
    assert outcome["number"] == 1
