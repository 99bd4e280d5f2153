"""`acta explain`: asks the running desk, tells what a person reads, and says what is wrong in a line."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

Acta = Callable[..., subprocess.CompletedProcess[str]]


def test_the_clocks_of_a_ticket_are_told_in_the_terminal(home: Path, acta: Acta) -> None:
    desk = json.loads((home / "run.json").read_text())
    headers = {"Authorization": f"Bearer {desk['key']}"}
    with httpx.Client(base_url=desk["url"], headers=headers, timeout=None) as client:
        client.post("/tickets", json={"department": "it", "title": "VPN drops"}).raise_for_status()
        text = client.get("/tickets/1/clocks").json()["clocks"][0]["text"].splitlines()
    told = acta(home, "explain", "#1")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("#1 as of ")
    assert "\nFirst response: running" in told.stdout
    assert "\nResolution: running" in told.stdout
    assert text[1] in told.stdout.splitlines()
    assert "\x1b" not in told.stdout
    one = acta(home, "explain", "1", "--clock", "resolution", "--zone", "Asia/Kathmandu")
    assert "First response" not in one.stdout
    assert "Resolution: running" in one.stdout


def test_what_the_desk_refuses_is_said_in_a_line(home: Path, acta: Acta) -> None:
    unknown = acta(home, "explain", "4711")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("acta: There is no such ticket")
    late = acta(home, "explain", "1", "--at", "yesterday")
    assert (late.returncode, late.stdout) == (1, "")
    assert "query/at" in late.stderr


def test_without_a_desk_it_says_how_to_name_one(tmp_path: Path, acta: Acta) -> None:
    nowhere = acta(tmp_path, "explain", "1")
    assert nowhere.returncode == 1
    assert "run.json is not there" in nowhere.stderr
    (tmp_path / "run.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "key": "k"}))
    silent = acta(tmp_path, "explain", "1")
    assert silent.returncode == 1
    assert "No desk answers at http://127.0.0.1:9" in silent.stderr
