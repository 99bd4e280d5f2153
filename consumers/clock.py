"""The clock: when time alone makes something due on a ticket, the ticket is told.

The sla view knows, behind an index, whose alarm has come: a warning, a breach, a step of an escalation chain, the end
of a hold, a reminder, an automatic closing. Each such ticket gets one command, ``Strike``, and decides by its own
events what is due. So nothing is recorded twice, whatever number of clocks run, die or come late; one works, others
stand by. Every hour it lets go the tickets that were kept as long as their rule says (``retaining``).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from threading import Event as Flag
from time import monotonic
from uuid import UUID

from consumers.lease import Leases
from consumers.loop import reason, run
from consumers.project import connect
from consumers.retaining import Told, retain, shows
from domain.access.principal import system
from domain.clock.striking import Strike
from domain.desk import Desk, Order
from domain.errors import NothingChanges, NotReadyYet
from projections.engine import ViewChanged, ViewMissing, complete_to, current_edition
from projections.sla import alarms, sla

BATCH = 256
MOST_UNSHOWN = 4 * BATCH
REST_S = 0.5
STANDBY_S = 0.5
LET_GO_AT_ONCE = 32
PASS_S = 3600.0
"""What is to be let go is due at the end of a day, so that nobody waits for it."""
PUT_OFF_S = 5.0
"""After a ticket that nothing was due on, or that failed: the view may be behind, and others must not wait for it."""

CLOCK = system("clock")
_log = logging.getLogger("acta.clock")


def clock(
    desk: Desk,
    views_dsn: str,
    stop: Flag,
    *,
    patience_s: float = 10.0,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Strike the tickets whose alarm has come until ``stop`` is set; stands by while another process does.

    ``now`` gives the time in UTC up to which alarms have come; by default the store's own, so that clocks on machines
    whose watches differ agree.
    """
    run("clock", lambda: _Striking(desk, views_dsn, now or desk.store.now, patience_s), stop)


class _Striking:
    """One life of a clock."""

    def __init__(self, desk: Desk, dsn: str, now: Callable[[], datetime], patience_s: float) -> None:
        self._desk = desk
        self._now = now
        self._active = False
        self._reads = False
        self._unshown: dict[UUID, int] = {}
        self._put_off: dict[UUID, float] = {}
        self._passing: Iterator[Told] | None = None
        self._pass_head = 0
        self._next_pass = 0.0
        self._told: Counter[str] = Counter()
        self._leases = Leases(dsn, patience_s)
        try:
            self._connection = connect(dsn, patience_s)
        except BaseException:
            self._leases.close()
            raise

    def step(self) -> float:
        self._leases.hold()
        if not self._active:
            if not self._leases.take("clock"):
                return STANDBY_S
            self._active = True
        if not self._reads:
            self._reads = self._can_read()
            if not self._reads:
                return REST_S
        self._forget()
        if len(self._unshown) > MOST_UNSHOWN:
            return REST_S / 10
        now = self._now()
        due = alarms.due(
            self._connection, now, BATCH, closing=self._closing(), without=(*self._unshown, *self._put_off)
        )
        self._strike(due, now)
        self._retain(now)
        return 0.0 if len(due) == BATCH or self._passing is not None else REST_S

    def _retain(self, now: datetime) -> None:
        """Let go a few of the tickets that were kept long enough; a pass over all of them begins every hour."""
        if self._passing is None and not self._begin_pass(now):
            return
        assert self._passing is not None
        told = [one.outcome for one in islice(self._passing, LET_GO_AT_ONCE)]
        self._told.update(told)
        if len(told) < LET_GO_AT_ONCE:
            if self._told:
                counts = " ".join(f"{outcome}={count}" for outcome, count in sorted(self._told.items()))
                _log.info("consumer=clock state=retained %s", counts)
            self._passing, self._pass_head, self._told = None, 0, Counter()
            self._next_pass = monotonic() + PASS_S

    def _begin_pass(self, now: datetime) -> bool:
        if monotonic() < self._next_pass:
            return False
        self._next_pass = monotonic() + PUT_OFF_S
        if not self._desk.setup().retention_in_force:
            return False
        self._pass_head = self._pass_head or self._desk.store.head()
        if not shows(self._connection, self._pass_head):
            return False
        self._passing = retain(self._desk, self._connection, now)
        return True

    def _can_read(self) -> bool:
        """Whether the view is there, and is the one that this software describes."""
        if self._connection.execute("SELECT to_regclass('projections.editions')").fetchone() == (None,):
            return False
        try:
            current_edition(self._connection, sla)
        except (ViewMissing, ViewChanged):
            return False
        return True

    def close(self) -> None:
        self._leases.close()
        self._connection.close()

    def _forget(self) -> None:
        """Look at tickets again once the view shows what they were told, or once they were let rest."""
        shown, moment = complete_to(self._connection, "sla"), monotonic()
        self._unshown = {ticket: position for ticket, position in self._unshown.items() if position > shown}
        self._put_off = {ticket: until for ticket, until in self._put_off.items() if until > moment}

    def _closing(self) -> dict[str, timedelta]:
        departments = self._desk.setup().departments.values()
        return {
            one.department: timedelta(days=one.close_after_days)
            for one in departments
            if one.close_after_days and "close" not in one.signatures
        }

    def _strike(self, tickets: list[UUID], now: datetime) -> None:
        command = Strike(as_of=now)
        orders = [Order(command=command, principal=CLOCK, ticket=str(ticket), channel="clock") for ticket in tickets]
        answers = [self._desk.submit(order) for order in orders]
        for ticket, answer in zip(tickets, answers, strict=True):
            fault = answer.exception()
            if fault is None:
                self._unshown[ticket] = answer.result().position
                continue
            if not isinstance(fault, NothingChanges | NotReadyYet):
                _log.error("consumer=clock state=failed ticket=%s reason=%r", ticket, reason(fault))
            self._put_off[ticket] = monotonic() + PUT_OFF_S
