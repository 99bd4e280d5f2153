"""A stage for each test."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deploy.embedded import EmbeddedPostgres
from desks import prepare
from machines import Broker, Prepare
from stages import Stage, make_stage


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def stage(database: str, kafka: Broker, topics: str, tmp_path: Path) -> Iterator[Stage]:
    made = make_stage(database, kafka, topics, tmp_path)
    yield made
    made.clear()


@pytest.fixture
def mortal_postgres() -> Iterator[EmbeddedPostgres]:
    """A server for a test that kills it."""
    with TemporaryDirectory(prefix="acta-mortal-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server
