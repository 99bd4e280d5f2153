"""Settings: what is wrong is said with the name of the variable, before anything starts."""

from base64 import b64encode
from pathlib import Path

import pytest

from deploy.settings import SettingsError, key_encryption_key, read

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACTA_PORT", "eighty"),
        ("ACTA_PORT", "70000"),
        ("ACTA_PARTITIONS", "0"),
        ("ACTA_LOG_LEVEL", "loud"),
        ("ACTA_DATABSE_URL", "postgresql://x"),
    ],
)
def test_a_wrong_or_unknown_setting_is_named(variable: str, value: str):
    with pytest.raises(SettingsError, match=variable):
        read({variable: value})


def test_the_flag_that_loses_events_is_refused():
    with pytest.raises(SettingsError, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        read({"POSTGRES_ENABLE_DB_FUNCTIONS": "y"})


def test_what_is_not_ours_and_what_is_empty_does_not_matter():
    assert read({"HOME": "/root", "ACTA_PORT": "", "ACTA_TEST_KAFKA": "x", "ACTA_KAFKA": "a:1, b:2"}).kafka == (
        "a:1",
        "b:2",
    )


def test_no_password_is_shown_with_the_settings():
    assert "secret" not in repr(read({"ACTA_DATABASE_URL": "postgresql://acta_app:secret@db/acta"}))


@pytest.mark.parametrize("content", [KEY, KEY.hex().encode() + b"\n", b64encode(KEY)], ids=["raw", "hex", "base64"])
def test_the_key_is_read_raw_in_hexadecimal_or_as_base64(tmp_path: Path, content: bytes):
    (tmp_path / "kek").write_bytes(content)
    assert key_encryption_key(tmp_path / "kek") == KEY


@pytest.mark.parametrize("content", [b"", b"short", KEY + b"x", b"\xff" * 31])
def test_anything_else_is_no_key_and_is_not_repeated(tmp_path: Path, content: bytes):
    (tmp_path / "kek").write_bytes(content)
    with pytest.raises(SettingsError, match="ACTA_KEK_FILE") as why:
        key_encryption_key(tmp_path / "kek")
    assert "short" not in str(why.value)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match="nowhere"):
        key_encryption_key(tmp_path / "nowhere")
