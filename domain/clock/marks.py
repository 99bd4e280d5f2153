"""What the clocks need to know of a ticket's life: its events, reduced to a small vocabulary.

Whoever feeds the clocks translates: one event, at most one mark. Events that say nothing to a clock (notes, tags,
automatic replies) become none.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from domain.clock.policy import Kind, PolicyRef


class Fact(StrEnum):
    """What happened."""

    OPENED = "opened"
    REQUESTER_REPLIED = "requester_replied"
    """A public message of the requester."""
    AGENT_REPLIED = "agent_replied"
    """A public message by a person who is an agent; an automatic acknowledgement is none."""
    HELD = "held"
    """Put on hold, or held for another `reason`."""
    RESUMED = "resumed"
    ASSIGNED = "assigned"
    """Somebody else is answerable, or asks; `to_requester` says whether these are the same person."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    CANCELLED = "cancelled"
    MERGED = "merged"
    """This ticket was merged into another; nothing is marked on the other."""
    MERGE_REVERSED = "merge_reversed"
    REDATED = "redated"
    """Nothing but when the ticket was opened was put right."""

    ATTACHED = "attached"
    """The ticket comes under `policy`, for the first time or after another (None: under none any more)."""
    RECALCULATED = "recalculated"
    """`policy` was applied by somebody's decision: as attached, and recomputed whatever it says of taking over."""

    EXEMPTED = "exempted"
    """The clocks of these `kinds` are measured no longer."""

    WARNED = "warned"
    """A warning was recorded for (`clock`, `instance`, `share`, `target`)."""
    BREACHED = "breached"
    """A breach was recorded for (`clock`, `instance`, `target`)."""
    BREACH_WITHDRAWN = "breach_withdrawn"
    """The recorded breach of (`clock`, `instance`, `target`) was withdrawn."""
    STEP_TAKEN = "step_taken"
    """The `step` of the chain of `policy` was taken for (`clock`, `instance`)."""


RECORDS = frozenset({Fact.WARNED, Fact.BREACHED, Fact.BREACH_WITHDRAWN, Fact.STEP_TAKEN})
"""Facts about the clocks rather than about the ticket: they move no clock."""


class Mark(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """One fact. `at` is when it happened, `version` the ticket's version, which gives the order, `who` the actor.

    A fact that is recorded late counts at the later of `at` and the ticket fact before it, so that no ticket runs
    backwards; the fold sees to that. Warnings and breaches do not hold later facts up: that is what lets a reply
    sent in time and recorded late win. `silent` facts (an import) give no warning or breach to be recorded.
    `opened_at` is when the ticket was opened after all, if the fact comes with a correction that says so.
    """

    fact: Fact
    at: datetime
    version: int = 0
    who: str = ""
    reason: str = ""
    policy: PolicyRef | None = None
    to_requester: bool = False
    silent: bool = False
    clock: Kind | None = None
    instance: int = 1
    target: timedelta | None = None
    share: float = 0.0
    step: str = ""
    kinds: tuple[Kind, ...] = ()
    opened_at: datetime | None = None
