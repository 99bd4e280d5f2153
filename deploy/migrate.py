"""Putting the store into a database: roles, schema, grants. Can be run again; done once, before any worker starts."""

from importlib.resources import files

import psycopg

_LOCK = 4021986


def migrate(owner_dsn: str) -> None:
    """Create or bring up to date what the store needs.

    ``owner_dsn`` is of a role that may create roles and grant on the database; it is used for nothing else. Two
    processes that start together wait for each other.
    """
    with psycopg.connect(owner_dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(_sql("deploy", "sql/roles.sql"))
        connection.execute("SET LOCAL ROLE acta_owner")
        connection.execute(_sql("domain.store", "schema.sql"))
        connection.execute(_sql("deploy", "sql/grants.sql"))


def _sql(package: str, name: str) -> bytes:
    return files(package).joinpath(name).read_bytes()
