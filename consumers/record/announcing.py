"""Announcing: every signed checkpoint, in order, to a topic of its own, so that whoever reads it keeps what was signed.

It follows the log's folder, not the ledger: a broker that is away stops nobody from signing, and is told everything
later. Where it stands only the topic says, as with the relay.
"""

from pathlib import Path
from threading import Event as Flag
from time import time

from consumers.kafka.outlet import Outlet
from consumers.kafka.succession import Succession
from consumers.kafka.tails import last_messages
from consumers.kafka.topics import Client
from consumers.lease import Leases
from consumers.loop import Halted, NotYet, run
from domain.record import merkle
from domain.record.note import NoteRefused, Verifier
from projections.ledger import Damaged, Folder, size_of

REST_S = 0.5
BATCH = 1000
"""Checkpoints of one transaction."""

HEADERS = [("content-type", b"text/plain; charset=utf-8")]


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

    def begin(outlet: Outlet) -> _Announcing:
        return _Announcing(folder, verifier, client, topic, outlet)

    def session() -> Succession:
        return Succession("announcing", topic, Leases(lease_dsn, patience_s), client, transactional_id(topic), begin)

    run("announcing", session, stop)


def transactional_id(topic: str) -> str:
    """Under which whoever announces on ``topic`` fences off its predecessors."""
    return f"acta.announcing.{topic}"


class _Announcing:
    """The one that may announce. Its position is the size of the topic's last checkpoint."""

    def __init__(self, folder: Path, verifier: Verifier, client: Client, topic: str, outlet: Outlet) -> None:
        self._log = Folder(folder)
        self._verifier = verifier
        self._client = client
        self._topic = topic
        self._outlet = outlet
        try:
            self.position = self._must_be_of_this_log()
        except BaseException:
            self._log.close()
            raise

    def close(self) -> None:
        """Let go at once."""
        self._log.close()
        self._outlet.close()

    def step(self) -> float:
        """Send what has been signed since; the seconds to rest."""
        told = self.position
        for _ in range(BATCH):
            note = self._log.note_from(told + 1)
            if not note:
                break
            key = self._verifier.name.encode()
            self._outlet.send(self._topic, 0, key, note.encode(), HEADERS, int(time() * 1000))
            told = size_of(note)
        self._outlet.commit()
        self.position = told
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
