"""`acta whatif` beside a desk that runs: compares, names whose verdict changes, writes nothing, refuses with a line."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

Acta = Callable[..., subprocess.CompletedProcess[str]]
FRAGMENT = """\
policies:
  it-standard:
    calendar: around-the-clock
    when: {department: it}
    targets: {first_response: {minutes: 5}, resolution: {minutes: 1440}}
"""


def test_history_is_compared_and_nothing_is_written(home: Path, acta: Acta, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(FRAGMENT)
    desk = json.loads((home / "run.json").read_text())
    now = datetime.now(UTC)
    headers = {"Authorization": f"Bearer {desk['key']}"}
    with httpx.Client(base_url=desk["url"], headers=headers, timeout=None) as client:
        opened = {"department": "it", "title": "VPN drops", "occurred_at": (now - timedelta(minutes=30)).isoformat()}
        client.post("/tickets", json=opened).raise_for_status()
        resolved = {"code": "fixed", "occurred_at": (now - timedelta(minutes=10)).isoformat()}
        before = client.post("/tickets/1/resolve", json=resolved).raise_for_status().headers["acta-position"]
        asked = ("--policy", str(file), "--from", "2020-01-01", "--to", "2100-01-01", "--by", "department,month")
        told = acta(home, "whatif", *asked)
        assert told.returncode == 0, told.stderr
        assert 'policy-versioned: policy "it-standard", policy_version 2' in told.stdout
        assert "1 tickets; 1 of them with another verdict." in told.stdout
        assert "1 × first_response: met → breached" in told.stdout
        assert "#1 first_response: met → breached" in told.stdout
        assert "100.0% (1 of 1)" in told.stdout
        assert "0.0% (0 of 1)" in told.stdout
        answer = json.loads(acta(home, "whatif", *asked, "--json", "--limit", "0").stdout)
        assert (answer["tickets"], answer["changed"]) == (1, [])
        (share,) = (one for one in answer["shares"] if one["of"]["clock"] == "first_response")
        assert share["of"] | {"month": ""} == {
            "clock": "first_response",
            "policy": "it-standard",
            "department": "it",
            "month": "",
        }
        assert share["recorded"] == {"met": 1, "breached": 0, "undecided": 0, "decided": 1, "share": 1.0}
        assert share["supposed"] == {"met": 0, "breached": 1, "undecided": 0, "decided": 1, "share": 0.0}
        after = client.post("/tickets/1/note", json={"text": "x"}).headers["acta-position"]
        assert int(after) == int(before) + 1


def test_a_mistake_in_the_file_or_the_question_is_told(acta: Acta, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    period = ("--from", "2020-01-01", "--to", "2100-01-01")
    for text, line in (
        ("policies:\n  p:\n    calendar: nowhere\n", "line 3:"),
        ("policies:\n  p:\n    calender: office\n", "line 3:"),
        ("calendars:\n  office:\n    zone: Europe/Brelin\n    openings: {monday: 09:00-17:00}\n", "line 3:"),
    ):
        file.write_text(text)
        refused = acta(home, "whatif", "--policy", str(file), *period)
        assert refused.returncode == 1
        assert line in refused.stdout
    file.write_text(FRAGMENT)
    for arguments, word in (
        (("--from", "2020-01-01", "--to", "2019-01-01"), "later"),
        (("--from", "yesterday", "--to", "2019-01-01"), "RFC 3339"),
        ((*period, "--by", "colour"), "department"),
        ((*period, "--zone", "Moon/Base"), "zone"),
    ):
        refused = acta(home, "whatif", "--policy", str(file), *arguments)
        assert refused.returncode == 2
        assert word in refused.stderr
