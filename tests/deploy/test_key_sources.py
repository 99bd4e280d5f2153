"""Keys: from a file, the environment or a command, and shown to nobody."""

import logging
import os
import pickle
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy import key_sources, wiring
from deploy.child import wait_gone
from deploy.embedded import EmbeddedPostgres
from deploy.key_sources import key_from, keys_from, secret_bytes, source_of
from deploy.settings import SettingsError, read
from desks import KEK, as_role, open_desk, prepare

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
HEX = KEY.hex()


def kek_of(home: Path, **variables: str) -> tuple[bytes, ...]:
    return keys_from(source_of(read({"ACTA_HOME": str(home), **variables}), "kek"))


def a_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def a_program(path: Path, text: str) -> str:
    return str(a_file(path, f"#!/bin/sh\n{text}\n".encode(), 0o700))


@pytest.mark.parametrize("content", [KEY, HEX.encode() + b"\n", b64encode(KEY)], ids=["raw", "hex", "base64"])
def test_a_key_is_read_raw_in_hexadecimal_or_as_base64_wherever_it_is(tmp_path: Path, content: bytes):
    file = a_file(tmp_path / "key", content)
    assert secret_bytes(file, "ACTA_KEK_FILE") == KEY
    assert kek_of(tmp_path, ACTA_KEK_FILE=str(file)) == (KEY,)
    assert kek_of(tmp_path, ACTA_KEK_COMMAND=f"cat '{file}'") == (KEY,)
    if content != KEY:
        assert kek_of(tmp_path, ACTA_KEK=content.decode()) == (KEY,)


def test_several_key_encryption_keys_keep_their_order_and_of_signing_keys_there_is_one(tmp_path: Path):
    both = f"{OTHER.hex()}\n{b64encode(KEY).decode()}\n"
    assert kek_of(tmp_path, ACTA_KEK=both) == (OTHER, KEY)
    with pytest.raises(SettingsError, match="ACTA_LEDGER_KEY: holds 2 keys"):
        key_from(source_of(read({"ACTA_LEDGER_KEY": both}), "ledger_key"))


@pytest.mark.parametrize(
    "content", [b"", b"short", KEY + b"x", b"\xff" * 31, HEX[:-2].encode(), b"short\n" + HEX.encode()]
)
def test_anything_else_is_no_key_and_is_not_repeated(tmp_path: Path, content: bytes):
    file = a_file(tmp_path / "key", content)
    for variable, value in (("ACTA_KEK_FILE", str(file)), ("ACTA_KEK_COMMAND", f"cat {file}")):
        with pytest.raises(SettingsError, match=f"{variable}: .*must hold 32 bytes") as why:
            kek_of(tmp_path, **{variable: value})
        assert "short" not in str(why.value)
        assert HEX[:8] not in str(why.value)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"ACTA_KEK_FILE: .*nowhere"):
        kek_of(tmp_path, ACTA_KEK_FILE=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1)])
def test_a_key_file_that_others_may_open_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: int
):
    file = a_file(tmp_path / "key", HEX.encode(), mode)
    assert kek_of(tmp_path, ACTA_KEK_FILE=str(file)) == (KEY,)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * warned
    assert HEX not in caplog.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"echo {HEX}; exit 3", "ended with status 3"),
        (f"echo {HEX} >&2", "must hold 32 bytes"),
    ],
)
def test_a_command_that_fails_is_named_and_what_it_printed_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, why: str
):
    with pytest.raises(SettingsError, match=f"ACTA_KEK_COMMAND: .*{why}") as fault:
        kek_of(tmp_path, ACTA_KEK_COMMAND=a_program(tmp_path / "kms", text))
    assert HEX not in str(fault.value)
    assert HEX not in "".join(capfd.readouterr())


@pytest.mark.parametrize("command", ["/nowhere/kms get", "'unbalanced", "''", " "])
def test_a_command_that_is_none_is_named(tmp_path: Path, command: str):
    with pytest.raises(SettingsError, match="ACTA_KEK_COMMAND: its program cannot be started"):
        kek_of(tmp_path, ACTA_KEK_COMMAND=command)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_sources, "COMMAND_SECONDS", 3)
    pid = tmp_path / "pid"
    started = f"sleep infinity > /dev/null & echo $! > {pid}; wait"
    with pytest.raises(SettingsError, match="ACTA_KEK_COMMAND: the command gave no key"):
        kek_of(tmp_path, ACTA_KEK_COMMAND=a_program(tmp_path / "kms", started))
    left = [process for process in psutil.process_iter() if process.pid == int(pid.read_text())]
    assert wait_gone(left, 60) == []


def test_a_command_is_given_no_key(tmp_path: Path):
    seen = tmp_path / "seen"
    command = a_program(tmp_path / "kms", f"env > {seen}; echo {HEX}")
    os.environ["ACTA_LEDGER_KEY"] = OTHER.hex()
    try:
        assert kek_of(tmp_path, ACTA_KEK_COMMAND=command) == (KEY,)
    finally:
        del os.environ["ACTA_LEDGER_KEY"]
    assert OTHER.hex() not in seen.read_text()


def test_at_the_first_start_a_key_is_drawn_and_its_loss_is_explained(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    first = wiring.kek(read({"ACTA_HOME": str(tmp_path)}))
    assert (tmp_path / "kek").stat().st_mode & 0o777 == 0o600
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "ACTA_KEK_FILE" in caplog.text
    assert "when it is lost they are lost" in caplog.text
    assert (tmp_path / "kek").read_bytes().hex() not in caplog.text
    assert wiring.kek(read({"ACTA_HOME": str(tmp_path)})).ids == first.ids
    assert len(caplog.records) == 1


def test_a_key_ring_goes_to_another_process_without_its_keys(tmp_path: Path):
    file = a_file(tmp_path / "key", HEX.encode())
    ring = wiring.kek(read({"ACTA_HOME": str(tmp_path), "ACTA_KEK_FILE": str(file)}))
    sent = pickle.dumps(ring)
    assert KEY not in sent
    assert HEX.encode() not in sent
    assert pickle.loads(sent).ids == ring.ids


def test_with_the_wrong_key_a_desk_does_not_start_and_says_which_setting_is_wrong(tmp_path: Path, database: str):
    prepare(database)
    with open_desk(database):
        pass
    right = {"ACTA_HOME": str(tmp_path), "ACTA_DATABASE_URL": as_role(database, "acta_app"), "ACTA_KEK": KEK.hex()}
    with wiring.desk(read(right)):
        pass
    with (
        pytest.raises(SettingsError, match=r"^ACTA_KEK: not the key-encryption key") as why,
        wiring.desk(read(right | {"ACTA_KEK": OTHER.hex()})),
    ):
        pytest.fail("it started")
    assert OTHER.hex() not in str(why.value)
    assert why.value.__cause__ is None
    assert why.value.__suppress_context__


_HOLDER = """
import ctypes, os, resource, sys
from pathlib import Path
from deploy.embedded import EmbeddedPostgres
from deploy.key_sources import keys_from, source_of
from deploy.settings import read

keys_from(source_of(read(os.environ), "kek"))
print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE)[0])
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(len(server.dsn()) > 0)
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux about its processes")
def test_a_process_with_a_key_leaves_no_dump_and_its_database_server_knows_no_key(tmp_path: Path):
    key = os.urandom(32).hex()  # in no process of another test
    environment = os.environ | {"ACTA_KEK": key, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "server")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "0 0\n"
        assert holder.stdout.readline() == "True\n"
        pid = EmbeddedPostgres(tmp_path / "server").pid
        assert key.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert key.encode() not in place.read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
        holder.send_signal(signal.SIGINT)
        holder.stdin.close()  # type: ignore[union-attr]


def test_the_store_holds_no_key_encryption_key(tmp_path: Path, database: str):
    prepare(database)
    with open_desk(database), psycopg.connect(database) as connection:
        rows = str(connection.execute("SELECT * FROM acta_keys.subject_keys").fetchall())
    assert KEK.hex() not in rows
