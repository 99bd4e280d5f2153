"""What was signed last, kept once more where neither the folder of the log nor the database lies.

Whoever puts back an old copy of both together, which agree with each other, is found out by it. It is written before
a checkpoint is shown to anybody, so that nothing that somebody may have seen is missing from it.
"""

import logging
from pathlib import Path

from domain.durable import replace
from domain.record.note import Checkpoint, NoteRefused, Verifier
from projections.ledger.folder import Damaged

_log = logging.getLogger("acta.ledger")


class Binding:
    """A file that holds the newest signed note; ``None`` for no such file, which binds nothing."""

    def __init__(self, path: Path | None, verifier: Verifier) -> None:
        self.path = path
        self._verifier = verifier

    def checkpoint(self) -> Checkpoint | None:
        """What was signed last; None if nothing was. Raises ``Damaged`` if the file holds something else."""
        if self.path is None or not self.path.exists():
            return None
        try:
            return self._verifier.open(self.path.read_text(encoding="utf-8"))
        except (NoteRefused, UnicodeDecodeError) as fault:
            raise Damaged(f"{self.path} does not hold what was signed last: {fault}") from None

    def begin(self, note: str) -> None:
        """Take over what a log has signed before there was such a file, or since it was lost."""
        if self.path is not None:
            _log.warning("consumer=ledger state=unbound reason='%s is not there; it is begun anew'", self.path)
            self.bind(note)

    def bind(self, note: str) -> None:
        """Keep a note that was signed; on the disk once this returns."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace(self.path, note)
