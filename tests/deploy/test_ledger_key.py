"""The key that signs the log: drawn once, readable for its owner only, told to nobody."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy import wiring
from deploy.settings import Settings, SettingsError, read


def settings(home: Path, **more: str) -> Settings:
    return read({"ACTA_HOME": str(home), **more})


def test_at_the_first_start_a_key_is_drawn_for_its_owner_only_and_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = wiring.signer(settings(tmp_path))
    key = tmp_path / "ledger.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "ACTA_LEDGER_KEY_FILE" in caplog.text
    assert key.read_bytes().hex() not in caplog.text
    assert wiring.signer(settings(tmp_path)).verifier.vkey == first.verifier.vkey
    assert len(caplog.records) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.key"]


def test_of_processes_that_start_at_once_all_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        signers = list(threads.map(lambda _: wiring.signer(settings(tmp_path)), range(32)))
    assert len({signer.verifier.vkey for signer in signers}) == 1


def test_a_key_that_is_named_is_never_drawn(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ACTA_LEDGER_KEY_FILE"):
        wiring.signer(settings(tmp_path, ACTA_LEDGER_KEY_FILE=str(tmp_path / "nowhere")))
    assert not list(tmp_path.iterdir())


def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not so secret")
    with pytest.raises(SettingsError, match="ACTA_LEDGER_KEY_FILE") as why:
        wiring.signer(settings(tmp_path, ACTA_LEDGER_KEY_FILE=str(tmp_path / "key")))
    assert "secret" not in str(why.value).removeprefix("ACTA_LEDGER_KEY_FILE")


def test_the_origin_names_the_key(tmp_path: Path) -> None:
    signer = wiring.signer(settings(tmp_path, ACTA_LEDGER_ORIGIN="desk.example.org/record"))
    assert signer.verifier.vkey.startswith("desk.example.org/record+")


@pytest.mark.parametrize("origin", ["a b", "a+b", "x" * 201, "a\nb"])
def test_an_origin_that_would_break_the_format_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SettingsError, match="ACTA_LEDGER_ORIGIN"):
        settings(tmp_path, ACTA_LEDGER_ORIGIN=origin)
