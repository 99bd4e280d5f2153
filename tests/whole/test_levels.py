"""Service levels on a desk as people start it: the clock strikes by itself; new versions are shown, then applied."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from consuming import until

Acta = Callable[..., subprocess.CompletedProcess[str]]
LEVELS = """
calendars:
  always: {{zone: UTC, openings: {{monday-sunday: "00:00-24:00"}}}}
policies:
  it-standard:
    calendar: always
    when: {{department: it}}
    targets: {{resolution: {{minutes: {minutes}}}}}
    warnings: [0.5]
    chain:
      resolution:
        - {{after_minutes: 0, notify: [alice], level: 1}}
"""


@pytest.fixture
def desk(home: Path) -> Iterator[httpx.Client]:
    running = json.loads((home / "run.json").read_text())
    headers = {"Authorization": f"Bearer {running['key']}"}
    with httpx.Client(base_url=running["url"], headers=headers, timeout=None) as client:
        yield client


def configured(home: Path, acta: Acta, minutes: int) -> None:
    file = home / "levels.yaml"
    file.write_text(LEVELS.format(minutes=minutes))
    done = acta(home, "configure", str(file))
    assert done.returncode == 0, done.stderr


def opened(desk: httpx.Client, ago: timedelta) -> dict[str, Any]:
    at = (datetime.now(UTC) - ago).isoformat()
    body = {"department": "it", "title": "VPN drops", "occurred_at": at}
    return dict(desk.post("/tickets", json=body).raise_for_status().json())


def history(desk: httpx.Client, number: int) -> list[dict[str, Any]]:
    return list(desk.get(f"/tickets/{number}/events").raise_for_status().json()["events"])


def test_the_clock_of_a_running_desk_warns_breaches_and_escalates(home: Path, acta: Acta, desk: httpx.Client) -> None:
    configured(home, acta, minutes=60)
    ticket = opened(desk, timedelta(hours=2))
    until(lambda: any(event["type"] == "ticket.escalated.v1" for event in history(desk, ticket["number"])))
    told = [event for event in history(desk, ticket["number"]) if event["actor"]["id"] == "clock"]
    assert [event["type"] for event in told] == [
        "sla.warned.v1",
        "sla.breached.v1",
        "sla.chain-step-taken.v1",
        "ticket.escalated.v1",
    ]
    assert desk.get(f"/tickets/{ticket['number']}").json()["level"] == 1
    asked = {"ticket": ticket["number"], "timezone": "UTC", "wait_for": told[-1]["position"]}
    told_in_words = desk.get("/audit", params=asked).raise_for_status().text
    assert "has exceeded its target of 1:00 h, by the passing of time" in told_in_words
    assert "tell Alice" in told_in_words


def test_new_versions_are_shown_before_they_are_applied(home: Path, acta: Acta, desk: httpx.Client) -> None:
    configured(home, acta, minutes=480)
    ticket = opened(desk, timedelta(hours=2))
    configured(home, acta, minutes=60)
    asked = {"policy": "it-standard", "wait_for": ticket["position"]}
    (shown,) = desk.get("/sla/recalculation", params=asked).raise_for_status().json()["tickets"]
    (clock,) = shown["clocks"]
    assert (shown["number"], clock["old_target_minutes"], clock["new_target_minutes"]) == (ticket["number"], 480, 60)
    assert clock["breached"]
    dry = acta(home, "recalculate", "--department", "it")
    assert dry.returncode == 0, dry.stderr
    assert "1 tickets would change, 1 clocks would be breached by it." in dry.stdout
    assert not any(event["type"] == "sla.recalculated.v1" for event in history(desk, ticket["number"]))
    unreasoned = acta(home, "recalculate", "--apply")
    assert unreasoned.returncode == 1
    assert "--reason" in unreasoned.stderr
    done = acta(home, "recalculate", "--apply", "--reason", "The new contract.")
    assert done.returncode == 0, done.stderr
    (applied,) = [event for event in history(desk, ticket["number"]) if event["type"] == "sla.recalculated.v1"]
    assert applied["actor"]["id"] == "admin"
    assert applied["data"]["reason"] == "The new contract."
    assert "No clock that goes on would change." in acta(home, "recalculate").stdout
