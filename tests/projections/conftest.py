"""A database of its own for each test of a view."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a new, empty database."""
    with psycopg.connect(database, autocommit=True) as fresh:
        yield fresh
