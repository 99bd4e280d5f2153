"""What whoever asked for something is told of their ticket; a new event type is invisible to them until it is here."""

from domain.envelope import Event
from domain.ticket import events as e

OWN_EVENTS: dict[type[e.TicketEvent], tuple[str, ...]] = {
    e.TicketOpened: (
        "number",
        "department",
        "requester",
        "title",
        "description",
        "request_type",
        "request_type_version",
        "category",
        "priority",
        "fields",
        "personal_fields",
    ),
    e.TitleChanged: ("title",),
    e.DescriptionAmended: ("description",),
    e.RequestTypeChanged: ("old", "new"),
    e.CategoryChanged: ("old", "new"),
    e.ImpactUrgencyAssessed: ("old_priority", "priority"),
    e.PriorityOverridden: ("old", "new"),
    e.TicketTransferred: ("old", "new"),
    e.TicketAssigned: ("assignee",),
    e.TicketClaimed: ("assignee",),
    e.TicketReleased: (),
    e.RequesterReplied: ("text",),
    e.AgentReplied: ("text", "automatic"),
    e.AttachmentAdded: ("attachment", "name", "media_type", "length", "sha256"),
    e.AttachmentQuarantined: ("attachment",),
    e.AttachmentReleased: ("attachment",),
    e.WorkStarted: (),
    e.TicketPutOnHold: ("reason", "until"),
    e.TicketResumed: ("cause",),
    e.TicketResolved: ("code", "notes"),
    e.TicketClosed: ("manner",),
    e.TicketReopened: ("was",),
    e.TicketCancelled: (),
    e.FollowUpOpened: ("follow_up", "number"),
    e.TicketRated: ("score", "comment"),
    e.TicketMergedInto: (),
    e.MergeReversed: (),
}
"""The facts that a requester sees of their ticket, and of each the fields. Resolution notes are the desk's answer.

None of them is seen where it ``is_internal``.
"""


def is_internal(event: Event) -> bool:
    """Whether a fact is for the desk alone, whatever else is told of its kind: a note, or a file like one."""
    match event:
        case e.TicketNoted():
            return True
        case e.AttachmentAdded() | e.AttachmentQuarantined() | e.AttachmentReleased():
            return event.internal
    return False
