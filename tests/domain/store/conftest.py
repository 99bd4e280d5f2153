"""A place of files, for the tests of what is stored in one."""

from pathlib import Path

import pytest

from domain.store.places import Directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def place(folder: Path) -> Directory:
    return Directory(folder)
