"""Opening: a request becomes a ticket; a part of one, or what follows a closed one, becomes another."""

import re
from collections.abc import Iterable, Iterator, Set
from itertools import takewhile
from typing import Annotated, Any
from uuid import UUID

from jsonschema import ValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from domain.errors import FieldFault, FormNotValid, NotUnderstood
from domain.setup.events import RequestTypeVersioned
from domain.setup.forms import faults_of
from domain.ticket.commands.command import ALWAYS, UNFINISHED, Command, Decision, Elsewhere, Situation, decide
from domain.ticket.events import (
    FollowUpOpened,
    Level,
    TicketLinked,
    TicketOpened,
    TicketSplitOff,
)
from domain.ticket.state import Ticket

FieldName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A custom field's name: it is stored readable, as a form's fields are."""

TAG = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Requester(BaseModel):
    """Who asks: somebody the desk knows by id, or by an e-mail address or another system's handle."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: UUID | None = Field(default=None, description="Their pseudonym at this desk.")
    email: str = Field(
        default="", max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$", description="By it they are the same person again."
    )
    handle: str = Field(default="", max_length=200, description="What another system calls them, if not an address.")
    name: str = Field(default="", max_length=200, description="What people call them.")
    tier: str = Field(default="", max_length=64, description="Of which service level they are; stored readable.")


class Open(Command):
    """Ask for something. Answers with the ticket's number."""

    VERB = "open"
    PERMISSION = "ticket.open"
    STATUSES = ALWAYS

    department: str = Field(max_length=64, examples=["it"])
    title: str = Field(
        min_length=1, max_length=300, description="What it is about, in a line.", examples=["VPN drops every hour"]
    )
    description: str = Field(
        default="", max_length=100_000, description="All there is to say.", examples=["Since Monday, from home only."]
    )
    requester: Requester | None = Field(default=None, description="Who asks, if not the caller.")
    request_type: str = Field(default="", max_length=64, description="One of those that the department offers.")
    form: dict[FieldName, JsonValue] = Field(default={}, description="Answers to the form of the request type.")
    category: str = Field(default="", max_length=200, description="If not that of the request type; stored readable.")
    impact: Level = Field(
        default=3, description="How far it reaches: 1 is the most. With the urgency it is the priority."
    )
    urgency: Level = Field(default=3, description="How soon it is needed: 1 is the soonest.")
    group: str = Field(
        default="", max_length=64, description="Which group of the department begins, if not its own choice."
    )
    tags: tuple[str, ...] = Field(
        default=(), max_length=50, description="Handles of up to 64 of `a-z`, `0-9`, `.`, `_`, `-`; stored readable."
    )
    external_id: str = Field(default="", max_length=200)
    imported_from: str = Field(default="", max_length=64, exclude=True)


class Split(Command):
    """Move a part of the matter into a ticket of its own."""

    VERB = "split"
    STATUSES = UNFINISHED

    title: str = Field(min_length=1, max_length=300)
    description: str = Field(default="", max_length=100_000)


class FollowUp(Command):
    """Take the matter of a closed ticket up again in a new one."""

    VERB = "follow-up"
    PERMISSION = "ticket.work"
    OWN = "ticket.finish-own"
    STATUSES = frozenset({"closed", "cancelled"})

    text: str = Field(min_length=1, max_length=100_000)


@decide.register
def open_(command: Open, ticket: Ticket, situation: Situation) -> Decision:
    """The ticket starts in the department's queue, or in the group of its request type."""
    must_be_tags(command.tags)
    department = situation.setup.department(command.department)
    form = _form_of(command, situation)
    group = command.group or (form.group if form else "") or department.default_group
    if group:
        situation.setup.group(group, command.department)
    plain, personal = _sorted_answers(form, command.form)
    yield TicketOpened(
        number=situation.number,
        department=command.department,
        requester=situation.requester,
        title=command.title,
        description=command.description,
        request_type=command.request_type,
        request_type_version=form.request_type_version if form else 0,
        category=command.category or (form.category if form else ""),
        impact=command.impact,
        urgency=command.urgency,
        priority=situation.setup.priority(command.impact, command.urgency),
        group=group,
        tags=tuple(dict.fromkeys(command.tags)),
        fields=plain,
        personal_names=tuple(personal),
        personal_fields=personal,
        tier=command.requester.tier if command.requester else "",
        imported_from=command.imported_from,
        external_id=command.external_id,
    )


def must_be_tags(tags: tuple[str, ...]) -> None:
    """Tags are short handles, not prose, for they are stored readable."""
    for one in tags:
        if not re.fullmatch(TAG, one):
            raise NotUnderstood("A tag has up to 64 lower-case letters, digits, dots, dashes or underscores.")


def _form_of(command: Open, situation: Situation) -> RequestTypeVersioned | None:
    if not command.request_type:
        if command.form:
            raise FormNotValid("Answers need a request_type whose form they fill in.")
        return None
    form = situation.setup.request_type(command.request_type, command.department)
    must_fit(form, faults_of(form.form, command.form))
    return form


def must_fit(form: RequestTypeVersioned, found: Iterable[ValidationError]) -> None:
    """Say which field is wrong and which rule it breaks; never repeat the answer, nor a name that the form has not."""
    faults = list(found)
    if faults:
        names = set(_names_in(form.form))
        raise FormNotValid(faults=[_fault(fault, names) for fault in faults], request_type=form.request_type)


def _fault(fault: ValidationError, names: Set[str]) -> FieldFault:
    rule = str(fault.validator)
    said = FieldFault(
        field="/".join(map(str, _known(fault.absolute_path, names))) or "(form)", rule=_RULES.get(rule, rule), code=rule
    )
    match rule, fault.validator_value, fault.schema:
        case "enum" | "required", list(known), _:
            said["known"] = [str(one) for one in known[:_MOST_KNOWN]]
        case "additionalProperties", _, {"properties": dict(known)}:
            said["known"] = sorted(known)[:_MOST_KNOWN]
        case _:
            pass
    return said


_MOST_KNOWN = 100
_RULES = {
    "enum": "must be one of those that the form offers",
    "required": "lacks an answer that the form needs",
    "additionalProperties": "has an answer that the form does not ask for",
    "type": "is not of the kind that the form takes",
    "minLength": "is shorter than the form takes",
    "maxLength": "is longer than the form takes",
    "minimum": "is less than the form takes",
    "maximum": "is more than the form takes",
    "pattern": "is not written as the form takes it",
    "format": "is not written as the form takes it",
}
"""In words what a form most often asks; what it asks besides is called by its keyword."""


def _known(place: Iterable[str | int], names: Set[str]) -> Iterable[str | int]:
    return takewhile(lambda part: isinstance(part, int) or part in names, place)


def _names_in(schema: Any) -> Iterator[str]:
    """The names of the fields that a form declares, at any depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from _names_in(part)
    if isinstance(schema, dict):
        for keyword, part in schema.items():
            if keyword == "properties" and isinstance(part, dict):
                yield from part
            yield from _names_in(part)


def is_personal(form: RequestTypeVersioned | None, field: str, value: Any) -> bool:
    """Whether an answer may tell of a person: all free text does, unless the form says that it does not."""
    rule = (form.form.get("properties") or {}).get(field) if form else None
    rule = rule if isinstance(rule, dict) else {}
    if "x-acta-personal" in rule:
        return bool(rule["x-acta-personal"])
    harmless = isinstance(value, bool | int | float) or value is None or "enum" in rule or "const" in rule
    return not harmless


def _sorted_answers(
    form: RequestTypeVersioned | None, answers: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {field: value for field, value in answers.items() if not is_personal(form, field, value)}
    personal = {field: value for field, value in answers.items() if field not in plain}
    return plain, personal


@decide.register
def split(command: Split, ticket: Ticket, situation: Situation) -> Decision:
    """Both tickets know of each other; the part starts its own life in the same department and group."""
    part = situation.fresh
    yield TicketSplitOff(part=part, number=situation.number)
    yield Elsewhere(part, _offspring(ticket, situation, command.title, command.description, ticket.requester))
    yield Elsewhere(part, TicketLinked(kind="split-from", other=ticket.ticket, number=ticket.number))


@decide.register
def follow_up(command: FollowUp, ticket: Ticket, situation: Situation) -> Decision:
    """The closed ticket stays as it is; the new one names it."""
    yield from opened_after(ticket, command.text, situation, requester=ticket.requester)


def opened_after(ticket: Ticket, text: str, situation: Situation, *, requester: UUID) -> Decision:
    """The follow-up of a closed ticket, with what was written as its description, for whoever asks now."""
    yield FollowUpOpened(follow_up=situation.fresh, number=situation.number)
    title = f"Follow-up of #{(situation.entrance or ticket).number}"
    yield Elsewhere(situation.fresh, _offspring(ticket, situation, title, text, requester))
    yield Elsewhere(situation.fresh, TicketLinked(kind="follows", other=ticket.ticket, number=ticket.number))


def _offspring(ticket: Ticket, situation: Situation, title: str, description: str, requester: UUID) -> TicketOpened:
    if not situation.number:
        raise NotUnderstood("A new ticket needs a number.")
    return TicketOpened(
        number=situation.number,
        department=ticket.department,
        requester=requester,
        title=title,
        description=description,
        category=ticket.category,
        impact=ticket.impact,  # type: ignore[arg-type]
        urgency=ticket.urgency,  # type: ignore[arg-type]
        priority=situation.setup.priority(ticket.impact, ticket.urgency),
        group=ticket.group,
        tier=ticket.tier,
    )
