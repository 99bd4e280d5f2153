"""What a ticket's events tell its clocks: the one translation from facts of a ticket to marks.

Whoever folds clocks (views, explanations, decisions) hears with this, so that all of them count alike.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, PolicyRef
from domain.envelope import Event
from domain.ticket import events as e
from domain.ticket.sla import ClockFact

IMPORTED = "import"
"""The channel of acts that were brought over from another desk: they neither warn nor breach."""


def mark_of(event: Event) -> Mark | None:
    """The mark that ``event`` makes on the clocks; None when it says nothing to them.

    A fact counts from when it happened, though a warning or a note may have been recorded since: a reply in time wins,
    however late it is heard of. That clocks do not run backwards over it, their fold sees to.
    """
    heard = _HEARD.get(type(event))
    if heard is None:
        return None
    fact, hear = heard
    return hear(event, fact)


def _plainly(event: Event, fact: Fact) -> Mark:
    who = event.act.actor.id
    return Mark(fact=fact, at=event.occurred_at, version=event.version, who=who, silent=_silent(event))


def _opened(event: e.TicketOpened, fact: Fact) -> Mark:
    silent = _silent(event) or bool(event.imported_from)
    return Mark(fact=fact, at=event.occurred_at, version=event.version, silent=silent)


def _answered(event: e.AgentReplied, fact: Fact) -> Mark | None:
    return None if event.automatic else _plainly(event, fact)


def _held(event: e.TicketPutOnHold, fact: Fact) -> Mark:
    return replace(_plainly(event, fact), reason=event.reason)


def _assigned(event: e.TicketAssigned | e.TicketClaimed | e.RequesterChanged, fact: Fact) -> Mark:
    own = event.own
    return Mark(fact=fact, at=event.occurred_at, version=event.version, to_requester=own, silent=_silent(event))


def _attached(event: e.SlaAttached | e.SlaRetargeted | e.SlaRecalculated, fact: Fact) -> Mark:
    policy = _policy_of(event)
    return Mark(fact=fact, at=event.occurred_at, version=event.version, policy=policy, silent=_silent(event))


def _exempted(event: e.SlaExempted, fact: Fact) -> Mark:
    kinds = tuple(Kind(kind) for kind in event.clocks)
    return Mark(fact=fact, at=event.occurred_at, version=event.version, kinds=kinds, silent=_silent(event))


def _recorded(event: ClockFact, fact: Fact) -> Mark:
    return Mark(
        fact=fact,
        at=event.breached_at if isinstance(event, e.SlaBreachWithdrawn) else event.occurred_at,
        version=event.version,
        policy=_policy_of(event),
        clock=Kind(event.clock),
        instance=event.instance,
        target=event.target,
        share=event.share if isinstance(event, e.SlaWarned) else 0.0,
        step=event.step if isinstance(event, e.SlaChainStepTaken) else "",
    )


def _silent(event: Event) -> bool:
    return event.act.channel == IMPORTED


def _policy_of(event: e.SlaAttached | e.SlaRetargeted | e.SlaRecalculated | ClockFact) -> PolicyRef:
    return PolicyRef(event.policy, event.policy_version, event.calendar, event.calendar_version)


def _corrected(event: e.TicketCorrected, _: Fact) -> Mark | None:
    """A state that was put right moves the clocks as the act would have that it stands for."""
    opened = event.new.get("opened_at")
    opened_at = None if opened is None else datetime.fromisoformat(str(opened))
    fact = _fact_of(event)
    if fact is None:
        return None
    reason = str(event.new.get("hold_reason") or "") if fact is Fact.HELD else ""
    return Mark(
        fact=fact,
        at=event.occurred_at,
        version=event.version,
        reason=reason,
        silent=_silent(event),
        opened_at=opened_at,
    )


def _fact_of(event: e.TicketCorrected) -> Fact | None:
    status, was = event.new.get("status"), event.old.get("status")
    if status is None or status == was:
        if event.new.get("hold_reason"):
            return Fact.HELD
        return Fact.REDATED if event.new.get("opened_at") is not None else None
    finished = ("resolved", "closed", "cancelled")
    if was in finished and status not in finished:
        return Fact.REOPENED
    facts = {"resolved": Fact.RESOLVED, "closed": Fact.CLOSED, "cancelled": Fact.CANCELLED, "on_hold": Fact.HELD}
    return facts.get(str(status), Fact.RESUMED)


_HEARD: dict[type[Event], tuple[Fact, Callable[[Any, Fact], Mark | None]]] = {
    e.TicketOpened: (Fact.OPENED, _opened),
    e.RequesterReplied: (Fact.REQUESTER_REPLIED, _plainly),
    e.AgentReplied: (Fact.AGENT_REPLIED, _answered),
    e.TicketPutOnHold: (Fact.HELD, _held),
    e.TicketResumed: (Fact.RESUMED, _plainly),
    e.WorkStarted: (Fact.RESUMED, _plainly),
    e.TicketAssigned: (Fact.ASSIGNED, _assigned),
    e.TicketClaimed: (Fact.ASSIGNED, _assigned),
    e.TicketReleased: (Fact.ASSIGNED, _plainly),
    e.RequesterChanged: (Fact.ASSIGNED, _assigned),
    e.TicketResolved: (Fact.RESOLVED, _plainly),
    e.TicketClosed: (Fact.CLOSED, _plainly),
    e.TicketReopened: (Fact.REOPENED, _plainly),
    e.TicketCancelled: (Fact.CANCELLED, _plainly),
    e.TicketMergedInto: (Fact.MERGED, _plainly),
    e.MergeReversed: (Fact.MERGE_REVERSED, _plainly),
    e.SlaAttached: (Fact.ATTACHED, _attached),
    e.SlaRetargeted: (Fact.ATTACHED, _attached),
    e.SlaDetached: (Fact.ATTACHED, _plainly),
    e.SlaRecalculated: (Fact.RECALCULATED, _attached),
    e.SlaExempted: (Fact.EXEMPTED, _exempted),
    e.SlaWarned: (Fact.WARNED, _recorded),
    e.SlaBreached: (Fact.BREACHED, _recorded),
    e.SlaBreachWithdrawn: (Fact.BREACH_WITHDRAWN, _recorded),
    e.SlaChainStepTaken: (Fact.STEP_TAKEN, _recorded),
    e.TicketCorrected: (Fact.RESUMED, _corrected),
}
"""What each event says to a clock, and who hears it; what a correction says depends on what it corrects."""
