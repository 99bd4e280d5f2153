"""What a ticket's events tell its clocks: the one translation from facts of a ticket to marks.

Whoever folds clocks (views, explanations, decisions) hears with this, so that all of them count alike.
"""

from datetime import datetime
from uuid import UUID

from domain.clock.marks import Fact, Mark
from domain.clock.policy import PolicyRef
from domain.envelope import Event
from domain.ticket import events as e

IMPORTED = "import"
"""The channel of acts that were brought over from another desk: they neither warn nor breach."""


def mark_of(event: Event, requester: UUID | None = None) -> Mark | None:
    """The mark that ``event`` makes on the clocks; None when it says nothing to them.

    ``requester`` is whose request the ticket is by then: one who is the assignee as well waits for nobody.
    """
    silent = event.act.channel == IMPORTED
    at, version = event.effective_at, event.version
    match event:
        case e.TicketOpened():
            return Mark(fact=Fact.OPENED, at=at, version=version, silent=silent or bool(event.imported_from))
        case e.RequesterReplied():
            return Mark(fact=Fact.REQUESTER_REPLIED, at=at, version=version, silent=silent)
        case e.AgentReplied():
            return None if event.automatic else Mark(fact=Fact.AGENT_REPLIED, at=at, version=version, silent=silent)
        case e.TicketPutOnHold():
            return Mark(fact=Fact.HELD, at=at, version=version, reason=event.reason, silent=silent)
        case e.TicketResumed() | e.WorkStarted():
            return Mark(fact=Fact.RESUMED, at=at, version=version, silent=silent)
        case e.TicketAssigned() | e.TicketClaimed():
            served = event.assignee == str(requester)
            return Mark(fact=Fact.ASSIGNED, at=at, version=version, to_requester=served, silent=silent)
        case e.TicketReleased():
            return Mark(fact=Fact.ASSIGNED, at=at, version=version, silent=silent)
        case e.TicketResolved():
            return Mark(fact=Fact.RESOLVED, at=at, version=version, silent=silent)
        case e.TicketClosed():
            return Mark(fact=Fact.CLOSED, at=at, version=version, silent=silent)
        case e.TicketReopened():
            return Mark(fact=Fact.REOPENED, at=at, version=version, silent=silent)
        case e.TicketCancelled():
            return Mark(fact=Fact.CANCELLED, at=at, version=version, silent=silent)
        case e.TicketMergedInto():
            return Mark(fact=Fact.MERGED, at=at, version=version, silent=silent)
        case e.MergeReversed():
            return Mark(fact=Fact.MERGE_REVERSED, at=at, version=version, silent=silent)
        case e.SlaAttached() | e.SlaRetargeted():
            policy = PolicyRef(event.policy, event.policy_version, event.calendar, event.calendar_version)
            return Mark(fact=Fact.ATTACHED, at=at, version=version, policy=policy, silent=silent)
        case e.SlaDetached():
            return Mark(fact=Fact.ATTACHED, at=at, version=version, silent=silent)
        case e.TicketCorrected():
            return _corrected(event, at, silent)
        case _:
            return None


def _corrected(event: e.TicketCorrected, at: datetime, silent: bool) -> Mark | None:
    """A state that was put right moves the clocks as the act would have that it stands for."""
    status, was = event.new.get("status"), event.old.get("status")
    if status is None or status == was:
        reason = event.new.get("hold_reason")
        return Mark(fact=Fact.HELD, at=at, version=event.version, reason=reason, silent=silent) if reason else None
    finished = ("resolved", "closed", "cancelled")
    facts = {"resolved": Fact.RESOLVED, "closed": Fact.CLOSED, "cancelled": Fact.CANCELLED, "on_hold": Fact.HELD}
    fact = Fact.REOPENED if was in finished and status not in finished else facts.get(str(status), Fact.RESUMED)
    reason = str(event.new.get("hold_reason") or "") if fact is Fact.HELD else ""
    return Mark(fact=fact, at=at, version=event.version, reason=reason, silent=silent)
