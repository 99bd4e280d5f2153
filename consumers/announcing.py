"""Announcing: every signed checkpoint, in order, to a topic of its own, so that whoever reads it keeps what was signed.

It follows the log's folder, not the ledger: a broker that is away stops nobody from signing, and is told everything
later. Where it stands only the topic says, as with the relay.
"""

import logging
from pathlib import Path
from threading import Event as Flag
from time import time

from consumers.lease import Leases
from consumers.loop import Halted, NotYet, run
from consumers.outlet import Outlet
from consumers.tails import last_messages
from consumers.topics import Client
from domain.record import merkle
from domain.record.note import NoteRefused, Verifier
from projections.ledger import Damaged, Folder, size_of

REST_S = 0.5
STANDBY_S = 0.5
BATCH = 1000
"""Checkpoints of one transaction."""

HEADERS = [("content-type", b"text/plain; charset=utf-8")]
_log = logging.getLogger("acta.announcing")


def announce(
    folder: Path,
    verifier: Verifier,
    lease_dsn: str,
    client: Client,
    topic: str,
    stop: Flag,
    *,
    patience_s: float = 10.0,
) -> None:
    """Send the checkpoints of the log in ``folder`` until ``stop`` is set; stands by while another process does.

    Raises ``Halted`` when the topic holds a checkpoint that contradicts the log.
    """
    run("announcing", lambda: _Announcing(folder, verifier, Leases(lease_dsn, patience_s), client, topic), stop)


def transactional_id(topic: str) -> str:
    """Under which whoever announces on ``topic`` fences off its predecessors."""
    return f"acta.announcing.{topic}"


class _Announcing:
    """One life: standing by, then sending until the first trouble."""

    def __init__(self, folder: Path, verifier: Verifier, leases: Leases, client: Client, topic: str) -> None:
        self._log = Folder(folder)
        self._verifier = verifier
        self._leases = leases
        self._client = client
        self._topic = topic
        self._outlet: Outlet | None = None
        self._told = 0
        """The size of the last checkpoint on the topic."""

    def step(self) -> float:
        self._leases.hold()
        if self._outlet is None:
            if not self._leases.take(f"announcing {self._topic}"):
                return STANDBY_S
            self._outlet = Outlet(self._client, transactional_id(self._topic))
            # Only after the fencing: now nobody else can add to what is read here.
            self._told = self._must_be_of_this_log()
            _log.info("consumer=announcing state=active topic=%s size=%d", self._topic, self._told)
        return self._send(self._outlet)

    def close(self) -> None:
        self._log.close()
        if self._outlet is not None:
            self._outlet.close()
        self._leases.close()

    def _send(self, outlet: Outlet) -> float:
        """Send what has been signed since; the seconds to rest."""
        told = self._told
        for _ in range(BATCH):
            note = self._log.note_from(told + 1)
            if not note:
                break
            key = self._verifier.name.encode()
            outlet.send(self._topic, 0, key, note.encode(), HEADERS, int(time() * 1000))
            told = size_of(note)
        outlet.commit()
        self._told = told
        return REST_S

    def _must_be_of_this_log(self) -> int:
        """The size of the topic's last checkpoint; waits for a log that is written anew to come so far."""
        (message,) = last_messages(self._client, self._topic)
        if message is None:
            return 0
        try:
            last = self._verifier.open(message.value.decode())
            if last.size > self._log.signed_size():
                raise NotYet(
                    f"{self._topic} holds a checkpoint of {last.size} events, the log signs {self._log.signed_size()}"
                )
            if merkle.root(self._log, last.size) != last.root:
                raise Halted(f"{self._topic} holds a checkpoint of {last.size} events that contradicts the log")
        except (Damaged, NoteRefused, UnicodeDecodeError) as fault:
            raise Halted(f"the last message of {self._topic} is not of this log: {fault}") from None
        return last.size
