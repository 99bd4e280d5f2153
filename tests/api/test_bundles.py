"""Evidence bundles over HTTP: who may have one, that it is recorded, and that it needs nothing of the desk later."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.evidence.archive import BundleRefused
from api.evidence.checking import check
from consumers.erasing import Eraser
from consumers.erasures import Erasures
from desk_talk import done, opened, refused
from domain.record.cosignature import Cosigner
from domain.store.places import Directory
from ledgers import SIGNER, sign_now
from projections.views import ALL

WITNESS = Cosigner("witness.example/1", bytes([1] * 32))
ALONE = """
import sys
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system")
def refuse(event, given):
    if event in FORBIDDEN:
        raise SystemExit(f"reached out: {event}")
sys.addaudithook(refuse)
from deploy.cli import main
main()
"""
"""The command line in a process that ends as soon as it asks for a network or another program."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def house(build_house, folder):
    house = build_house(ledger=folder, wait_seconds=0.5)
    house.configure()
    return house


@pytest.fixture
def ticket(house, admin) -> str:
    number = opened(admin, title="VPN down", requester={"email": "petra@example.org", "name": "Petra Prosser"})
    done(admin, number, "note", text="the old certificate")
    return number


@pytest.fixture
def sign(house, folder):
    """Let the views show and the log sign everything that is recorded."""

    def sign() -> None:
        house.settle()
        house.catch_up()
        sign_now(house.desk.store, folder)

    return sign


@pytest.fixture
def compliance(house):
    return house.caller("audrey", "compliance", "it")


def test_compliance_is_handed_a_bundle_that_holds(compliance, ticket, sign):
    sign()
    answer = compliance.get(f"/record/tickets/{ticket}/bundle?timezone=Europe/Berlin")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="evidence-{ticket}.zip"'
    story = check(answer.content, vkey=SIGNER.verifier.vkey).story
    assert story.zone.key == "Europe/Berlin"
    assert story.bundle.description.made_by.id == "audrey"
    assert story.today.title == "VPN down"


def test_who_looked_is_in_the_next_bundle_also_who_had_one_made(compliance, alice, henry, ticket, sign):
    assert alice.get(f"/tickets/{ticket}").status_code == 200
    refused(henry.get(f"/tickets/{ticket}"), 404, "ticket-not-found")
    sign()
    compliance.get(f"/record/tickets/{ticket}/bundle")
    sign()
    told = check(compliance.get(f"/record/tickets/{ticket}/bundle").content).story.access
    assert [(one.event.act.actor.id, one.event.TYPE) for one in told] == [
        ("alice", "access.read.v1"),
        ("henry", "access.refused.v1"),
        ("audrey", "access.read.v1"),
    ]
    assert told[-1].event.operation == "get-ticket-bundle"
    assert told[-1].event.permission == "record.evidence"


def test_a_bundle_is_for_those_who_may_have_evidence_of_the_department(house, alice, rita, ticket, sign):
    sign()
    path = f"/record/tickets/{ticket}/bundle"
    for caller in (alice, rita):
        assert refused(caller.get(path), 403, "not-allowed")["permission"] == "record.evidence"
    elsewhere = house.caller("edith", "compliance", "hr")
    refused(elsewhere.get(path), 404, "ticket-not-found")
    house.grant("edith", "agent", "it")
    both = house.client(house.key("edith"))
    assert refused(both.get(path), 403, "not-allowed")["permission"] == "record.evidence"
    assert house.client().get(path).status_code == 401


def test_a_ticket_that_is_not_there_is_not_found(compliance, sign):
    sign()
    refused(compliance.get("/record/tickets/4711/bundle"), 404, "ticket-not-found")


def test_a_bundle_waits_for_a_checkpoint_and_says_so(house, compliance, ticket, sign):
    sign()
    done(house.caller("root", "admin", "*"), ticket, "note", text="newer than the checkpoint")
    house.settle()
    house.catch_up()
    answer = compliance.get(f"/record/tickets/{ticket}/bundle")
    assert refused(answer, 503, "not-yet")["detail"] == "No checkpoint signs the newest events yet."


def test_a_zone_that_does_not_exist_is_refused(compliance, ticket, sign):
    sign()
    refused(compliance.get(f"/record/tickets/{ticket}/bundle?timezone=Mars/Olympus"), 422, "not-valid")


def test_older_checkpoints_are_shown_to_be_beginnings_of_the_log(compliance, admin, ticket, sign, folder):
    sign()
    old = (folder / "checkpoint").read_text()
    done(admin, ticket, "note", text="later")
    sign()
    size = int(old.split("\n")[1])
    packed = compliance.get(f"/record/tickets/{ticket}/bundle?kept={size}&kept=0&kept=99999999").content
    assert check(packed, kept=[old]).kept == (size,)


@pytest.fixture
def carry_out(house, database, tmp_path):
    """What the eraser does."""
    eraser = Eraser(house.desk, database, ALL, Erasures(tmp_path / "erasures"), Directory(tmp_path / "attachments"))

    def carried_out() -> None:
        eraser.carry_out(eraser.waiting())

    return carried_out


def test_what_was_redacted_or_erased_is_in_no_later_bundle_which_still_holds(
    house, admin, compliance, ticket, sign, carry_out
):
    done(admin, ticket, "note", text="about the wrong person")
    sign()
    path = f"/record/tickets/{ticket}/bundle"
    before = check(compliance.get(path).content).story
    last = before.today.version
    redacted = admin.post(f"/tickets/{ticket}/redact", json={"versions": [last], "reason": "wrong person"})
    assert redacted.status_code == 200, redacted.text
    carry_out()
    sign()
    packed = compliance.get(path).content
    assert b"about the wrong person" not in packed
    assert b"the old certificate" in packed
    assert check(packed).story.ticket[last - 1].event.withheld == "erased"
    ordered = admin.post(f"/persons/{before.today.requester}/erase", json={"ground": "GDPR Art. 17(1)(b)"})
    assert ordered.status_code == 202, ordered.text
    carry_out()
    sign()
    packed = compliance.get(path).content
    for gone in (b"the old certificate", b"VPN down", b"Petra", b"petra@example.org"):
        assert gone not in packed
    story = check(packed).story
    assert story.today.version == last + 1
    assert story.today.title == "[erased]"
    assert "person.erasure-ordered.v1" in {one.event.TYPE for one in story.persons}


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`acta` with nothing of the desk: an empty folder, no settings, no network."""
    command = [sys.executable, "-c", ALONE, *words]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(Path.cwd())}, capture_output=True, text=True, check=False
    )


def test_it_is_verified_without_desk_database_network_or_settings(compliance, ticket, sign, folder, tmp_path):
    sign()
    elsewhere = tmp_path / "court"
    elsewhere.mkdir()
    packed = compliance.get(f"/record/tickets/{ticket}/bundle").content
    (elsewhere / "evidence.zip").write_bytes(packed)
    (elsewhere / "kept.txt").write_text((folder / "checkpoint").read_text())
    said = alone(elsewhere, "verify-bundle", "evidence.zip")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"VALID: ticket #{ticket}, versions 1 to ")
    assert "That the key named is the log’s" in said.stdout
    strict = alone(
        elsewhere,
        *("verify-bundle", "evidence.zip", "--key", SIGNER.verifier.vkey, "--checkpoint", "kept.txt"),
        *("--html", "told.html"),
    )
    assert strict.returncode == 0, strict.stderr
    assert "That the key named is the log’s" not in strict.stdout
    assert "VPN down" in (elsewhere / "told.html").read_text()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["evidence.zip", "kept.txt", "told.html"]
    (elsewhere / "evidence.zip").write_bytes(packed.replace(b"VPN down", b"LAN down"))
    wrong = alone(elsewhere, "verify-bundle", "evidence.zip")
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("NOT VALID: evidence.html is not the file whose digest stands in manifest.json.")
    assert "no such" in alone(elsewhere, "verify-bundle", "gone.zip").stderr.lower()


def test_checking_loads_no_server_and_no_broker(tmp_path):
    seen = "import api.evidence.checking, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    said = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True, env={})
    assert not {"fastapi", "starlette", "uvicorn", "kafka", "eventsourcing", "psycopg_pool"} & set(said.stdout.split())


def test_a_bundle_is_under_a_cosigned_checkpoint_which_can_be_demanded(build_house, folder, tmp_path):
    house = build_house(
        ledger=folder, witnesses=(WITNESS.witness,), cosignatures=tmp_path / "cosigned", wait_seconds=0.5
    )
    house.configure()
    number = opened(house.caller("root", "admin", "*"), title="VPN down")
    compliance, notary = house.caller("audrey", "compliance", "it"), house.caller("notary", "witness", "*")
    house.settle()
    house.catch_up()
    sign_now(house.desk.store, folder)
    plain = compliance.get(f"/record/tickets/{number}/bundle").content
    with pytest.raises(BundleRefused, match=r"not cosigned by witness\.example"):
        check(plain, witnesses=[WITNESS.witness])
    house.settle()
    house.catch_up()
    sign_now(house.desk.store, folder)
    note = notary.get("/record/checkpoint").text
    line = WITNESS.line(note, datetime(2026, 11, 26, tzinfo=UTC))
    assert notary.post("/record/cosignatures", json={"size": int(note.split("\n")[1]), "line": line}).is_success
    cosigned = compliance.get(f"/record/tickets/{number}/bundle").content
    place = tmp_path / "cosigned.zip"
    place.write_bytes(cosigned)
    said = alone(tmp_path, "verify-bundle", str(place), "--witness", WITNESS.witness.vkey)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "witness.example/1 has cosigned the checkpoint, at 2026-11-26 00:00:00 UTC" in said.stdout
    assert "another history" not in said.stdout
