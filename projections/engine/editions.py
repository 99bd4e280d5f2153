"""The editions of each view, which of them is current, and how far each has read: the schema ``projections``.

A view's edition is one build of its tables, in the schema ``<view>_v<version>``, or ``<view>_v<version>_<generation>``
when the same version is built again. Readers use the schema ``<view>``, whose plain views show the current edition.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from projections.engine.dictionary import publish
from projections.engine.errors import Fenced, OtherFeed, ViewChanged, ViewMissing, ViewStopped
from projections.engine.tables import as_of_function, create_indexes, create_tables, stable_views
from projections.engine.view import View

Connection = psycopg.Connection[Any]

STORE = -1
"""The partition that stands for the store's own feed."""

UNKNOWN = -1
"""An offset nobody knows: find it by time, the mark's position skips what is counted already."""

_RETIRED = -2
"""The offset of a mark whose edition is no longer fed; it fences whoever still tries."""

_LOCK = 0x61637461_7669

_BOOKS = """
CREATE SCHEMA IF NOT EXISTS projections;
CREATE TABLE IF NOT EXISTS projections.editions (
    edition text PRIMARY KEY, view text NOT NULL, version integer NOT NULL, generation integer NOT NULL,
    shape text NOT NULL, state text NOT NULL CHECK (state IN ('building', 'current', 'retired')),
    UNIQUE (view, version, generation));
CREATE UNIQUE INDEX IF NOT EXISTS one_current_edition ON projections.editions (view) WHERE state = 'current';
CREATE TABLE IF NOT EXISTS projections.marks (
    edition text NOT NULL REFERENCES projections.editions ON DELETE CASCADE, partition integer NOT NULL,
    next_offset bigint NOT NULL, position bigint NOT NULL, PRIMARY KEY (edition, partition));
CREATE TABLE IF NOT EXISTS projections.failures (
    edition text NOT NULL, partition integer NOT NULL, position bigint NOT NULL, stream uuid NOT NULL,
    stream_version integer NOT NULL, type text NOT NULL,
    error text NOT NULL, place text NOT NULL, seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (edition, partition, position));
CREATE TABLE IF NOT EXISTS projections.skips (
    view text NOT NULL, version integer NOT NULL, position bigint NOT NULL, skipped_by text NOT NULL,
    reason text NOT NULL, skipped_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (view, version, position));
"""


class Edition(NamedTuple):
    """One build of a view."""

    name: str
    view: str
    version: int
    generation: int
    shape: str


def shape_of(view: View) -> str:
    """A digest of the tables a view describes: tables of another shape cannot be fed."""
    digest = hashlib.sha256()
    for statement in (*create_tables(view, "s"), *create_indexes(view, "s")):
        digest.update(statement.as_bytes(None))
    return digest.hexdigest()


def install(connection: Connection, views: tuple[View, ...]) -> None:
    """Make the books, and a first, empty edition of every view that has none. May be called again at any time."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        known = connection.execute("SELECT to_regclass('projections.skips')").fetchone()
        if known is None or known[0] is None:
            connection.execute(_BOOKS)
        for view in views:
            if _current(connection, view.name) is None:
                edition = create_edition(connection, view)
                finish_edition(connection, view, edition)
                make_current(connection, view, edition)


def create_edition(connection: Connection, view: View) -> Edition:
    """A new, empty edition of ``view`` without its secondary indexes, which nobody reads yet."""
    with connection.transaction():
        row = connection.execute(
            "SELECT coalesce(max(generation), 0) + 1 FROM projections.editions WHERE view = %s AND version = %s",
            (view.name, view.version),
        ).fetchone()
        generation = int(row[0]) if row else 1
        name = f"{view.name}_v{view.version}" + (f"_{generation}" if generation > 1 else "")
        edition = Edition(name, view.name, view.version, generation, shape_of(view))
        connection.execute(
            "INSERT INTO projections.editions (edition, view, version, generation, shape, state) "
            "VALUES (%s, %s, %s, %s, %s, 'building')",
            edition,
        )
        for statement in create_tables(view, name):
            connection.execute(statement)
    return edition


def finish_edition(connection: Connection, view: View, edition: Edition) -> None:
    """Give a filled edition its indexes."""
    for statement in create_indexes(view, edition.name):
        connection.execute(statement)


def make_current(connection: Connection, view: View, edition: Edition) -> None:
    """Let the stable views show ``edition`` from the end of this transaction on."""
    with connection.transaction():
        connection.execute(
            "UPDATE projections.editions SET state = 'retired' WHERE view = %s AND state = 'current'", (view.name,)
        )
        connection.execute("UPDATE projections.editions SET state = 'current' WHERE edition = %s", (edition.name,))
        _show(connection, view, edition)


def _show(connection: Connection, view: View, edition: Edition) -> None:
    schema = sql.Identifier(view.name)
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    granted = connection.execute(
        "SELECT c.relname, r.rolname, a.privilege_type FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace "
        "CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee "
        "WHERE s.nspname = %s AND c.relkind = 'v' AND a.grantee <> c.relowner",
        (view.name,),
    ).fetchall()
    for name, arguments in connection.execute(
        "SELECT p.proname, pg_get_function_identity_arguments(p.oid) FROM pg_proc p "
        "JOIN pg_namespace s ON s.oid = p.pronamespace WHERE s.nspname = %s",
        (view.name,),
    ).fetchall():
        connection.execute(sql.SQL("DROP FUNCTION {}({})").format(sql.Identifier(view.name, name), sql.SQL(arguments)))
    for (name,) in connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace "
        "WHERE s.nspname = %s AND c.relkind = 'v'",
        (view.name,),
    ).fetchall():
        connection.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(view.name, name)))
    shown = set()
    for name, query in stable_views(view, edition.name):
        connection.execute(sql.SQL("CREATE VIEW {} AS {}").format(sql.Identifier(view.name, name), query))
        shown.add(name)
    for table in view.tables:
        if table.history:
            connection.execute(as_of_function(view, table))
    for name, role, privilege in granted:
        if name in shown:
            connection.execute(
                sql.SQL("GRANT {} ON {} TO {}").format(
                    sql.SQL(privilege), sql.Identifier(view.name, name), sql.Identifier(role)
                )
            )
    publish(connection, view)


def _current(connection: Connection, view: str) -> Edition | None:
    row = connection.execute(
        "SELECT edition, view, version, generation, shape FROM projections.editions "
        "WHERE view = %s AND state = 'current'",
        (view,),
    ).fetchone()
    return Edition(*row) if row else None


def current_edition(connection: Connection, view: View) -> Edition:
    """The edition that readers see; ViewMissing if there is none, ViewChanged if it is not what ``view`` describes."""
    edition = _current(connection, view.name)
    if edition is None:
        raise ViewMissing(f"{view.name} was never installed")
    if edition.version != view.version or edition.shape != shape_of(view):
        raise ViewChanged(
            f"{view.name} stands as {edition.name}, but its code describes version {view.version} otherwise"
        )
    return edition


def drop_edition(connection: Connection, edition: str) -> None:
    """Throw away an edition that is not current, tables and marks."""
    with connection.transaction():
        found = connection.execute(
            "DELETE FROM projections.editions WHERE edition = %s AND state <> 'current' RETURNING edition", (edition,)
        ).fetchone()
        if found is None:
            raise ViewMissing(f"there is no edition {edition} that may be dropped")
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(edition)))


def drop_retired(connection: Connection, view: View) -> None:
    """Throw away every edition of ``view`` that readers no longer see."""
    for (name,) in connection.execute(
        "SELECT edition FROM projections.editions WHERE view = %s AND state = 'retired'", (view.name,)
    ).fetchall():
        drop_edition(connection, name)


def open_mark(connection: Connection, edition: Edition, partition: int) -> tuple[int, int]:
    """How far ``edition`` has read ``partition``: next offset and position; (0, 0) is written down when it never has.

    Fenced if readers were switched to another edition meanwhile; OtherFeed if the edition is fed from the other feed.
    """
    place = (edition.name, partition)
    with connection.transaction():
        # The lock keeps a switch from happening between this look and the mark.
        state = connection.execute(
            "SELECT state FROM projections.editions WHERE edition = %s FOR SHARE", (edition.name,)
        ).fetchone()
        if state is None or state[0] == "retired":
            raise Fenced(f"{edition.name} is no longer fed: open the view again")
        if connection.execute(
            "SELECT 1 FROM projections.marks WHERE edition = %s AND (partition = %s) <> (%s = %s)",
            (edition.name, STORE, partition, STORE),
        ).fetchone():
            raise OtherFeed(f"{edition.name} is fed from the {'topic' if partition == STORE else 'store'}")
        connection.execute("INSERT INTO projections.marks VALUES (%s, %s, 0, 0) ON CONFLICT DO NOTHING", place)
        row = connection.execute(
            "SELECT next_offset, position FROM projections.marks WHERE edition = %s AND partition = %s", place
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def hand_over(connection: Connection, edition: Edition, partitions: Sequence[int]) -> None:
    """Go on from the store's feed with ``partitions`` of the topic (or the store again), at the position reached.

    The store's feed is complete up to there, so each partition is. Their offsets are UNKNOWN. The way back, from
    partitions to the store, is a rebuild.
    """
    with connection.transaction():
        row = connection.execute(
            "DELETE FROM projections.marks WHERE edition = %s AND partition = %s RETURNING position",
            (edition.name, STORE),
        ).fetchone()
        if row is None:
            raise OtherFeed(f"{edition.name} is not fed from the store")
        for partition in partitions:
            connection.execute(
                "INSERT INTO projections.marks (edition, partition, next_offset, position) VALUES (%s, %s, %s, %s)",
                (edition.name, partition, row[0] if partition == STORE else UNKNOWN, row[0]),
            )


def retire_marks(connection: Connection, view: View) -> None:
    """Fence whoever still feeds an edition of ``view`` that is not current any more."""
    connection.execute(
        "UPDATE projections.marks SET next_offset = %s WHERE edition IN "
        "(SELECT edition FROM projections.editions WHERE view = %s AND state = 'retired')",
        (_RETIRED, view.name),
    )


def drop_leftovers(connection: Connection, view: View) -> None:
    """Throw away editions of ``view`` whose building was broken off."""
    for (name,) in connection.execute(
        "SELECT edition FROM projections.editions WHERE view = %s AND state = 'building'", (view.name,)
    ).fetchall():
        drop_edition(connection, name)


def complete_to(connection: Connection, view: str) -> int:
    """The position up to which the current edition of ``view`` has counted every event; 0 when it has read nothing."""
    row = connection.execute(
        "SELECT min(m.position) FROM projections.marks m JOIN projections.editions e USING (edition) "
        "WHERE e.view = %s AND e.state = 'current'",
        (view,),
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def record(connection: Connection, edition: Edition, stopped: ViewStopped) -> None:
    """Keep where ``edition`` stopped and why, for operators."""
    connection.execute(
        "INSERT INTO projections.failures (edition, partition, position, stream, stream_version, type, error, place) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (edition, partition, position) "
        "DO UPDATE SET error = excluded.error, place = excluded.place, seen_at = excluded.seen_at",
        (
            edition.name,
            stopped.partition,
            stopped.position,
            stopped.stream,
            stopped.version,
            stopped.event_type,
            stopped.error,
            stopped.place,
        ),
    )


def skip(connection: Connection, view: View, position: int, by: str, reason: str) -> None:
    """Let this version of ``view`` go past one event without counting it: an operator's act, kept for ever.

    It holds for rebuilds of the same version, too, so that they give the same tables; a new version tries again.
    """
    connection.execute(
        "INSERT INTO projections.skips (view, version, position, skipped_by, reason) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (view.name, view.version, position, by, reason),
    )
