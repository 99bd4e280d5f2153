"""The witness: a second organisation that signs the checkpoints of a log as long as none contradicts another.

It believes nothing the log says. A checkpoint is cosigned only when the log's key has signed it and the tiles, fetched
anew, prove that it goes on from the one cosigned last. What it cosigns is on its own disk before anybody sees the
signature; so whatever dies or comes back, it never cosigns two histories. What contradicts is kept as evidence: two
checkpoints under one key that cannot both be true.
"""

import fcntl
import logging
import os
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Event as Flag

from consumers.loop import Halted, run
from consumers.record.remote_log import HandedInVain, RemoteLog
from domain.durable import replace
from domain.record import merkle
from domain.record.cosignature import Cosigner
from domain.record.note import Checkpoint, NoteRefused, Verifier
from projections.ledger import OFFERED

MOST_EVIDENCE = 100
"""Files of it: a log could sign more and more that contradicts."""

_log = logging.getLogger("acta.witness")


class Contradiction(Exception):
    """The log shows something that is not the continuation of what was cosigned. The message says what."""


class Witnessing:
    """One who watches a log, alone with its key.

    ``kept`` is the file in which the newest cosigned checkpoint stands, with the cosignature; evidence is put into a
    folder beside it. Raises ``Halted`` while another process has that file, or when it cannot be read.
    """

    def __init__(
        self, log: RemoteLog, verifier: Verifier, cosigner: Cosigner, kept: Path, now: Callable[[], datetime]
    ) -> None:
        self._log = log
        self._verifier = verifier
        self._cosigner = cosigner
        self._kept = kept
        self._now = now
        self._handed_in = ""
        """The note last given to the log in this life."""
        self._lock = os.open(kept.with_name(f"{kept.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise Halted(f"another witness runs with {kept}; two could sign what contradicts") from None

    def close(self) -> None:
        """Let another process witness."""
        os.close(self._lock)

    def look(self) -> Checkpoint:
        """Cosign the checkpoint offered if it goes on from the last one, and hand the newest in; that checkpoint.

        Raises ``Contradiction``, ``HandedInVain``, and ``NotYet`` while the log cannot be read.
        """
        note = self._log.text(f"checkpoint/{OFFERED}")
        try:
            offered = self._verifier.open(note)
        except NoteRefused as fault:
            raise Contradiction(f"what the log offers is no checkpoint under its key: {fault}") from None
        last = self._last()
        if last is None or offered.size > last.size:
            if last is not None and last.size:
                self._must_continue(last, offered, note)
            text, signatures = self._verifier.signatures(note)
            lines = [*map(self._verifier.line, signatures), self._cosigner.line(note, self._now())]
            replace(self._kept, f"{text}\n{''.join(lines)}")
            last = offered
        elif offered.size < last.size:
            raise self._contradiction(f"the log offers {offered.size} entries, {last.size} were cosigned", note)
        elif offered.root != last.root:
            raise self._contradiction(f"the log shows another root of {last.size} entries than was cosigned", note)
        self._hand_in(last)
        return last

    def _last(self) -> Checkpoint | None:
        """The checkpoint cosigned last; None before the first."""
        try:
            note = self._kept.read_text(encoding="utf-8")
            self._cosigner.witness.of(note)
            return self._verifier.open(note)
        except FileNotFoundError:
            return None
        except (NoteRefused, OSError, UnicodeDecodeError):
            raise Halted(
                f"{self._kept} does not hold what this witness cosigned last for {self._verifier.name}: nothing is"
                " signed without knowing that. Put the file back, or begin with another key."
            ) from None

    def _must_continue(self, last: Checkpoint, offered: Checkpoint, note: str) -> None:
        tree = self._log.tree(offered.size)
        proof = merkle.consistency(tree, last.size, offered.size)
        if merkle.continues(last.size, last.root, offered.size, offered.root, proof):
            return
        if merkle.root(tree, offered.size) != offered.root:
            raise self._contradiction(
                f"the log's tiles do not give the root of the {offered.size} entries signed", note
            )
        raise self._contradiction(
            f"the {offered.size} entries that the log offers do not begin with the {last.size} that were cosigned:"
            f" their root is {merkle.root(tree, last.size).hex()}, cosigned was {last.root.hex()}",
            note,
        )

    def _contradiction(self, text: str, note: str) -> Contradiction:
        """The alarm, with the note kept that shows it, beside the one it contradicts."""
        folder = self._kept.with_name(f"{self._kept.name}.evidence")
        folder.mkdir(mode=0o700, exist_ok=True)
        cosigned = self._kept.read_text(encoding="utf-8") if self._kept.exists() else ""
        for content in (note, cosigned):
            place = folder / f"{sha256(content.encode()).hexdigest()[:16]}.txt"
            if content and not place.exists() and len(list(folder.iterdir())) < MOST_EVIDENCE:
                replace(place, content)
        return Contradiction(f"{text}. Both notes are kept in {folder}")

    def _hand_in(self, last: Checkpoint) -> None:
        note = self._kept.read_text(encoding="utf-8")
        if note != self._handed_in:
            self._log.hand_in(last.size, note.splitlines()[-1])
            self._handed_in = note


def witness(begin: Callable[[], Witnessing], stop: Flag, *, interval_s: float = 10.0) -> None:
    """Witness until ``stop`` is set, every ``interval_s`` seconds. What contradicts is logged as an error each time."""
    run("witness", lambda: _Session(begin(), interval_s), stop)


class _Session:
    """One life of a witness."""

    def __init__(self, witnessing: Witnessing, interval_s: float) -> None:
        self._witnessing = witnessing
        self._interval_s = interval_s
        self._said = -1

    def step(self) -> float:
        try:
            checkpoint = self._witnessing.look()
        except Contradiction as fault:
            _log.error("consumer=witness state=alarm reason=%r", str(fault))
        except HandedInVain as fault:
            _log.error("consumer=witness state=not-taken reason=%r", str(fault))
        else:
            if checkpoint.size != self._said:
                self._said = checkpoint.size
                _log.info("consumer=witness state=cosigned size=%d", checkpoint.size)
        return self._interval_s

    def close(self) -> None:
        self._witnessing.close()
