"""Forgetting, as whoever has everything finds it: no file, no table, no answer holds the person; all else stands."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import psycopg
import pytest

from deploy.embedded import EmbeddedPostgres

RunDesk = Callable[[Path], AbstractContextManager[None]]
Acta = Callable[..., subprocess.CompletedProcess[str]]

PETRA = {"email": "petra.prosser@example.org", "name": "Petronella Prosser"}
CANARIES = (
    "petra.prosser@example.org",
    "Petronella",
    "Prosser",
    "canary-title",
    "canary-description",
    "canary-reply",
    "canary-answer",
    "canary-note",
    "canary-hold",
    "canary-field",
    "canary-rating",
    "canary-resolution",
    "canary-elsewhere",
    "canary-redacted",
    "Castro",
    "carol@example.org",
)
"""Petra's name, address and words, others' words about her, a redacted note on another ticket, an agent's name."""
STAYS = "kestrel-stays"
PERIOD = "from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"
FIGURES = (
    *(
        f"/reports/{report}?{PERIOD}&by=department"
        for report in (
            *("volume", "backlog", "response-times", "resolution-times", "reopened", "reassigned", "workload"),
            "satisfaction",
        )
    ),
    f"/sla/attainment?{PERIOD}",
    "/queues",
    "/setup",
)


class Client:
    """Somebody who may do everything, at the running desk of a folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        desk = json.loads((home / "run.json").read_text())
        self._url, self._headers = desk["url"], {"Authorization": f"Bearer {desk['key']}"}

    def get(self, path: str) -> Any:
        answer = self._ask("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def ask(self, path: str) -> str:
        """Whatever the answer says, unpacked if it is packed."""
        content = self._ask("GET", path).content
        if not content.startswith(b"PK"):
            return content.decode(errors="replace")
        with ZipFile(BytesIO(content)) as packed:
            return "".join(packed.read(name).decode(errors="replace") for name in packed.namelist())

    def post(self, path: str, **body: Any) -> Any:
        answer = self._ask("POST", path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        self.position = int(answer.headers.get("acta-position", 0)) or self.position
        return answer.json()

    position = 0

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, f"{self._url}{path}", headers=self._headers, timeout=None, **more)

    def settle(self) -> None:
        """Wait until the views show what was done here last."""
        for path in ("/tickets", "/sla/clocks", "/audit", f"/reports/volume?{PERIOD}", "/record/access"):
            joint = "&" if "?" in path else "?"
            self.get(f"{path}{joint}wait_for={self.position}")


class Story:
    """What there is before anybody is forgotten."""

    def __init__(self, client: Client) -> None:
        body = {"department": "it", "title": "canary-title", "description": "canary-description", "requester": PETRA}
        opened = client.post(
            "/tickets", **body, request_type="access", form={"system": "vpn", "reason": "canary-field"}
        )
        self.number, self.ticket = opened["number"], opened["ticket"]
        on = f"/tickets/{self.number}"
        client.post(f"{on}/assign", assignee="alice", reason="canary-note")
        client.post(f"{on}/reply", text="canary-answer")
        client.post(f"{on}/note", text="canary-note: Petronella rang")
        client.post(f"{on}/hold", reason="requester", comment="canary-hold")
        client.post(f"{on}/resume")
        client.post(f"{on}/classify", title="canary-title again")
        client.post(f"{on}/resolve", code="fixed", notes="canary-resolution")
        self.person = client.get(on)["requester"]
        other = client.post("/tickets", department="it", title=STAYS, requester={"email": "kim@example.org"})
        self.other = other["number"]
        noted = client.post(f"/tickets/{self.other}/note", text="canary-redacted")
        self.redacted = noted["version"]
        client.settle()
        self.figures = figures(client)


def figures(client: Client) -> dict[str, Any]:
    """Every figure, but for the moment at which it was asked."""
    found = {path: client.get(path) for path in FIGURES}
    for answer in found.values():
        for moment in ("at", "as_of", "generated_at", "position", "version"):
            answer.pop(moment, None)
    return found


def clocks(client: Client, story: Story) -> list[Any]:
    """The clocks of both tickets, which have ended or go on by the same targets."""
    found = []
    for number in (story.number, story.other):
        for clock in client.get(f"/tickets/{number}/clocks")["clocks"]:
            found.append(
                [clock.get(name) for name in ("clock", "instance", "status", "due_at", "started_at", "ended_at")]
            )
    return found


@pytest.fixture
def began(tmp_path: Path, run_desk: RunDesk) -> tuple[Path, Story, list[Any], Path]:
    """A desk at rest after its story, and a copy of its cluster."""
    home = tmp_path / "home"
    with run_desk(home):
        client = Client(home)
        story = Story(client)
        ended = clocks(client, story)
    copy = tmp_path / "backup"
    subprocess.run(["cp", "-a", home / "postgres" / "cluster", copy], check=True)
    assert found_in(home / "postgres" / "cluster"), "the views hold it before"
    return home, story, ended, copy


def found_in(folder: Path) -> set[str]:
    """The canaries that stand anywhere in the files of a folder, the write-ahead log apart."""
    found = set()
    for file in folder.rglob("*"):
        if file.is_file() and "pg_wal" not in file.parts:
            content = file.read_bytes().lower()
            found |= {canary for canary in CANARIES if canary.lower().encode() in content}
    return found


def checkpoint(home: Path) -> str:
    """Write out everything, and say what every table of the database holds, as its superuser reads it."""
    with EmbeddedPostgres(home / "postgres") as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("ANALYZE")
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'm', 'S', 't')"
        ).fetchall()
        held = "".join(repr(connection.execute(f"SELECT * FROM {name}").fetchall()) for (name,) in tables)
        connection.execute("CHECKPOINT")
        connection.execute("CHECKPOINT")
        return held


def answers(client: Client, story: Story) -> Iterator[tuple[str, str]]:
    """Every address that can be read, with what it answers."""
    for path, item in client.get("/openapi.json")["paths"].items():
        if "get" in item:
            for number in (story.number, story.other):
                address = filled(path, item["get"].get("parameters", ()), number, story.person)
                yield address, client.ask(address)
    for canary in CANARIES:
        yield f"search for {canary}", client.ask(f"/tickets?state=any&q={canary.partition('@')[0]}")


def filled(path: str, parameters: Sequence[dict[str, Any]], number: int, person: str) -> str:
    """An address with everything in it that it needs."""
    known = {"ref": person if path.startswith("/persons") else number, "ticket": number, "person": person}
    known |= {"queue": "service-desk", "kind": "agents", "handle": "carol", "report": "volume", "place": "0/000"}
    known |= {"from": "1", "to": "3", "email": "somebody@example.org", "position": 1, "size": 1}
    if path.startswith(("/reports", "/sla")):
        known |= {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}
    given = {}
    for one in parameters:
        shape = one.get("schema", {})
        choices = [*shape.get("enum", ()), *shape.get("examples", ()), one.get("example")]
        given[one["name"]] = known.get(one["name"], choices[0])
    query = [
        f"{one['name']}={given[one['name']]}" for one in parameters if one["in"] == "query" and one.get("required")
    ]
    return path.format(**given) + ("?" + "&".join(query) if query else "")


def must_be_gone(home: Path, story: Story) -> None:
    client = Client(home)
    for path, answer in answers(client, story):
        assert not [canary for canary in CANARIES if canary in answer], path
    assert client.get("/tickets?state=any&q=canary")["tickets"] == []
    assert client.get(f"/tickets/{story.number}")["title"] == "[erased]"
    assert client.get(f"/tickets/{story.other}")["title"] == STAYS
    held = checkpoint(home)
    assert not [canary for canary in CANARIES if canary in held]
    assert found_in(home) == set()
    assert STAYS in held


def test_nothing_of_a_person_is_left_and_everything_else_stands(
    began: tuple[Path, Story, list[Any], Path], run_desk: RunDesk, acta: Acta, tmp_path: Path
) -> None:
    home, story, ended, backup = began
    with run_desk(home):
        client = Client(home)
        shown = acta(home, "erase", PETRA["email"], "--dry-run")
        assert (shown.returncode, f"ticket #{story.number}" in shown.stdout) == (0, True), shown.stderr
        client.post(f"/tickets/{story.other}/redact", versions=[story.redacted], reason="the wrong ticket")
        for person in (PETRA["email"], "agent:carol"):
            said = acta(home, "erase", person, "--ground", "GDPR Art. 17(1)(b)")
            assert said.returncode == 0, said.stdout + said.stderr
            assert "Erased: ordered at position" in said.stdout
        again = acta(home, "erase", story.person, "--ground", "once more")
        assert (again.returncode, "was erased" in again.stderr) == (1, True)
        nobody = acta(home, "erase", "nobody@example.org", "--ground", "whoever")
        assert (nobody.returncode, "no such person" in nobody.stderr) == (1, True)
        must_be_gone(home, story)
        for form in ("xes", "ocel"):
            exported = acta(home, "export", form)
            assert not [canary for canary in CANARIES if canary in exported.stdout]
        bundle = tmp_path / "bundle.zip"
        made = acta(home, "bundle", str(story.number), "--out", str(bundle))
        assert made.returncode == 0, made.stderr
        checked = acta(tmp_path / "elsewhere", "verify-bundle", str(bundle))
        assert checked.returncode == 0, checked.stdout + checked.stderr
        client.settle()
        assert figures(client) == story.figures
        assert clocks(client, story) == ended
        verified = acta(home, "verify")
        assert verified.returncode == 0, verified.stdout
        assert verified.stdout.startswith("As signed: ")
    subprocess.run(["rm", "-rf", home / "postgres" / "cluster"], check=True)
    subprocess.run(["cp", "-a", backup, home / "postgres" / "cluster"], check=True)
    with run_desk(home):
        must_be_gone(home, story)
