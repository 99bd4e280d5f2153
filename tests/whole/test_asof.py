"""`acta asof`: what was answered at a past moment is answered again, whatever has been recorded since."""

import fcntl
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

Acta = Callable[..., subprocess.CompletedProcess[str]]
PERIOD = "from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
ADDRESSES = (
    "/queues?state=any",
    "/tickets?state=any&sort=number",
    "/tickets?state=any&q=printer",
    "/queues/it/tickets?state=any",
    "/sla/clocks?status=running,paused,at_risk,breached,met",
    f"/sla/attainment?{PERIOD}&by=clock,department",
    f"/reports/volume?{PERIOD}&by=department",
    f"/reports/backlog?{PERIOD}",
    f"/reports/resolution-times?{PERIOD}",
)


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    desk = json.loads((home / "run.json").read_text())
    headers = {"Authorization": f"Bearer {desk['key']}"}
    with httpx.Client(base_url=desk["url"], headers=headers, timeout=None) as client:
        yield client


def give(client: httpx.Client, path: str, **body: Any) -> int:
    """A command; the position from which every view shows it."""
    return int(client.post(path, json=body).raise_for_status().headers["Acta-Position"])


def answers(client: httpx.Client, at: datetime, position: int) -> list[Any]:
    """What each address answers as of ``at``, once it shows a position."""
    more = {"at": at.isoformat(), "wait_for": str(position)}
    return [client.get(httpx.URL(one).copy_merge_params(more)).raise_for_status().json() for one in ADDRESSES]


def test_lists_clocks_and_reports_are_answered_as_they_were_known_then(
    home: Path, acta: Acta, client: httpx.Client
) -> None:
    for title in ("The printer smokes", "VPN drops"):
        give(client, "/tickets", department="it", title=title, requester={"email": "kim@example.org"})
    give(client, "/tickets/1/assign", assignee="alice")
    position = give(client, "/tickets/1/reply", text="Which printer is it?")
    then = datetime.now(UTC)
    known = answers(client, then, position)
    known_at = datetime.now(UTC)

    ago = {"occurred_at": (then - timedelta(milliseconds=1)).isoformat()}
    give(client, "/tickets/2/assign", assignee="bob", **ago)
    give(client, "/tickets/2/resolve", code="fixed", notes="The printer was it.", **ago)
    give(client, "/tickets/1/classify", category="printing", **ago)
    position = give(client, "/tickets", department="it", title="One more printer", **ago)
    now_known = answers(client, then, position)
    assert all(one != other for one, other in zip(known[:2], now_known[:2], strict=True))

    addresses = [str(httpx.URL(one).copy_merge_params({"at": then.isoformat()})) for one in ADDRESSES]
    asked = acta(home, "asof", "--known-at", known_at.isoformat(), *addresses)
    assert asked.returncode == 0, asked.stderr
    assert [json.loads(line) for line in asked.stdout.splitlines()] == known
    again = acta(home, "asof", "--known-at", datetime.now(UTC).isoformat(), *addresses)
    assert [json.loads(line) for line in again.stdout.splitlines()] == now_known

    assert not list(home.glob("asof-*")), "views of the past are left behind"
    looks = client.get("/record/access", params={"ticket": "1", "limit": 1000}).raise_for_status().json()["looks"]
    assert sum(look["operation"] == "list-tickets" for look in looks) > 2 * len(ADDRESSES[1:3])


def test_before_anything_was_recorded_nothing_was_known(home: Path, acta: Acta, client: httpx.Client) -> None:
    give(client, "/tickets", department="it", title="VPN drops")
    asked = acta(home, "asof", "--known-at", "2001-01-01T00:00:00Z", "/queues", "/tickets")
    assert asked.returncode == 0, asked.stderr
    assert [json.loads(line) for line in asked.stdout.splitlines()] == [{"queues": []}, {"tickets": [], "next": None}]


def test_a_report_comes_as_the_kind_of_file_that_is_accepted(home: Path, acta: Acta) -> None:
    address = f"/reports/volume?{PERIOD}"
    asked = acta(home, "asof", "--known-at", "2026-01-01T00:00:00Z", "--accept", "text/csv", address)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[0].split(",")[:2] == ['"bucket"', '"opened"']


def test_what_cannot_be_asked_is_refused_before_anything_is_replayed(home: Path, acta: Acta) -> None:
    ticket = acta(home, "asof", "--known-at", "2026-01-01T00:00:00Z", "/tickets/1")
    assert ticket.returncode == 1
    assert "Of a ticket ask the desk, with known_at" in ticket.stderr
    later = acta(home, "asof", "--known-at", "2100-01-01T00:00:00Z", "/queues")
    assert later.returncode == 1
    assert "not known yet" in later.stderr
    nonsense = acta(home, "asof", "--known-at", "yesterday", "/queues")
    assert nonsense.returncode == 2
    with (home / "asof.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = acta(home, "asof", "--known-at", "2026-01-01T00:00:00Z", "/queues")
    assert second.returncode == 1
    assert "one at a time" in second.stderr
    wrong = acta(home, "asof", "--known-at", "2026-01-01T00:00:00Z", "/queues?colour=red")
    assert (wrong.returncode, json.loads(wrong.stdout)["code"]) == (1, "not-valid")
