"""Signing from the command line on: a code for a PIN, a signature with it, and the difference that tells of it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

Acta = Callable[..., subprocess.CompletedProcess[str]]
PIN = "740 211"


def test_a_code_of_the_command_line_leads_to_a_signature_that_the_difference_tells(home: Path, acta: Acta) -> None:
    desk = json.loads((home / "run.json").read_text())
    key = acta(home, "keys", "issue", "alice", "--role", "agent", "--department", "it").stdout.strip()
    issued = acta(home, "keys", "pin", "alice")
    assert issued.returncode == 0, issued.stderr
    code = issued.stdout.strip()
    with httpx.Client(base_url=desk["url"], headers={"Authorization": f"Bearer {key}"}, timeout=None) as alice:
        opened = alice.post("/tickets", json={"department": "it", "title": "VPN drops"}).raise_for_status()
        ticket = opened.headers["Location"]
        alice.put("/me/pin", json={"pin": PIN, "code": code}).raise_for_status()
        signature = {"meaning": "approved", "pin": PIN}
        resolved = alice.post(f"{ticket}/resolve", json={"code": "fixed", "signature": signature})
        assert resolved.status_code == 200, resolved.text
        assert resolved.json()["events"] == ["ticket.resolved.v1", "ticket.signed.v1"]
        assert [one["fits"] for one in alice.get(f"{ticket}/signatures").json()["signatures"]] == [True]
    number = ticket.rpartition("/")[2]
    told = acta(home, "diff", number, "--from", "1", "--zone", "Europe/Berlin")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"#{number} from ")
    for line in ("status: new → resolved", "signatures: added “approved” by Alice", "signed the ticket as “approved”"):
        assert line in told.stdout
    assert "\x1b" not in told.stdout
    again = acta(home, "diff", number, "--from", "3", "--to", "2")
    assert again.returncode == 1
    assert "query/to must not lie before" in again.stderr
    for secret in (PIN, code, key):
        assert secret not in told.stdout + told.stderr
