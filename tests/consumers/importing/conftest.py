"""A real desk to import into, and the part of the real log that is at hand, if it is."""

import lzma
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from desks import open_desk, prepare
from domain.desk import Desk

REAL_LOG = Path(__file__).parents[4] / "shared" / "data" / "incident_event_log.csv.xz"


@pytest.fixture(scope="session")
def database_template():
    return prepare


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    """A desk on which nothing is configured."""
    with open_desk(database, configured=False) as desk:
        yield desk


@pytest.fixture
def part_of_the_real_log(tmp_path: Path) -> Path:
    """The first rows of the real log, cut between two incidents."""
    if not REAL_LOG.is_file():
        pytest.skip(f"THE REAL LOG IS NOT AT {REAL_LOG}: the import was tested with a made one only")
    path = tmp_path / "part.csv"
    with lzma.open(REAL_LOG, "rt", encoding="utf-8") as log, path.open("w", encoding="utf-8") as part:
        part.writelines(islice(log, 3_001))
    return path
