"""The facts of a ticket, in the order of its life, with their eternal names.

This is the file a compliance officer can read: what is not here, did not happen to a ticket. Free text and whatever
else tells of a person is ``Personal`` and sealed before it is stored.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from domain.envelope import Json, Personal
from domain.ticket.fact import TicketEvent
from domain.ticket.sla import (
    SlaAttached,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaChainStepTaken,
    SlaDetached,
    SlaExempted,
    SlaRecalculated,
    SlaRetargeted,
    SlaWarned,
)

HoldReason = Literal["requester", "vendor", "problem", "evidence", "approval", "date"]
LinkKind = Literal[
    "relates",
    "duplicates",
    "duplicated-by",
    "causes",
    "caused-by",
    "blocks",
    "blocked-by",
    "parent-of",
    "child-of",
    "follows",
    "followed-by",
    "split-from",
    "split-into",
]
Level = Literal[1, 2, 3]
"""Impact and urgency: 1 high, 2 medium, 3 low."""


# open


class TicketOpened(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody asked for something; the ticket has its number from here on."""

    TYPE = "ticket.opened.v1"

    number: int
    department: str
    requester: UUID
    title: Personal[str] = ""
    description: Personal[str] = ""
    request_type: str = ""
    request_type_version: int = 0
    category: str = ""
    impact: Level = 3
    urgency: Level = 3
    priority: int
    group: str = ""
    tags: tuple[str, ...] = ()
    fields: dict[str, Json] = {}
    personal_names: tuple[str, ...] = ()
    personal_fields: Personal[dict[str, Json]] = {}
    tier: str = ""
    imported_from: str = ""
    external_id: str = ""


class RequesterChanged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket turned out to be another person's request; ``own``: that of whoever is answerable for it."""

    TYPE = "ticket.requester-changed.v1"

    old: UUID
    new: UUID
    reason: Personal[str] = ""
    own: bool = False


class ParticipantAdded(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody watches the ticket from now on."""

    TYPE = "ticket.participant-added.v1"

    participant: str
    role: Literal["watcher"] = "watcher"


class ParticipantRemoved(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody watches the ticket no longer."""

    TYPE = "ticket.participant-removed.v1"

    participant: str
    role: Literal["watcher"] = "watcher"


class TicketMarkedSpam(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket was found to be no request at all."""

    TYPE = "ticket.marked-spam.v1"


class TicketUnmarkedSpam(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket was a request after all."""

    TYPE = "ticket.unmarked-spam.v1"


# classify


class TitleChanged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket got a better title; the old one stays in its earlier event."""

    TYPE = "ticket.title-changed.v1"

    title: Personal[str]


class DescriptionAmended(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The description was restated; the old one stays in its earlier event."""

    TYPE = "ticket.description-amended.v1"

    description: Personal[str]


class RequestTypeChanged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket is a request of another type, under the named version of its form."""

    TYPE = "ticket.request-type-changed.v1"

    old: str
    new: str
    new_version: int


class CategoryChanged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket belongs to another category."""

    TYPE = "ticket.category-changed.v1"

    old: str
    new: str


class ImpactUrgencyAssessed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Impact and urgency were judged; the priority follows from the matrix unless it is overridden."""

    TYPE = "ticket.impact-urgency-assessed.v1"

    old_impact: Level
    old_urgency: Level
    impact: Level
    urgency: Level
    old_priority: int
    priority: int


class PriorityOverridden(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody set the priority against the matrix, and said why."""

    TYPE = "ticket.priority-overridden.v1"

    old: int
    new: int
    reason: Personal[str]


class TicketTagged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A tag was put on the ticket."""

    TYPE = "ticket.tagged.v1"

    tag: str


class TicketUntagged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A tag was taken off the ticket."""

    TYPE = "ticket.untagged.v1"

    tag: str


class FieldSet(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A custom field got a value; one that may tell of a person is sealed and has no old value here."""

    TYPE = "ticket.field-set.v1"

    field: str
    old: Json = None
    new: Json = None
    personal: bool = False
    personal_new: Personal[Json] = None


class FieldCleared(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A custom field has no value any more."""

    TYPE = "ticket.field-cleared.v1"

    field: str
    old: Json = None


# own


class TicketTransferred(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Another department is responsible from now on."""

    TYPE = "ticket.transferred.v1"

    old: str
    new: str
    reason: Personal[str] = ""


class TicketRouted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket went to a group's queue; the assignee, if any, keeps it only by a further event."""

    TYPE = "ticket.routed.v1"

    old: str
    new: str
    reason: Personal[str] = ""


class TicketAssigned(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """One agent became answerable for the ticket; ``own``: for their own request."""

    TYPE = "ticket.assigned.v1"

    old: str = ""
    assignee: str
    reason: Personal[str] = ""
    own: bool = False


class TicketClaimed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An agent took the ticket on; ``own``: their own request."""

    TYPE = "ticket.claimed.v1"

    assignee: str
    own: bool = False


class TicketReleased(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody is answerable for the ticket any more."""

    TYPE = "ticket.released.v1"

    old: str
    reason: Personal[str] = ""


# converse


class RequesterReplied(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The requester, or somebody for them, wrote again."""

    TYPE = "ticket.requester-replied.v1"

    text: Personal[str]


class AgentReplied(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An agent wrote to the requester; an automatic acknowledgement counts for no clock."""

    TYPE = "ticket.agent-replied.v1"

    text: Personal[str]
    automatic: bool = False


class TicketNoted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An internal note, never visible to a requester."""

    TYPE = "ticket.noted.v1"

    text: Personal[str]
    mentions: tuple[str, ...] = ()


class AttachmentAdded(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A file was put to the ticket; ``internal``: like a note, never visible to a requester.

    The file is not in here. It lies elsewhere in sealed ``chunks``, each by its address, ``stored`` bytes in all, and
    opens with ``key`` and with nothing else (see ``domain.store.chunks``). ``length`` (bytes) and ``sha256``
    (hexadecimal) are those of what was handed in.
    """

    TYPE = "ticket.attachment-added.v1"

    attachment: UUID
    internal: bool = False
    chunks: tuple[str, ...]
    stored: int
    name: Personal[str]
    media_type: Personal[str]
    length: Personal[int] = 0
    sha256: Personal[str]
    key: Personal[str]


class AttachmentQuarantined(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the ticket is handed out to nobody until it is released; ``internal`` as it was added."""

    TYPE = "ticket.attachment-quarantined.v1"

    attachment: UUID
    internal: bool = False
    reason: Personal[str] = ""


class AttachmentReleased(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A file that was kept back is handed out again."""

    TYPE = "ticket.attachment-released.v1"

    attachment: UUID
    internal: bool = False
    reason: Personal[str] = ""


# work


class WorkStarted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody began to work on the ticket."""

    TYPE = "ticket.started.v1"


class TicketPutOnHold(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Work rests until somebody or something else has moved."""

    TYPE = "ticket.put-on-hold.v1"

    reason: HoldReason
    until: datetime | None = None
    comment: Personal[str] = ""


class TicketResumed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The hold is over."""

    TYPE = "ticket.resumed.v1"

    cause: Literal["agent", "requester-replied", "until-reached", "resolved"] = "agent"


class ReminderSet(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody is to be reminded of the ticket at a time (UTC). ``reminder`` counts the ticket's reminders from 1."""

    TYPE = "ticket.reminder-set.v1"

    reminder: int
    at: datetime
    agent: str
    text: Personal[str] = ""


class ReminderCancelled(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The reminder is needed no longer."""

    TYPE = "ticket.reminder-cancelled.v1"

    reminder: int


class ReminderDue(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The time of a reminder has come; ``agent`` is to be told."""

    TYPE = "ticket.reminder-due.v1"

    reminder: int
    at: datetime
    agent: str


class TimeLogged(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody spent time on the ticket."""

    TYPE = "ticket.time-logged.v1"

    entry: int
    minutes: int
    billable: bool = False
    comment: Personal[str] = ""


class TimeCorrected(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A time entry was put right."""

    TYPE = "ticket.time-corrected.v1"

    entry: int
    old_minutes: int
    minutes: int
    reason: Personal[str] = ""


# escalate


class TicketEscalated(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """More skill (functional: to a group) or more authority (hierarchical: to a level) was called in."""

    TYPE = "ticket.escalated.v1"

    kind: Literal["functional", "hierarchical"]
    group: str = ""
    skill: str = ""
    old_level: int = 0
    level: int = 0
    reason: Personal[str]


class TicketDeescalated(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The higher level is no longer needed."""

    TYPE = "ticket.de-escalated.v1"

    old_level: int
    level: int
    reason: Personal[str] = ""


# finish


class TicketResolved(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The request is answered, in the view of the desk."""

    TYPE = "ticket.resolved.v1"

    code: str
    notes: Personal[str] = ""


class TicketClosed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket is finished."""

    TYPE = "ticket.closed.v1"

    manner: Literal["by-hand", "confirmed", "automatic"] = "by-hand"


class TicketReopened(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket was not finished after all."""

    TYPE = "ticket.reopened.v1"

    was: Literal["resolved", "closed"]
    reason: Personal[str] = ""


class TicketCancelled(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The request was withdrawn or should never have been."""

    TYPE = "ticket.cancelled.v1"

    reason: Personal[str] = ""


class FollowUpOpened(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The matter goes on in another ticket, since this one is closed."""

    TYPE = "ticket.follow-up-opened.v1"

    follow_up: UUID
    number: int


class TicketRated(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The requester said how well it went, from 1 (bad) to 5 (good)."""

    TYPE = "ticket.rated.v1"

    score: int
    comment: Personal[str] = ""


# relate


class TicketSplitOff(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the matter goes on in a ticket of its own."""

    TYPE = "ticket.split-off.v1"

    part: UUID
    number: int


class TicketLinked(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket has to do with another one. ``kind`` reads from here to there: this one <kind> that one."""

    TYPE = "ticket.linked.v1"

    kind: LinkKind
    other: UUID
    number: int


class TicketUnlinked(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket has nothing to do with that one after all."""

    TYPE = "ticket.unlinked.v1"

    kind: LinkKind
    other: UUID
    number: int


class TicketMergedInto(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The matter goes on in the target; this history stays as it is, and later replies go to the target."""

    TYPE = "ticket.merged-into.v1"

    target: UUID
    number: int
    reason: Personal[str] = ""


class TicketAbsorbed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """This ticket speaks for the source, too, from now on."""

    TYPE = "ticket.absorbed.v1"

    source: UUID
    number: int


class MergeReversed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket stands for itself again, as it stood before the merge."""

    TYPE = "ticket.merge-reversed.v1"

    target: UUID
    number: int
    reason: Personal[str] = ""


class AbsorptionReversed(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """This ticket no longer speaks for the source; replies made here meanwhile stay here."""

    TYPE = "ticket.absorption-reversed.v1"

    source: UUID
    number: int


# comply


class TicketSigned(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person signed, by their printed ``name``, all that the ticket's stream holds before this event.

    ``command`` is the act that was recorded together with it ("": the signature stands by itself). ``means`` is how the
    signer proved at ``signed_in_at`` that it was them: a fresh sign-in at the issuer, or an API key and its PIN;
    ``credential`` names the issuer or the key. ``signed_at`` is the desk's time, UTC like the other. ``digest`` is the
    ``domain.record.digest.record_digest`` of what is signed; ``mark`` binds the signature to it with the desk's secret,
    so that whoever has only the database can make none. Both are filled in when the event is stored.
    """

    TYPE = "ticket.signed.v1"

    signer: str
    name: Personal[str]
    meaning: str
    command: str = ""
    comment: Personal[str] = ""
    means: Literal["oidc", "key-and-pin"]
    credential: str
    signed_in_at: datetime
    signed_at: datetime
    digest: str = ""
    mark: str = ""


class TicketCorrected(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Something was put right, or the source did what our rules forbid: the fields named now have these values.

    Known fields: status, hold_reason, group, assignee, priority, impact, urgency, category, opened_at, and from imports
    resolved_at, closed_at, reopen_count, and ``fields`` with the custom fields that changed (null: cleared).
    """

    TYPE = "ticket.corrected.v1"

    old: dict[str, Json]
    new: dict[str, Json]
    why: str


class SourceUpdate(msgspec.Struct, frozen=True, array_like=True):
    """One update as the source counted it: its number there, when, and by whom (the source's handle)."""

    count: int
    at: datetime
    by: str


class TicketImported(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The history up to here was taken over from another system.

    ``rows`` of the source have been told so far, ``digest`` is the SHA-256 chained over them (hexadecimal), so that a
    later import knows where to go on and whether it reads the same history. ``updates`` are the source's updates since
    the last taking over, those that changed nothing among them; ``fields`` are custom fields in which the source has
    its own last word on the whole.
    """

    TYPE = "ticket.imported.v1"

    source: str
    external_id: str
    rows: int
    digest: str
    updates: tuple[SourceUpdate, ...]
    fields: dict[str, Json] = {}


class TicketRetentionExpired(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket was kept as long as a rule says, so what it holds of persons goes by the order that follows.

    The rule is that version of a department's or a type of request's; ``kept_until`` is the end of its period, counted
    from ``closed_at`` (that of the ticket it was merged into, if it was).
    """

    TYPE = "ticket.retention-expired.v1"

    department: str = ""
    request_type: str = ""
    retention_version: int
    closed_at: datetime
    kept_until: datetime


class TicketRedacted(TicketEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What the events of these versions hold of persons is erased for good; ``ground`` is public and stays."""

    TYPE = "ticket.redacted.v1"

    versions: tuple[int, ...]
    ground: str


TicketFact = (
    TicketOpened
    | RequesterChanged
    | ParticipantAdded
    | ParticipantRemoved
    | TicketMarkedSpam
    | TicketUnmarkedSpam
    | TitleChanged
    | DescriptionAmended
    | RequestTypeChanged
    | CategoryChanged
    | ImpactUrgencyAssessed
    | PriorityOverridden
    | TicketTagged
    | TicketUntagged
    | FieldSet
    | FieldCleared
    | TicketTransferred
    | TicketRouted
    | TicketAssigned
    | TicketClaimed
    | TicketReleased
    | RequesterReplied
    | AgentReplied
    | TicketNoted
    | AttachmentAdded
    | AttachmentQuarantined
    | AttachmentReleased
    | WorkStarted
    | TicketPutOnHold
    | TicketResumed
    | ReminderSet
    | ReminderCancelled
    | ReminderDue
    | TimeLogged
    | TimeCorrected
    | TicketEscalated
    | TicketDeescalated
    | TicketResolved
    | TicketClosed
    | TicketReopened
    | TicketCancelled
    | FollowUpOpened
    | TicketRated
    | TicketSplitOff
    | TicketLinked
    | TicketUnlinked
    | TicketMergedInto
    | TicketAbsorbed
    | MergeReversed
    | AbsorptionReversed
    | SlaAttached
    | SlaRetargeted
    | SlaDetached
    | SlaWarned
    | SlaBreached
    | SlaBreachWithdrawn
    | SlaChainStepTaken
    | SlaExempted
    | SlaRecalculated
    | TicketSigned
    | TicketCorrected
    | TicketImported
    | TicketRetentionExpired
    | TicketRedacted
)
"""Every fact of a ticket, so that a fold that forgets one is a type error."""
