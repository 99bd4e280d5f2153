"""A store that records only so much, so that whoever writes into it can be struck in the middle, however fast it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

_LOCK = 2_611


@contextmanager
def held_beyond(owner: str, position: int) -> Iterator[Callable[[], bool]]:
    """Nothing is recorded beyond ``position`` as long as the block; the answer tells whether somebody waits to.

    Of one who has died waiting it is decided at the end of the block whether what waited is recorded.
    """
    waiting = (
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(
            "CREATE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS"
            f" 'BEGIN PERFORM pg_advisory_xact_lock_shared({_LOCK}); RETURN NEW; END'"
        )
        connection.execute(
            "CREATE TRIGGER held BEFORE INSERT ON acta.events FOR EACH ROW"
            f" WHEN (NEW.position > {position}) EXECUTE FUNCTION public.held()"
        )
        yield lambda: connection.execute(waiting, (_LOCK,)).fetchone() is not None
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
        connection.execute("DROP FUNCTION public.held CASCADE")
