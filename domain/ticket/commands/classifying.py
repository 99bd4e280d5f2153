"""Classifying: what the matter is about and how much it matters. Each change is an event with old and new value."""

from itertools import chain

from pydantic import Field, JsonValue

from domain.errors import NothingChanges, NotUnderstood
from domain.setup.events import RequestTypeVersioned
from domain.setup.forms import faults_of_field
from domain.ticket.commands.command import UNFINISHED, Command, Decision, Situation, decide, must_differ
from domain.ticket.commands.opening import FieldName, Requester, is_personal, must_be_tags, must_fit
from domain.ticket.events import (
    CategoryChanged,
    DescriptionAmended,
    FieldCleared,
    FieldSet,
    ImpactUrgencyAssessed,
    Level,
    PriorityOverridden,
    RequesterChanged,
    RequestTypeChanged,
    TicketMarkedSpam,
    TicketTagged,
    TicketUnmarkedSpam,
    TicketUntagged,
    TitleChanged,
)
from domain.ticket.state import Ticket


class Classify(Command):
    """State category, title, description or request type anew."""

    VERB = "classify"
    STATUSES = UNFINISHED

    category: str | None = Field(default=None, max_length=200)
    title: str | None = Field(default=None, min_length=1, max_length=300)
    description: str | None = Field(default=None, max_length=100_000)
    request_type: str | None = Field(default=None, min_length=1, max_length=64)


class Prioritise(Command):
    """Judge impact and urgency, or override the priority that follows from them, with a reason."""

    VERB = "prioritise"
    STATUSES = UNFINISHED

    impact: Level | None = None
    urgency: Level | None = None
    priority: int | None = Field(default=None, ge=1, le=5)
    reason: str = Field(default="", max_length=10_000)


class Tag(Command):
    """Put tags on the ticket."""

    VERB = "tag"
    STATUSES = UNFINISHED

    tags: tuple[str, ...] = Field(min_length=1, max_length=50)


class Untag(Command):
    """Take tags off the ticket."""

    VERB = "untag"
    STATUSES = UNFINISHED

    tags: tuple[str, ...] = Field(min_length=1, max_length=50)


class SetField(Command):
    """Give custom fields values; null clears one."""

    VERB = "set-field"
    STATUSES = UNFINISHED

    fields: dict[FieldName, JsonValue] = Field(min_length=1, max_length=100)


class ChangeRequester(Command):
    """Say that it is another person's request."""

    VERB = "change-requester"
    STATUSES = UNFINISHED

    requester: Requester
    reason: str = Field(default="", max_length=10_000)


class MarkSpam(Command):
    """Say that it is no request at all."""

    VERB = "mark-spam"
    STATUSES = UNFINISHED


class UnmarkSpam(Command):
    """Say that it is a request after all."""

    VERB = "unmark-spam"
    STATUSES = UNFINISHED


@decide.register
def classify(command: Classify, ticket: Ticket, situation: Situation) -> Decision:
    """Title and description are personal, so whether they differ cannot be told here; stating them again is a fact."""
    stated = False
    if command.category is not None and command.category != ticket.category:
        stated = True
        yield CategoryChanged(old=ticket.category, new=command.category)
    if command.request_type is not None and command.request_type != ticket.request_type:
        stated = True
        form = situation.setup.request_type(command.request_type, ticket.department)
        yield RequestTypeChanged(old=ticket.request_type, new=form.request_type, new_version=form.request_type_version)
    if command.title is not None:
        stated = True
        yield TitleChanged(title=command.title)
    if command.description is not None:
        stated = True
        yield DescriptionAmended(description=command.description)
    if not stated:
        raise NothingChanges()


@decide.register
def prioritise(command: Prioritise, ticket: Ticket, situation: Situation) -> Decision:
    """Assessing anew ends an override; overriding needs a reason."""
    impact = command.impact or ticket.impact
    urgency = command.urgency or ticket.urgency
    assessed = command.impact is not None or command.urgency is not None
    if assessed and command.priority is not None:
        raise NotUnderstood("Either impact and urgency, or a priority against them.", field="priority")
    if command.priority is not None:
        if not command.reason:
            raise NotUnderstood("Overriding the priority needs a reason.", field="reason")
        must_differ(ticket.priority, command.priority)
        yield PriorityOverridden(old=ticket.priority, new=command.priority, reason=command.reason)
        return
    must_differ((ticket.impact, ticket.urgency, ticket.priority_overridden), (impact, urgency, False))
    yield ImpactUrgencyAssessed(
        old_impact=ticket.impact,  # type: ignore[arg-type]
        old_urgency=ticket.urgency,  # type: ignore[arg-type]
        impact=impact,  # type: ignore[arg-type]
        urgency=urgency,  # type: ignore[arg-type]
        old_priority=ticket.priority,
        priority=situation.setup.priority(impact, urgency),
    )


@decide.register
def tag(command: Tag, ticket: Ticket, situation: Situation) -> Decision:
    """Tags that are there already are no event."""
    must_be_tags(command.tags)
    added = [tag for tag in dict.fromkeys(command.tags) if tag not in ticket.tags]
    if not added:
        raise NothingChanges()
    for one in added:
        yield TicketTagged(tag=one)


@decide.register
def untag(command: Untag, ticket: Ticket, situation: Situation) -> Decision:
    """Tags that are not there are no event."""
    removed = [tag for tag in dict.fromkeys(command.tags) if tag in ticket.tags]
    if not removed:
        raise NothingChanges()
    for one in removed:
        yield TicketUntagged(tag=one)


@decide.register
def set_field(command: SetField, ticket: Ticket, situation: Situation) -> Decision:
    """A field of the form keeps to it; one that may tell of a person is sealed, so its old value is not repeated."""
    form = situation.setup.request_types.get((ticket.request_type, ticket.request_type_version))
    if form is not None:
        given = ((field, value) for field, value in command.fields.items() if value is not None)
        must_fit(form, chain.from_iterable(faults_of_field(form.form, field, value) for field, value in given))
    changes = [
        change
        for field, value in command.fields.items()
        if (change := _field_change(form, ticket, field, value)) is not None
    ]
    if not changes:
        raise NothingChanges()
    yield from changes


def _field_change(
    form: RequestTypeVersioned | None, ticket: Ticket, field: str, value: JsonValue
) -> FieldSet | FieldCleared | None:
    old = None if field in ticket.personal else ticket.fields.get(field)
    if value is None:
        return FieldCleared(field=field, old=old) if field in ticket.fields else None
    if is_personal(form, field, value):
        return FieldSet(field=field, personal=True, personal_new=value)
    if field in ticket.fields and value == old:
        return None
    return FieldSet(field=field, old=old, new=value)


@decide.register
def change_requester(command: ChangeRequester, ticket: Ticket, situation: Situation) -> Decision:
    """The desk has found or registered the person by the time this is decided."""
    must_differ(ticket.requester, situation.requester)
    yield RequesterChanged(old=ticket.requester, new=situation.requester, reason=command.reason)


@decide.register
def mark_spam(command: MarkSpam, ticket: Ticket, situation: Situation) -> Decision:
    """A fact beside the state."""
    must_differ(ticket.spam, True)
    yield TicketMarkedSpam()


@decide.register
def unmark_spam(command: UnmarkSpam, ticket: Ticket, situation: Situation) -> Decision:
    """A fact beside the state."""
    must_differ(ticket.spam, False)
    yield TicketUnmarkedSpam()
