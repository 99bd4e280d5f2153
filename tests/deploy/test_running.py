"""Running a desk: what cannot be had is said with the setting at fault, and a folder has one desk."""

import json
from pathlib import Path

import pytest

from deploy import wiring
from deploy.running import alone, listen, note
from deploy.settings import Settings, SettingsError, read


def settings(home: Path, port: int = 0) -> Settings:
    return read({"ACTA_HOME": str(home), "ACTA_PORT": str(port)})


def test_a_port_that_is_taken_is_named(tmp_path: Path):
    with listen(settings(tmp_path)) as first:
        taken = first.getsockname()[1]
        with pytest.raises(SettingsError, match=f"ACTA_PORT: 127.0.0.1:{taken}"):
            listen(settings(tmp_path, taken))


def test_a_folder_that_is_none_is_named(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError, match="ACTA_HOME"):
        wiring.folder(settings(file))


def test_a_second_desk_in_the_same_folder_does_not_start(tmp_path: Path):
    with alone(settings(tmp_path)):
        with pytest.raises(SettingsError, match="already"), alone(settings(tmp_path)):
            pytest.fail("two desks in one folder")
        with alone(settings(tmp_path / "other")):
            pass
    with alone(settings(tmp_path)):
        pass


def test_the_key_in_run_json_is_readable_for_its_owner_only(tmp_path: Path):
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        note(tmp_path, url, "acta_key")
        assert json.loads((tmp_path / "run.json").read_text()) == {"url": url, "key": "acta_key"}
        assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
