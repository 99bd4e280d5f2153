"""What each event does to a ticket's place in the queue, in the order of a ticket's life."""

from datetime import datetime
from typing import Any

from domain.clock.clocks import Clocks
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.ticket import events as e
from projections.engine import Versions
from projections.queue.entries import QueueEntry, changed, entries, shown, worked_on


@entries.on(e.TicketOpened)
def queue_up(entry: QueueEntry | None, event: e.TicketOpened, versions: Versions) -> QueueEntry:
    """The ticket takes its place."""
    opened = mark_of(event)
    clocks = Clocks() if opened is None else advance(Clocks(), opened, versions)
    return QueueEntry(
        ticket=event.stream,
        version=event.version,
        number=event.number,
        department=event.department,
        group=event.group,
        requester=event.requester,
        title=event.title,
        priority=event.priority,
        impact=event.impact,
        urgency=event.urgency,
        category=event.category,
        request_type=event.request_type,
        tier=event.tier,
        tags=tuple(sorted(set(event.tags))),
        opened_at=event.effective_at,
        updated_at=event.effective_at,
        waiting_since=event.effective_at,
        **shown(clocks),
    )


@entries.on(e.RequesterChanged)
def belong_to_another(entry: QueueEntry, event: e.RequesterChanged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, requester=event.new)


@entries.on(e.TicketMarkedSpam)
def set_aside(entry: QueueEntry, event: e.TicketMarkedSpam, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, spam=True)


@entries.on(e.TicketUnmarkedSpam)
def take_back_in(entry: QueueEntry, event: e.TicketUnmarkedSpam, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, spam=False)


@entries.on(e.TitleChanged)
def retitle(entry: QueueEntry, event: e.TitleChanged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, title=event.title)


@entries.on(e.RequestTypeChanged)
def ask_otherwise(entry: QueueEntry, event: e.RequestTypeChanged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, request_type=event.new)


@entries.on(e.CategoryChanged)
def recategorise(entry: QueueEntry, event: e.CategoryChanged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, category=event.new)


@entries.on(e.ImpactUrgencyAssessed)
def reassess(entry: QueueEntry, event: e.ImpactUrgencyAssessed, versions: Versions) -> QueueEntry:
    assessed = {"impact": event.impact, "urgency": event.urgency, "priority": event.priority}
    return changed(entry, event, versions, **assessed)


@entries.on(e.PriorityOverridden)
def override(entry: QueueEntry, event: e.PriorityOverridden, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, priority=event.new)


@entries.on(e.TicketTagged)
def tag(entry: QueueEntry, event: e.TicketTagged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, tags=tuple(sorted({*entry.tags, event.tag})))


@entries.on(e.TicketUntagged)
def untag(entry: QueueEntry, event: e.TicketUntagged, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, tags=tuple(name for name in entry.tags if name != event.tag))


@entries.on(e.TicketTransferred)
def move_house(entry: QueueEntry, event: e.TicketTransferred, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, department=event.new)


@entries.on(e.TicketRouted)
def change_queue(entry: QueueEntry, event: e.TicketRouted, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, group=event.new)


@entries.on(e.TicketAssigned, e.TicketClaimed)
def hand_over(entry: QueueEntry, event: e.TicketAssigned | e.TicketClaimed, versions: Versions) -> QueueEntry:
    """The ticket keeps its place and gains a name."""
    return changed(entry, event, versions, assignee=event.assignee, status=worked_on(entry))


@entries.on(e.TicketReleased)
def let_go(entry: QueueEntry, event: e.TicketReleased, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, assignee="")


@entries.on(e.RequesterReplied)
def wait(entry: QueueEntry, event: e.RequesterReplied, versions: Versions) -> QueueEntry:
    """The requester waits from the first message that nobody has answered."""
    return changed(entry, event, versions, waiting_since=entry.waiting_since or event.effective_at)


@entries.on(e.AgentReplied)
def answer(entry: QueueEntry, event: e.AgentReplied, versions: Versions) -> QueueEntry:
    """An automatic acknowledgement is no answer."""
    if event.automatic:
        return changed(entry, event, versions)
    return changed(entry, event, versions, waiting_since=None, status=worked_on(entry))


@entries.on(e.WorkStarted)
def start(entry: QueueEntry, event: e.WorkStarted, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, status="in_progress")


@entries.on(e.TicketPutOnHold)
def hold(entry: QueueEntry, event: e.TicketPutOnHold, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, status="on_hold", hold_reason=event.reason, hold_until=event.until)


@entries.on(e.TicketResumed)
def resume(entry: QueueEntry, event: e.TicketResumed, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, status="in_progress", hold_reason="", hold_until=None)


@entries.on(e.TicketEscalated)
def escalate(entry: QueueEntry, event: e.TicketEscalated, versions: Versions) -> QueueEntry:
    """Where an escalation leads to another group, an event of its own routes the ticket there."""
    return changed(entry, event, versions, level=max(entry.level, event.level))


@entries.on(e.TicketDeescalated)
def calm_down(entry: QueueEntry, event: e.TicketDeescalated, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, level=event.level)


@entries.on(e.TicketResolved)
def resolve(entry: QueueEntry, event: e.TicketResolved, versions: Versions) -> QueueEntry:
    finished = {"status": "resolved", "resolved_at": event.effective_at, "waiting_since": None}
    return changed(entry, event, versions, **finished)


@entries.on(e.TicketClosed)
def close(entry: QueueEntry, event: e.TicketClosed, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, status="closed", closed_at=event.effective_at, waiting_since=None)


@entries.on(e.TicketReopened)
def reopen(entry: QueueEntry, event: e.TicketReopened, versions: Versions) -> QueueEntry:
    """Whoever reopens, the requester waits again."""
    again = {"status": "in_progress", "resolved_at": None, "closed_at": None, "waiting_since": event.effective_at}
    return changed(entry, event, versions, **again)


@entries.on(e.TicketCancelled)
def cancel(entry: QueueEntry, event: e.TicketCancelled, versions: Versions) -> QueueEntry:
    left = {"hold_reason": "", "hold_until": None, "waiting_since": None}
    return changed(entry, event, versions, status="cancelled", closed_at=event.effective_at, **left)


@entries.on(e.TicketMergedInto)
def merge(entry: QueueEntry, event: e.TicketMergedInto, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, merged_into=event.target)


@entries.on(e.MergeReversed)
def part_again(entry: QueueEntry, event: e.MergeReversed, versions: Versions) -> QueueEntry:
    return changed(entry, event, versions, merged_into=None)


@entries.on(e.TicketCorrected)
def put_right(entry: QueueEntry, event: e.TicketCorrected, versions: Versions) -> QueueEntry:
    """The fields named have these values now; what follows from the state follows here, too."""
    known = {"status", "hold_reason", "group", "assignee", "priority", "impact", "urgency", "category"}
    changes: dict[str, Any] = {name: value for name, value in event.new.items() if name in known}
    status = changes.get("status", entry.status)
    if status != entry.status:
        if status == "resolved":
            changes |= {"resolved_at": event.effective_at, "closed_at": None, "waiting_since": None}
        elif status in ("closed", "cancelled"):
            changes |= {"closed_at": event.effective_at, "waiting_since": None}
        elif entry.status in ("resolved", "closed", "cancelled"):
            changes |= {"resolved_at": None, "closed_at": None, "waiting_since": event.effective_at}
        if status != "on_hold":
            changes |= {"hold_reason": "", "hold_until": None}
    for time in ("opened_at", "resolved_at", "closed_at"):
        if event.new.get(time) is not None:
            changes[time] = datetime.fromisoformat(str(event.new[time]))
    return changed(entry, event, versions, **changes)


@entries.on(e.TicketRetentionExpired)
def expire(entry: QueueEntry, event: e.TicketRetentionExpired, versions: Versions) -> QueueEntry:
    """It is kept no longer."""
    return changed(entry, event, versions, expired=True)


@entries.on(
    e.ParticipantAdded,
    e.ParticipantRemoved,
    e.DescriptionAmended,
    e.FieldSet,
    e.FieldCleared,
    e.TicketNoted,
    e.AttachmentAdded,
    e.AttachmentQuarantined,
    e.AttachmentReleased,
    e.TimeLogged,
    e.TimeCorrected,
    e.FollowUpOpened,
    e.TicketSplitOff,
    e.TicketRated,
    e.TicketLinked,
    e.TicketUnlinked,
    e.TicketAbsorbed,
    e.AbsorptionReversed,
    e.SlaAttached,
    e.SlaRetargeted,
    e.SlaDetached,
    e.SlaRecalculated,
    e.SlaExempted,
    e.SlaWarned,
    e.SlaBreached,
    e.SlaBreachWithdrawn,
    e.SlaChainStepTaken,
    e.ReminderSet,
    e.ReminderCancelled,
    e.ReminderDue,
    e.TicketSigned,
    e.TicketRedacted,
)
def touch(entry: QueueEntry, event: e.TicketEvent, versions: Versions) -> QueueEntry:
    """Something happened that the queue shows as the time of the last change, or that moved the clocks."""
    return changed(entry, event, versions)
