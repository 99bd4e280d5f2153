"""The ledger: every event of the store, in order of position, into the transparency log, and a signature over it.

What was signed binds: with every page the ledger reads the newest signed event again, and goes on only from a store
that still has it as it was. So a database put back from an old copy, or another database, ends here with the first
position that is not as it was signed, instead of a second history under the same key. Older events that were changed
without that are found by ``verify``. One ledger works, others stand by; what makes two harmless is the lock on the
log's folder.
"""

import logging
from pathlib import Path
from threading import Event as Flag
from time import monotonic

from consumers.lease import Leases
from consumers.loop import Halted, NotYet, run
from consumers.record.entering import PAGE, Succession, entries, first_difference
from domain.record.note import Signer
from domain.store.recorder import PostgresRecorder
from projections.ledger import Damaged, Log, Occupied

REST_S = 1.0
STANDBY_S = 0.5
OFFER_S = 10.0
"""For so long witnesses are offered the same checkpoint, so that all of them sign that one."""

WAY_OUT = (
    "Nothing more is signed. Put the store or the folder back as it was; only if that cannot be, begin another log with"
    " another ACTA_LEDGER_DIR, ACTA_LEDGER_SIGNED_FILE and ACTA_LEDGER_ORIGIN, and tell those who keep checkpoints of"
    " this one."
)

_log = logging.getLogger("acta.ledger")


def ledger(
    store: PostgresRecorder,
    lease_dsn: str,
    folder: Path,
    signer: Signer,
    stop: Flag,
    *,
    bound_in: Path | None = None,
    batch: int = PAGE,
    patience_s: float = 10.0,
) -> None:
    """Keep the log in ``folder`` until ``stop`` is set; stands by while another process does.

    ``lease_dsn`` is of any role on the store's database; ``bound_in`` a file outside the folder that tells what was
    signed last; ``batch`` the most events that one checkpoint adds;
    ``patience_s`` how long a ledger that has fallen silent keeps others waiting.

    Raises ``Halted`` when the store no longer holds what a checkpoint signs, or the folder holds something else.
    """
    run("ledger", lambda: _Keeping(store, Leases(lease_dsn, patience_s), folder, signer, bound_in, batch), stop)


class _Keeping:
    """One life of a ledger: standing by, then writing until the first trouble."""

    def __init__(
        self,
        store: PostgresRecorder,
        leases: Leases,
        folder: Path,
        signer: Signer,
        bound_in: Path | None,
        batch: int,
    ) -> None:
        self._store = store
        self._leases = leases
        self._folder = folder
        self._signer = signer
        self._bound_in = bound_in
        self._batch = batch
        self._log: Log | None = None
        self._offered_at = -OFFER_S

    def step(self) -> float:
        self._leases.hold()
        if self._log is None and not self._leases.take("ledger"):
            return STANDBY_S
        try:
            if self._log is None:
                self._log = Log(self._folder, self._signer, self._bound_in)
                _log.info("consumer=ledger state=active folder=%s size=%d", self._folder, self._log.signed)
            return self._sign_on(self._log)
        except Occupied as fault:
            raise NotYet(str(fault)) from None
        except Damaged as fault:
            raise Halted(f"{fault}. {WAY_OUT}") from None

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
        self._leases.close()

    def _sign_on(self, log: Log) -> float:
        """Sign what has been recorded since; return the seconds to rest."""
        newest = min(log.size, 1)
        page = self._store.succession(log.size - newest, self._batch + newest)
        if newest:
            self._must_hold_what_is_signed(log, page[:1])
        for one in entries(page[newest:], log.size, log.leaf):
            log.add(one)
        more = len(page) == self._batch + newest
        if log.size < log.owes:
            log.write()
            if not more:
                raise Halted(
                    f"the store has {log.size} events and the folder signs {log.signed}, but {log.owes} were signed, as"
                    f" {self._bound_in} says. {WAY_OUT}"
                )
        elif log.size > log.signed:
            log.publish()
        if monotonic() - self._offered_at >= OFFER_S:
            log.offer()
            self._offered_at = monotonic()
        return 0.0 if more else REST_S

    def _must_hold_what_is_signed(self, log: Log, newest: list[Succession]) -> None:
        """Refuse a store whose event at the newest signed position is not the one that was signed."""
        try:
            found = list(entries(newest, log.size - 1, log.leaf))
        except Halted:
            found = []
        if found != [log.entry(log.size - 1)]:
            position = first_difference(self._store, log, log.size) or log.size
            raise Halted(
                f"the store does not hold the event at position {position} as it was signed, with {log.size} events"
                f" in all. {WAY_OUT}"
            )
