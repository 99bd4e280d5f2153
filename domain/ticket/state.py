"""What a ticket is after its events so far: enough for the next decision and for showing it as of any moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, assert_never, cast
from uuid import UUID

import msgspec

from domain.envelope import NOWHERE, UNSTAMPED, Event, Json
from domain.ticket import events as e
from domain.ticket.parts import Attachment, Breach, Link, Reminder, Signature, Sla, TakenOver, TimeEntry

Status = Literal["new", "in_progress", "on_hold", "resolved", "closed", "cancelled"]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as of its latest event; all times are UTC and effective. Version 0 does not exist yet.

    ``personal`` names the custom fields whose values are sealed, ``redacted`` the versions whose text is erased;
    ``breaches`` and ``exempt`` (the clocks that are measured no longer) are facts beside the state, and so is where it
    was before, and of whom it told.
    """

    ticket: UUID = NOWHERE
    version: int = 0
    number: int = 0
    status: Status = "new"
    department: str = ""
    group: str = ""
    assignee: str = ""
    requester: UUID = NOWHERE
    opened_by: str = ""
    channel: str = ""
    title: str = ""
    description: str = ""
    request_type: str = ""
    request_type_version: int = 0
    category: str = ""
    impact: int = 3
    urgency: int = 3
    priority: int = 0
    priority_overridden: bool = False
    tier: str = ""
    tags: frozenset[str] = frozenset()
    fields: dict[str, Json] = {}
    personal: frozenset[str] = frozenset()
    watchers: frozenset[str] = frozenset()
    hold_reason: str = ""
    hold_until: datetime | None = None
    level: int = 0
    resolution_code: str = ""
    resolution_notes: str = ""
    rating: int | None = None
    time_entries: tuple[TimeEntry, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    reminders_set: int = 0
    links: frozenset[Link] = frozenset()
    merged_into: UUID | None = None
    absorbed: frozenset[UUID] = frozenset()
    spam: bool = False
    attachments: tuple[Attachment, ...] = ()
    sla: Sla | None = None
    breaches: frozenset[Breach] = frozenset()
    exempt: frozenset[str] = frozenset()
    signatures: tuple[Signature, ...] = ()
    imported_from: str = ""
    external_id: str = ""
    former_departments: frozenset[str] = frozenset()
    former_requesters: frozenset[UUID] = frozenset()
    taken_over: TakenOver | None = None
    public_replies: int = 0
    requester_replies: int = 0
    notes: int = 0
    reopen_count: int = 0
    group_changes: int = 0
    redacted: frozenset[int] = frozenset()
    expired: int = 0
    opened_at: datetime = UNSTAMPED
    updated_at: datetime = UNSTAMPED
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    recorded_at: datetime = UNSTAMPED

    @property
    def is_open(self) -> bool:
        """Whether work on it is still to be done."""
        return self.status in ("new", "in_progress", "on_hold")


def evolve(ticket: Ticket, event: e.TicketFact) -> Ticket:
    """The ticket after ``event``. Never refuses, never looks anything up."""
    return msgspec.structs.replace(
        ticket,
        version=event.version,
        updated_at=event.effective_at,
        recorded_at=event.recorded_at,
        **_changes(ticket, event),
    )


def _worked(ticket: Ticket) -> dict[str, Any]:
    """The first act of an agent takes a new ticket into work."""
    return {"status": "in_progress"} if ticket.status == "new" else {}


def _changes(t: Ticket, event: e.TicketFact) -> dict[str, Any]:
    # In the order of how often they happen, since a match is tried from the top.
    match event:
        case e.TicketOpened():
            return _opened(event)
        case e.TicketImported():
            return {"taken_over": _taken_over(t, event), "fields": t.fields | event.fields}
        case e.SlaAttached() | e.SlaRetargeted() | e.SlaRecalculated():
            sla = Sla(event.policy, event.policy_version, event.calendar, event.calendar_version)
            return {"sla": sla}
        case e.TicketAssigned() | e.TicketClaimed():
            return {"assignee": event.assignee, **_worked(t)}
        case e.FieldSet():
            return _field_set(t, event)
        case e.TicketRouted():
            return {"group": event.new, "group_changes": t.group_changes + bool(event.old)}
        case e.TicketPutOnHold():
            return {"status": "on_hold", "hold_reason": event.reason, "hold_until": event.until}
        case e.TicketResumed():
            return {"status": "in_progress", "hold_reason": "", "hold_until": None}
        case e.AgentReplied():
            return {"public_replies": t.public_replies + 1, **({} if event.automatic else _worked(t))}
        case e.RequesterReplied():
            return {"requester_replies": t.requester_replies + 1}
        case e.TicketNoted():
            return {"notes": t.notes + 1}
        case e.AttachmentAdded():
            return {"attachments": (*t.attachments, _attachment(event))}
        case e.AttachmentQuarantined():
            return {"attachments": _kept_back(t, event.attachment, True)}
        case e.AttachmentReleased():
            return {"attachments": _kept_back(t, event.attachment, False)}
        case e.TicketResolved():
            return {
                "status": "resolved",
                "resolution_code": event.code,
                "resolution_notes": event.notes,
                "resolved_at": event.effective_at,
            }
        case e.TicketClosed():
            return {"status": "closed", "closed_at": event.effective_at}
        case e.TicketCorrected():
            return _put_right(t, event)
        case e.RequesterChanged():
            return {"requester": event.new, "former_requesters": t.former_requesters | {event.old}}
        case e.ParticipantAdded():
            return {"watchers": t.watchers | {event.participant}}
        case e.ParticipantRemoved():
            return {"watchers": t.watchers - {event.participant}}
        case e.TicketMarkedSpam():
            return {"spam": True}
        case e.TicketUnmarkedSpam():
            return {"spam": False}
        case e.TitleChanged():
            return {"title": event.title}
        case e.DescriptionAmended():
            return {"description": event.description}
        case e.RequestTypeChanged():
            return {"request_type": event.new, "request_type_version": event.new_version}
        case e.CategoryChanged():
            return {"category": event.new}
        case e.ImpactUrgencyAssessed():
            return {
                "impact": event.impact,
                "urgency": event.urgency,
                "priority": event.priority,
                "priority_overridden": False,
            }
        case e.PriorityOverridden():
            return {"priority": event.new, "priority_overridden": True}
        case e.TicketTagged():
            return {"tags": t.tags | {event.tag}}
        case e.TicketUntagged():
            return {"tags": t.tags - {event.tag}}
        case e.FieldCleared():
            kept = {name: value for name, value in t.fields.items() if name != event.field}
            return {"fields": kept, "personal": t.personal - {event.field}}
        case e.TicketTransferred():
            return {"department": event.new, "former_departments": t.former_departments | {event.old}}
        case e.TicketReleased():
            return {"assignee": ""}
        case e.WorkStarted():
            return {"status": "in_progress"}
        case e.ReminderSet():
            reminder = Reminder(event.reminder, event.at, event.agent)
            return {"reminders": (*t.reminders, reminder), "reminders_set": event.reminder}
        case e.ReminderCancelled() | e.ReminderDue():
            return {"reminders": tuple(one for one in t.reminders if one.reminder != event.reminder)}
        case e.TimeLogged():
            entry = TimeEntry(event.entry, event.minutes, event.billable, event.act.actor.id)
            return {"time_entries": (*t.time_entries, entry)}
        case e.TimeCorrected():
            return {"time_entries": tuple(_corrected(entry, event) for entry in t.time_entries)}
        case e.TicketEscalated():
            return {"level": max(t.level, event.level)}
        case e.TicketDeescalated():
            return {"level": event.level}
        case e.TicketReopened():
            return {
                "status": "in_progress",
                "reopen_count": t.reopen_count + 1,
                "resolved_at": None,
                "closed_at": None,
            }
        case e.TicketCancelled():
            return {"status": "cancelled", "closed_at": event.effective_at, "hold_reason": "", "hold_until": None}
        case e.FollowUpOpened():
            return {"links": t.links | {Link("followed-by", event.follow_up, event.number)}}
        case e.TicketSplitOff():
            return {"links": t.links | {Link("split-into", event.part, event.number)}}
        case e.TicketRated():
            return {"rating": event.score}
        case e.TicketLinked():
            return {"links": t.links | {Link(event.kind, event.other, event.number)}}
        case e.TicketUnlinked():
            return {"links": t.links - {Link(event.kind, event.other, event.number)}}
        case e.TicketMergedInto():
            return {"merged_into": event.target}
        case e.MergeReversed():
            return {"merged_into": None}
        case e.TicketAbsorbed():
            return {"absorbed": t.absorbed | {event.source}}
        case e.AbsorptionReversed():
            return {"absorbed": t.absorbed - {event.source}}
        case e.SlaDetached():
            return {"sla": None}
        case e.SlaBreached():
            return {"breaches": t.breaches | {Breach(event.clock, event.instance, event.target)}}
        case e.SlaBreachWithdrawn():
            return {"breaches": t.breaches - {Breach(event.clock, event.instance, event.target)}}
        case e.SlaExempted():
            return {"exempt": t.exempt | frozenset(event.clocks)}
        case e.TicketSigned():
            return {"signatures": (*t.signatures, _signature(event))}
        case e.TicketRetentionExpired():
            return {"expired": event.version}
        case e.TicketRedacted():
            return {"redacted": t.redacted | frozenset(event.versions)}
        case e.SlaWarned() | e.SlaChainStepTaken():
            return {}
        case _:
            assert_never(event)


def _taken_over(t: Ticket, event: e.TicketImported) -> TakenOver:
    before = t.taken_over.last if t.taken_over is not None else None
    return TakenOver(event.source, event.rows, event.digest, event.updates[-1] if event.updates else before)


def _attachment(event: e.AttachmentAdded) -> Attachment:
    return Attachment(
        event.attachment,
        event.version,
        event.name,
        event.media_type,
        event.length,
        event.internal,
        False,
        event.act.actor.id,
        event.effective_at,
    )


def _kept_back(t: Ticket, attachment: UUID, quarantined: bool) -> tuple[Attachment, ...]:
    return tuple(
        msgspec.structs.replace(one, quarantined=quarantined) if one.attachment == attachment else one
        for one in t.attachments
    )


def _signature(event: e.TicketSigned) -> Signature:
    return Signature(
        event.version, event.version - 1, event.signer, event.name, event.meaning, event.command, event.signed_at
    )


_NONE: frozenset[str] = frozenset()
"""One for all the tickets that are remembered: each empty set would be one of its own."""


def _opened(event: e.TicketOpened) -> dict[str, Any]:
    blank = f"[{event.withheld}]"
    return {
        "ticket": event.stream,
        "number": event.number,
        "department": event.department,
        "group": event.group,
        "requester": event.requester,
        "opened_by": event.act.actor.id,
        "channel": event.act.channel,
        "title": event.title,
        "description": event.description,
        "request_type": event.request_type,
        "request_type_version": event.request_type_version,
        "category": event.category,
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
        "tier": event.tier,
        "tags": frozenset(event.tags) or _NONE,
        "fields": event.fields | {name: event.personal_fields.get(name, blank) for name in event.personal_names},
        "personal": frozenset(event.personal_names) or _NONE,
        "imported_from": event.imported_from,
        "external_id": event.external_id,
        "opened_at": event.effective_at,
    }


def _field_set(t: Ticket, event: e.FieldSet) -> dict[str, Any]:
    if not event.personal:
        return {"fields": {**t.fields, event.field: event.new}, "personal": t.personal - {event.field}}
    value = f"[{event.withheld}]" if event.withheld else event.personal_new
    return {"fields": {**t.fields, event.field: value}, "personal": t.personal | {event.field}}


def _corrected(entry: TimeEntry, event: e.TimeCorrected) -> TimeEntry:
    return msgspec.structs.replace(entry, minutes=event.minutes) if entry.entry == event.entry else entry


def _put_right(t: Ticket, event: e.TicketCorrected) -> dict[str, Any]:
    changes: dict[str, Any] = dict(event.new)
    status = changes.get("status", t.status)
    if "fields" in changes:
        merged: dict[str, Json] = t.fields | changes["fields"]
        changes["fields"] = {name: value for name, value in merged.items() if value is not None}
        changes["personal"] = t.personal - set(event.new["fields"])
    if "group" in changes and t.group and changes["group"] != t.group:
        changes["group_changes"] = t.group_changes + 1
    times = _times_put_right(t, str(status), event) if status != t.status else {}
    for name in ("opened_at", "resolved_at", "closed_at"):
        if changes.get(name) is not None:
            changes[name] = datetime.fromisoformat(str(changes[name]))
    return times | changes


def _times_put_right(t: Ticket, status: str, event: e.TicketCorrected) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if status == "resolved":
        times = {"resolved_at": event.effective_at, "closed_at": None}
    elif status in ("closed", "cancelled"):
        times = {"closed_at": event.effective_at}
    elif t.status in ("resolved", "closed", "cancelled"):
        times = {"resolved_at": None, "closed_at": None}
    if status != "on_hold":
        times |= {"hold_reason": "", "hold_until": None}
    return times


def fold(events: Iterable[Event], ticket: Ticket | None = None) -> Ticket:
    """The ticket after ``events``, of which only its own facts count."""
    folded = ticket or Ticket()
    for event in events:
        if isinstance(event, e.TicketEvent):
            folded = evolve(folded, cast(e.TicketFact, event))
    return folded
