"""The facts of a ticket's service levels: what was promised, what was warned of, broken, forgiven and worked out anew.

Lengths (``target``, ``elapsed``) are time as the clock counts it, ISO 8601 when stored; ``due_at`` is UTC. Where an
event names an instance, it is the clock's: rounds of next responses are counted, and so are clocks that start afresh.
A warning, a breach and a step of a chain happened (``occurred_at``) when the clock reached them, whenever they were
recorded.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from domain.envelope import Personal
from domain.ticket.fact import TicketEvent

ClockKind = Literal["first_response", "next_response", "resolution"]


class SlaAttached(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A service level applies, under these versions of policy and calendar."""

    TYPE = "sla.attached.v1"

    policy: str
    policy_version: int
    calendar: str
    calendar_version: int


class SlaRetargeted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Another policy, version or target applies from here on, because of what the event before it changed."""

    TYPE = "sla.retargeted.v1"

    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    cause: str


class SlaDetached(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """No policy matches the ticket any more."""

    TYPE = "sla.detached.v1"

    policy: str
    cause: str


class ClockFact(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What events about one clock have in common: which one, and by which versions it was counting."""

    clock: ClockKind
    instance: int
    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    target: timedelta
    elapsed: timedelta
    due_at: datetime | None = None


class SlaWarned(ClockFact, frozen=True, kw_only=True, omit_defaults=True):
    """A clock has used up this share of its target; once for each clock, share and target."""

    TYPE = "sla.warned.v1"

    share: float


class SlaBreached(ClockFact, frozen=True, kw_only=True, omit_defaults=True):
    """A clock has exceeded its target, because time passed or because the target was changed; once for each target."""

    TYPE = "sla.breached.v1"

    cause: Literal["time", "retarget"] = "time"


class SlaBreachWithdrawn(ClockFact, frozen=True, kw_only=True, omit_defaults=True):
    """The breach recorded did not happen: ``claimant`` had acted in time, which event ``claim_version`` shows.

    ``breached_at`` is when the clock was thought to have exceeded its target.
    """

    TYPE = "sla.breach-withdrawn.v1"

    breached_at: datetime
    claimant: str
    claim_version: int


class SlaChainStepTaken(ClockFact, frozen=True, kw_only=True, omit_defaults=True):
    """A step of the policy's escalation chain was reached, and what it asks for was done; once for each clock.

    ``notify`` are handles of agents and groups to be told; ``level``, ``group``, ``assignee`` and ``priority`` are what
    the step sets (0 and "": nothing), by the events that follow. ``impossible`` names what could not be set any more.
    """

    TYPE = "sla.chain-step-taken.v1"

    step: str
    notify: tuple[str, ...] = ()
    level: int = 0
    group: str = ""
    assignee: str = ""
    priority: int = 0
    impossible: tuple[str, ...] = ()


class SlaExempted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """These clocks of the ticket are measured no longer: from here on they are neither met nor breached.

    The versions are those that the ticket was under; empty and 0 when it was under none.
    """

    TYPE = "sla.exempted.v1"

    clocks: tuple[ClockKind, ...]
    reason: Personal[str] = ""
    policy: str = ""
    policy_version: int = 0
    calendar: str = ""
    calendar_version: int = 0


class Recalculated(msgspec.Struct, frozen=True):
    """What applying other versions did to one clock; ``breached``: it exceeds its new target at that moment."""

    clock: ClockKind
    instance: int
    old_target: timedelta | None
    new_target: timedelta | None
    old_due_at: datetime | None
    new_due_at: datetime | None
    breached: bool


class SlaRecalculated(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody applied other versions of policy or calendar to the clocks that were not finished."""

    TYPE = "sla.recalculated.v1"

    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    clocks: tuple[Recalculated, ...] = ()
    reason: Personal[str] = ""
