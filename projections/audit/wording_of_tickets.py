"""What was done to a ticket, in words, in the order of a ticket's life."""

from datetime import datetime
from uuid import UUID

from domain.ticket import events as e
from projections.audit.wording import Speech, changed, listed, quoted, says, several

_LEVELS = {1: "high", 2: "medium", 3: "low"}
_HOLDS = {
    "requester": "until the requester answers",
    "vendor": "until the vendor has moved",
    "problem": "until the underlying problem is solved",
    "evidence": "until there is evidence",
    "approval": "until it is approved",
    "date": "until a date",
}
_RESUMED = {
    "agent": "took the ticket off hold",
    "requester-replied": "ended the hold by the requester’s answer",
    "until-reached": "ended the hold, since its date was reached",
    "resolved": "ended the hold, since the ticket was to be finished",
}
_CLOSED = {
    "by-hand": "closed the ticket",
    "confirmed": "confirmed the resolution and closed the ticket",
    "automatic": "closed the ticket, since nobody objected to its resolution in time",
}
_LINKS = {
    "relates": "relates to",
    "duplicates": "duplicates",
    "duplicated-by": "is duplicated by",
    "causes": "causes",
    "caused-by": "is caused by",
    "blocks": "blocks",
    "blocked-by": "is blocked by",
    "parent-of": "is the parent of",
    "child-of": "is a part of",
    "follows": "follows",
    "followed-by": "is followed by",
    "split-from": "was split from",
    "split-into": "was split into",
}


@says(e.TicketOpened)
def opened(event: e.TicketOpened, speech: Speech) -> str:
    came = f", brought over from {event.imported_from} as {event.external_id}" if event.imported_from else ""
    queue = f", in {speech.group(event.group)}" if event.group else ""
    return (
        f"opened ticket #{event.number} for {speech.person(event.requester)} in {speech.department(event.department)}"
        f"{queue}, with priority {event.priority}{came}{speech.text(event, 'title')}"
    )


@says(e.RequesterChanged)
def requester_changed(event: e.RequesterChanged, speech: Speech) -> str:
    now, before = speech.person(event.new), speech.person(event.old)
    return f"made the ticket the request of {now} instead of {before}{speech.because(event)}"


@says(e.ParticipantAdded)
def participant_added(event: e.ParticipantAdded, speech: Speech) -> str:
    return f"let {speech.agent(event.participant)} watch the ticket"


@says(e.ParticipantRemoved)
def participant_removed(event: e.ParticipantRemoved, speech: Speech) -> str:
    return f"let {speech.agent(event.participant)} watch the ticket no longer"


@says(e.TicketMarkedSpam)
def marked_spam(event: e.TicketMarkedSpam, speech: Speech) -> str:
    return "marked the ticket as spam"


@says(e.TicketUnmarkedSpam)
def unmarked_spam(event: e.TicketUnmarkedSpam, speech: Speech) -> str:
    return "took back that the ticket is spam"


@says(e.TitleChanged)
def title_changed(event: e.TitleChanged, speech: Speech) -> str:
    return f"gave the ticket another title{speech.text(event, 'title')}"


@says(e.DescriptionAmended)
def description_amended(event: e.DescriptionAmended, speech: Speech) -> str:
    return f"restated the description{speech.text(event, 'description')}"


@says(e.RequestTypeChanged)
def request_type_changed(event: e.RequestTypeChanged, speech: Speech) -> str:
    return f"{changed('type of request', event.old, event.new)} (version {event.new_version} of its form)"


@says(e.CategoryChanged)
def category_changed(event: e.CategoryChanged, speech: Speech) -> str:
    return changed("category", event.old, event.new)


@says(e.ImpactUrgencyAssessed)
def assessed(event: e.ImpactUrgencyAssessed, speech: Speech) -> str:
    before = f"before: {_LEVELS[event.old_impact]} and {_LEVELS[event.old_urgency]}"
    same = event.priority == event.old_priority
    follows = f"stays {event.priority}" if same else f"becomes {event.priority} instead of {event.old_priority}"
    now = f"{_LEVELS[event.impact]} impact and {_LEVELS[event.urgency]} urgency"
    return f"judged that the matter has {now} ({before}), so that its priority {follows}"


@says(e.PriorityOverridden)
def overridden(event: e.PriorityOverridden, speech: Speech) -> str:
    return f"set the priority to {event.new} instead of {event.old}, against the matrix{speech.because(event)}"


@says(e.TicketTagged)
def tagged(event: e.TicketTagged, speech: Speech) -> str:
    return f"put the tag {quoted(event.tag)} on the ticket"


@says(e.TicketUntagged)
def untagged(event: e.TicketUntagged, speech: Speech) -> str:
    return f"took the tag {quoted(event.tag)} off the ticket"


@says(e.FieldSet)
def field_set(event: e.FieldSet, speech: Speech) -> str:
    if event.personal:
        return f"filled in the field {quoted(event.field)}{speech.text(event, 'personal_new')}"
    return changed(f"field {quoted(event.field)}", event.old, event.new)


@says(e.FieldCleared)
def field_cleared(event: e.FieldCleared, speech: Speech) -> str:
    was = "" if event.old is None else f", which was {quoted(event.old)}"
    return f"cleared the field {quoted(event.field)}{was}"


@says(e.TicketTransferred)
def transferred(event: e.TicketTransferred, speech: Speech) -> str:
    there, here = speech.department(event.new), speech.department(event.old)
    return f"transferred the ticket from {here} to {there}{speech.because(event)}"


@says(e.TicketRouted)
def routed(event: e.TicketRouted, speech: Speech) -> str:
    if not event.new:
        return f"took the ticket out of the queue of {speech.group(event.old)}{speech.because(event)}"
    before = f", from {speech.group(event.old)}" if event.old else ""
    return f"routed the ticket to {speech.group(event.new)}{before}{speech.because(event)}"


@says(e.TicketAssigned)
def assigned(event: e.TicketAssigned, speech: Speech) -> str:
    before = f", who takes it from {speech.agent(event.old)}" if event.old else ""
    return f"assigned the ticket to {speech.agent(event.assignee)}{before}{speech.because(event)}"


@says(e.TicketClaimed)
def claimed(event: e.TicketClaimed, speech: Speech) -> str:
    for_themselves = event.act.actor.id == event.assignee
    return "took the ticket on" if for_themselves else f"let {speech.agent(event.assignee)} take the ticket on"


@says(e.TicketReleased)
def released(event: e.TicketReleased, speech: Speech) -> str:
    if event.act.actor.id == event.old:
        return f"gave the ticket back, so that nobody is answerable for it{speech.because(event)}"
    return f"took the ticket from {speech.agent(event.old)}, so that nobody is answerable for it{speech.because(event)}"


@says(e.RequesterReplied)
def requester_replied(event: e.RequesterReplied, speech: Speech) -> str:
    return f"wrote to the desk{speech.text(event, 'text')}"


@says(e.AgentReplied)
def agent_replied(event: e.AgentReplied, speech: Speech) -> str:
    how = "sent the requester an automatic reply" if event.automatic else "replied to the requester"
    return f"{how}{speech.text(event, 'text')}"


@says(e.TicketNoted)
def noted(event: e.TicketNoted, speech: Speech) -> str:
    called = f", calling on {listed([speech.agent(one) for one in event.mentions])}" if event.mentions else ""
    return f"wrote an internal note{called}{speech.text(event, 'text')}"


@says(e.AttachmentAdded)
def attachment_added(event: e.AttachmentAdded, speech: Speech) -> str:
    how = "put an internal file to the ticket" if event.internal else "attached a file"
    return f"{how}{speech.text(event, 'name')}"


@says(e.AttachmentQuarantined)
def attachment_quarantined(event: e.AttachmentQuarantined, speech: Speech) -> str:
    return f"put {_file(event.attachment)} in quarantine{speech.because(event)}"


@says(e.AttachmentReleased)
def attachment_released(event: e.AttachmentReleased, speech: Speech) -> str:
    return f"released {_file(event.attachment)} from quarantine{speech.because(event)}"


@says(e.WorkStarted)
def started(event: e.WorkStarted, speech: Speech) -> str:
    return "began to work on the ticket"


@says(e.TicketPutOnHold)
def put_on_hold(event: e.TicketPutOnHold, speech: Speech) -> str:
    until = f", at the latest until {speech.moment(event.until)}" if event.until else ""
    return f"put the ticket on hold {_HOLDS[event.reason]}{until}{speech.text(event, 'comment')}"


@says(e.TicketResumed)
def resumed(event: e.TicketResumed, speech: Speech) -> str:
    return _RESUMED[event.cause]


@says(e.ReminderSet)
def reminder_set(event: e.ReminderSet, speech: Speech) -> str:
    whom = "themselves" if event.agent == event.act.actor.id else speech.agent(event.agent)
    return f"asked for {whom} to be reminded on {speech.moment(event.at)}{speech.text(event, 'text')}"


@says(e.ReminderCancelled)
def reminder_cancelled(event: e.ReminderCancelled, speech: Speech) -> str:
    return f"took back reminder {event.reminder}"


@says(e.ReminderDue)
def reminder_due(event: e.ReminderDue, speech: Speech) -> str:
    return f"reminded {speech.agent(event.agent)} of the ticket, as asked by reminder {event.reminder}"


@says(e.TimeLogged)
def time_logged(event: e.TimeLogged, speech: Speech) -> str:
    minutes = several(event.minutes, "billable minute" if event.billable else "minute")
    return f"logged {minutes} of work (entry {event.entry}){speech.text(event, 'comment')}"


@says(e.TimeCorrected)
def time_corrected(event: e.TimeCorrected, speech: Speech) -> str:
    what = f"corrected time entry {event.entry} from {event.old_minutes} to {event.minutes} minutes"
    return f"{what}{speech.because(event)}"


@says(e.TicketEscalated)
def escalated(event: e.TicketEscalated, speech: Speech) -> str:
    if event.kind == "hierarchical":
        return f"escalated the ticket from level {event.old_level} to level {event.level}{speech.because(event)}"
    to = f" to {speech.group(event.group)}" if event.group else ""
    skill = f", calling for the skill {quoted(event.skill)}" if event.skill else ""
    return f"escalated the ticket{to}{skill}{speech.because(event)}"


@says(e.TicketDeescalated)
def deescalated(event: e.TicketDeescalated, speech: Speech) -> str:
    return f"brought the ticket down from level {event.old_level} to level {event.level}{speech.because(event)}"


@says(e.TicketResolved)
def resolved(event: e.TicketResolved, speech: Speech) -> str:
    return f"resolved the ticket as {quoted(event.code)}{speech.text(event, 'notes')}"


@says(e.TicketClosed)
def closed(event: e.TicketClosed, speech: Speech) -> str:
    return _CLOSED[event.manner]


@says(e.TicketReopened)
def reopened(event: e.TicketReopened, speech: Speech) -> str:
    return f"reopened the ticket, which was {event.was}{speech.because(event)}"


@says(e.TicketCancelled)
def cancelled(event: e.TicketCancelled, speech: Speech) -> str:
    return f"cancelled the ticket{speech.because(event)}"


@says(e.FollowUpOpened)
def follow_up_opened(event: e.FollowUpOpened, speech: Speech) -> str:
    return f"opened ticket #{event.number} to go on with the matter, since this one is closed"


@says(e.TicketRated)
def rated(event: e.TicketRated, speech: Speech) -> str:
    return f"rated the help {event.score} out of 5{speech.text(event, 'comment')}"


@says(e.TicketSplitOff)
def split_off(event: e.TicketSplitOff, speech: Speech) -> str:
    return f"split a part of the matter off into ticket #{event.number}"


@says(e.TicketLinked)
def linked(event: e.TicketLinked, speech: Speech) -> str:
    return f"noted that this ticket {_LINKS[event.kind]} ticket #{event.number}"


@says(e.TicketUnlinked)
def unlinked(event: e.TicketUnlinked, speech: Speech) -> str:
    return f"took back that this ticket {_LINKS[event.kind]} ticket #{event.number}"


@says(e.TicketMergedInto)
def merged_into(event: e.TicketMergedInto, speech: Speech) -> str:
    return f"merged the ticket into ticket #{event.number}, which speaks for it from now on{speech.because(event)}"


@says(e.TicketAbsorbed)
def absorbed(event: e.TicketAbsorbed, speech: Speech) -> str:
    return f"let this ticket speak for ticket #{event.number}, too"


@says(e.MergeReversed)
def merge_reversed(event: e.MergeReversed, speech: Speech) -> str:
    return f"undid the merge into ticket #{event.number}, so that this one stands for itself{speech.because(event)}"


@says(e.AbsorptionReversed)
def absorption_reversed(event: e.AbsorptionReversed, speech: Speech) -> str:
    return f"let this ticket no longer speak for ticket #{event.number}"


@says(e.TicketSigned)
def signed(event: e.TicketSigned, speech: Speech) -> str:
    act = f", when doing {quoted(event.command)}" if event.command else ""
    proof = {
        "oidc": f"having signed in at {event.credential}",
        "key-and-pin": f"having given the PIN that goes with the API key {quoted(event.credential)}",
    }[event.means]
    what = f"signed the ticket as {quoted(event.meaning)}{act}, as its record stood at version {event.version - 1}"
    return f"{what}, {proof} on {speech.moment(event.signed_in_at)}, by the name{speech.text(event, 'name')}"


@says(e.TicketCorrected)
def corrected(event: e.TicketCorrected, speech: Speech) -> str:
    own = {name: value for name, value in event.new.items() if name != "fields"}
    custom, before = event.new.get("fields") or {}, event.old.get("fields") or {}
    rights = [_right(name.replace("_", " "), value, event.old.get(name), speech) for name, value in own.items()]
    rights += [_right(f"field {quoted(name)}", value, before.get(name), speech) for name, value in custom.items()]
    return f"put the record right: {listed(rights)}, because {quoted(event.why)}"


@says(e.TicketImported)
def imported(event: e.TicketImported, speech: Speech) -> str:
    told = f"{several(event.rows, 'row')} and {several(len(event.updates), 'update')} of the source"
    return f"took over the history up to here from {event.source}, where it is {event.external_id}: {told}"


def _file(attachment: UUID) -> str:
    return f"the attachment {quoted(str(attachment)[:8])}"


def _right(what: str, new: object, old: object, speech: Speech) -> str:
    return f"{what} is {_value(what, new, speech)} instead of {_value(what, old, speech)}"


def _value(what: str, value: object, speech: Speech) -> str:
    if value in ("", None):
        return "nothing"
    return speech.moment(datetime.fromisoformat(str(value))) if what.endswith(" at") else quoted(value)


@says(e.TicketRetentionExpired)
def retention_expired(event: e.TicketRetentionExpired, speech: Speech) -> str:
    of = f"the type {quoted(event.request_type)}" if event.request_type else speech.department(event.department)
    rule = f"version {event.retention_version} of the rule for {of}"
    return f"let the ticket go, which closed on {speech.moment(event.closed_at)} and was kept as {rule} says"


@says(e.TicketRedacted)
def redacted(event: e.TicketRedacted, speech: Speech) -> str:
    which = "version" if len(event.versions) == 1 else "versions"
    said = f"{which} {listed([str(version) for version in event.versions])}"
    return (
        f"ordered that what {said} of the ticket say in words be erased for good, on the ground {quoted(event.ground)}"
    )
