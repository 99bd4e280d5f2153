"""A desk that is asked to end closes what it has opened."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path


def test_whoever_has_ended_leaves_no_database_running(
    tmp_path: Path, run_desk: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with run_desk(tmp_path):
        assert (tmp_path / "postgres" / "cluster" / "postmaster.pid").exists()
    assert not (tmp_path / "postgres" / "cluster" / "postmaster.pid").exists()
