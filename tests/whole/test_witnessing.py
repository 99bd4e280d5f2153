"""`acta witness` beside a running desk, and what `acta verify` makes of its cosignatures."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

import pytest

from domain.record.cosignature import Cosigner
from domain.record.note import Signer

Acta = Callable[..., subprocess.CompletedProcess[str]]
NAME = "witness.example/w1"
SEED = bytes(range(32))
VKEY = Cosigner(NAME, SEED).witness.vkey


@pytest.fixture
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the desk mirrors its log."""
    return tmp_path_factory.mktemp("web") / "log"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, mirror: Path) -> None:
    """The desk that starts after this takes the witness's word, and mirrors its log."""
    monkeypatch.setenv("ACTA_WITNESSES", VKEY)
    monkeypatch.setenv("ACTA_LEDGER_MIRROR", str(mirror))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the witness has its key."""
    place = tmp_path_factory.mktemp("witness") / "key"
    place.touch(mode=0o600)
    place.write_bytes(SEED)
    return place


@pytest.fixture
def look(home: Path, key: Path, acta: Acta) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Let the witness look once at the running desk, once that offers something."""
    pause = Flag()
    while not (home / "ledger" / "offered").exists():
        pause.wait(0.05)
    desk = json.loads((home / "run.json").read_text())

    def look(*more: str) -> subprocess.CompletedProcess[str]:
        words = ["--log", f"{desk['url']}/record", "--token", desk["key"], "--key", str(key), "--name", NAME, "--once"]
        return acta(home, "witness", *words, *more)

    return look


def test_a_witness_cosigns_a_running_desk_and_verify_can_demand_it(home: Path, acta: Acta, look) -> None:
    demanded = acta(home, "verify", "--witness", VKEY)
    assert demanded.returncode == 1
    assert "no checkpoint here is cosigned by witness.example/w1" in demanded.stdout
    first = look("--log-key", (home / "ledger" / "key").read_text())
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"This witness is {VKEY}\nCosigned: ")
    assert look().returncode == 0
    demanded = acta(home, "verify", "--witness", VKEY)
    assert demanded.returncode == 0, demanded.stderr
    assert "Cosigned by witness.example/w1: the first " in demanded.stdout
    status = acta(home, "status")
    assert re.search(r"ledger *│ *│ *[1-9][0-9]* *│ *0 *│ *0.0", status.stdout), status.stdout
    assert re.search(r"witness.example/w1 *│ *│ *[1-9][0-9]* ", status.stdout), status.stdout
    assert "The transparency log was signed last at 20" in status.stdout
    stranger = acta(home, "verify", "--witness", Cosigner(NAME, bytes(32)).witness.vkey)
    assert stranger.returncode == 1


def test_a_desk_mirrors_its_log_as_plain_files(home: Path, mirror: Path) -> None:
    pause = Flag()
    while not (mirror / "checkpoint").exists():
        pause.wait(0.05)
    note = (mirror / "checkpoint").read_text()
    size = Signer("acta.local/record", (home / "ledger.key").read_bytes()).verifier.open(note).size
    assert len((mirror / "tile" / "0" / "000.p" / str(size)).read_bytes()) == size * 32


def test_what_contradicts_ends_with_one_and_says_what(home: Path, key: Path, look) -> None:
    assert look("--log-key", (home / "ledger" / "key").read_text()).returncode == 0
    signer = Signer("acta.local/record", (home / "ledger.key").read_bytes())
    kept = key.with_name("key.cosigned")
    cosigned = signer.note(signer.verifier.open(kept.read_text()).size, bytes(32))
    kept.write_text(cosigned + Cosigner(NAME, SEED).line(cosigned, datetime.now(UTC)))
    alarm = look()
    assert alarm.returncode == 1
    assert "acta: ALARM: the log " in alarm.stderr
    assert "cosigned" in alarm.stderr
    assert len(list(key.with_name("key.cosigned.evidence").iterdir())) == 2


def test_what_a_witness_lacks_is_said_in_a_line(home: Path, look) -> None:
    keyless = look()
    assert keyless.returncode == 2
    assert "--log-key" in keyless.stderr
    assert look("--log-key", "x").returncode == 2
    vkey = (home / "ledger" / "key").read_text()
    gone = look("--log-key", vkey, "--log", "http://127.0.0.1:9/record")
    assert gone.returncode == 3
    assert "cannot be reached" in gone.stderr
    other = look("--log-key", Signer("acta.local/record", bytes(32)).verifier.vkey)
    assert other.returncode == 1
    assert "names another key of the log" in other.stderr


def test_a_key_of_its_own_is_drawn_for_its_owner_only_and_one_whom_the_desk_does_not_know_is_told(
    home: Path, key: Path, look
) -> None:
    key.unlink()
    told = look("--log-key", (home / "ledger" / "key").read_text())
    assert told.returncode == 4
    assert "ACTA_WITNESSES" in told.stderr
    assert key.stat().st_mode & 0o777 == 0o600
