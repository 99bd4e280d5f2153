"""A desk in a database of its own, and the same desk beside it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from desks import KEK, as_role, open_desk, prepare
from domain.desk import Desk


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    prepare(database)
    with open_desk(database) as desk:
        yield desk


@pytest.fixture
def another(desk: Desk, database: str) -> Iterator[Desk]:
    """The same desk in another process, in all but memory."""
    with closing(Desk(as_role(database, "acta_app"), KEK)) as another:
        yield another
