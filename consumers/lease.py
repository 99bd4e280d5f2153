"""Exclusive rights that last as long as one PostgreSQL session: who relays, who keeps which partition.

A lease only spares idle work: what makes two holders harmless is the fencing behind it (the transactional id of the
relay, the marks of the views). It is lost with the connection: by the death of the process at once, and when the
process is stopped or cut off, as soon as the server has heard nothing for ``patience_s``. A thread speaks to the server
meanwhile, since a consumer may have to wait longer than that for somebody else, such as the broker.
"""

from contextlib import suppress
from hashlib import sha256
from threading import Event as Flag
from threading import Thread

import psycopg

CONNECT_TIMEOUT_S = 5


class Leases:
    """The leases of one session."""

    def __init__(self, dsn: str, patience_s: float = 10.0) -> None:
        options = {
            "idle_session_timeout": f"{int(patience_s * 1000)}",
            "tcp_keepalives_idle": f"{max(1, int(patience_s / 2))}",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": f"{max(2, int(patience_s / 2))}",
            "tcp_user_timeout": f"{int(patience_s * 1000)}",
        }
        self._connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name="acta lease",
            connect_timeout=CONNECT_TIMEOUT_S,
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        )
        self._closed = Flag()
        self._voice = Thread(target=self._speak, args=(patience_s / 4,), name="acta lease", daemon=True)
        self._voice.start()

    def take(self, name: str) -> bool:
        """Take a lease that this session does not hold; False while another session does."""
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (_number(name),)).fetchone()
        return bool(row and row[0])

    def release(self, name: str) -> None:
        """Give back a lease."""
        self._connection.execute("SELECT pg_advisory_unlock(%s)", (_number(name),))

    def join(self, name: str) -> None:
        """Be counted among those who share something."""
        self._connection.execute("SELECT pg_advisory_lock_shared(%s)", (_number(name),))

    def members(self, name: str) -> int:
        """How many sessions have joined, this one included."""
        number = _number(name) & 0xFFFF_FFFF_FFFF_FFFF
        row = self._connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'"
            " AND granted AND classid = %s::bigint::oid AND objid = %s::bigint::oid"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (number >> 32, number & 0xFFFF_FFFF),
        ).fetchone()
        return int(row[0]) if row else 0

    def hold(self) -> None:
        """Make sure that the leases are still ours; raises ``psycopg.OperationalError`` when they are lost."""
        self._connection.execute("SELECT")

    def close(self) -> None:
        """Give back everything."""
        self._closed.set()
        self._connection.close()
        self._voice.join()

    def _speak(self, every_s: float) -> None:
        with suppress(psycopg.Error):  # whoever holds a lease finds out in ``hold``
            while not self._closed.wait(every_s):
                self._connection.execute("SELECT")


def _number(name: str) -> int:
    return int.from_bytes(sha256(f"acta lease {name}".encode()).digest()[:8], "big", signed=True)
