"""What a ticket's events tell its clocks: the one translation from facts of a ticket to marks.

Whoever folds clocks (views, explanations, decisions) hears with this, so that all of them count alike.
"""

from datetime import datetime

from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, PolicyRef
from domain.envelope import Event
from domain.ticket import events as e
from domain.ticket.sla import ClockFact

IMPORTED = "import"
"""The channel of acts that were brought over from another desk: they neither warn nor breach."""

_FACTS: dict[type[Event], Fact] = {
    e.TicketOpened: Fact.OPENED,
    e.RequesterReplied: Fact.REQUESTER_REPLIED,
    e.AgentReplied: Fact.AGENT_REPLIED,
    e.TicketPutOnHold: Fact.HELD,
    e.TicketResumed: Fact.RESUMED,
    e.WorkStarted: Fact.RESUMED,
    e.TicketAssigned: Fact.ASSIGNED,
    e.TicketClaimed: Fact.ASSIGNED,
    e.TicketReleased: Fact.ASSIGNED,
    e.RequesterChanged: Fact.ASSIGNED,
    e.TicketResolved: Fact.RESOLVED,
    e.TicketClosed: Fact.CLOSED,
    e.TicketReopened: Fact.REOPENED,
    e.TicketCancelled: Fact.CANCELLED,
    e.TicketMergedInto: Fact.MERGED,
    e.MergeReversed: Fact.MERGE_REVERSED,
    e.SlaAttached: Fact.ATTACHED,
    e.SlaRetargeted: Fact.ATTACHED,
    e.SlaDetached: Fact.ATTACHED,
    e.SlaRecalculated: Fact.RECALCULATED,
    e.SlaExempted: Fact.EXEMPTED,
    e.SlaWarned: Fact.WARNED,
    e.SlaBreached: Fact.BREACHED,
    e.SlaBreachWithdrawn: Fact.BREACH_WITHDRAWN,
    e.SlaChainStepTaken: Fact.STEP_TAKEN,
    e.TicketCorrected: Fact.RESUMED,
}
"""What each event says to a clock; what a correction says depends on what it corrects."""


def mark_of(event: Event) -> Mark | None:
    """The mark that ``event`` makes on the clocks; None when it says nothing to them.

    A fact counts from when it happened, though a warning or a note may have been recorded since: a reply in time wins,
    however late it is heard of. That clocks do not run backwards over it, their fold sees to.
    """
    fact = _FACTS.get(type(event))
    if fact is None:
        return None
    at, version, who, silent = event.occurred_at, event.version, event.act.actor.id, event.act.channel == IMPORTED
    match event:
        case e.TicketCorrected():
            return _corrected(event, at, silent)
        case e.TicketOpened():
            return Mark(fact=fact, at=at, version=version, silent=silent or bool(event.imported_from))
        case e.AgentReplied() if event.automatic:
            return None
        case e.TicketPutOnHold():
            return Mark(fact=fact, at=at, version=version, who=who, reason=event.reason, silent=silent)
        case e.TicketAssigned() | e.TicketClaimed() | e.RequesterChanged():
            return Mark(fact=fact, at=at, version=version, to_requester=event.own, silent=silent)
        case e.SlaAttached() | e.SlaRetargeted() | e.SlaRecalculated():
            return Mark(fact=fact, at=at, version=version, policy=_policy_of(event), silent=silent)
        case e.SlaExempted():
            kinds = tuple(Kind(kind) for kind in event.clocks)
            return Mark(fact=fact, at=at, version=version, kinds=kinds, silent=silent)
        case ClockFact():
            return Mark(
                fact=fact,
                at=event.breached_at if isinstance(event, e.SlaBreachWithdrawn) else at,
                version=version,
                policy=_policy_of(event),
                clock=Kind(event.clock),
                instance=event.instance,
                target=event.target,
                share=event.share if isinstance(event, e.SlaWarned) else 0.0,
                step=event.step if isinstance(event, e.SlaChainStepTaken) else "",
            )
        case _:
            return Mark(fact=fact, at=at, version=version, who=who, silent=silent)


def _policy_of(event: e.SlaAttached | e.SlaRetargeted | e.SlaRecalculated | ClockFact) -> PolicyRef:
    return PolicyRef(event.policy, event.policy_version, event.calendar, event.calendar_version)


def _corrected(event: e.TicketCorrected, at: datetime, silent: bool) -> Mark | None:
    """A state that was put right moves the clocks as the act would have that it stands for."""
    opened = event.new.get("opened_at")
    opened_at = None if opened is None else datetime.fromisoformat(str(opened))
    fact = _fact_of(event)
    if fact is None:
        return None
    reason = str(event.new.get("hold_reason") or "") if fact is Fact.HELD else ""
    return Mark(fact=fact, at=at, version=event.version, reason=reason, silent=silent, opened_at=opened_at)


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
