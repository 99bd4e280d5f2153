"""How tickets are related to persons, agents, groups, departments and each other, with the names of those relations."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from consumers.exporting.named import Role
from consumers.exporting.selecting import Life, Step
from domain.envelope import NOWHERE
from domain.ticket import events as e
from domain.ticket.others import OTHER_TICKETS
from domain.ticket.state import Ticket


class Relation(NamedTuple):
    """``qualifier`` says what the object is to the event, or to the other object."""

    object_id: str
    qualifier: str


_ROLES: dict[str, Role] = {"requester": "person", "assignee": "agent", "group": "group", "department": "department"}
"""The fields of a ticket that name somebody, and what that is."""

_NAMED: dict[type[e.TicketEvent], tuple[str, str]] = {
    e.ParticipantAdded: ("participant", "watcher"),
    e.ParticipantRemoved: ("participant", "former watcher"),
    e.ReminderSet: ("agent", "reminded"),
    e.ReminderDue: ("agent", "reminded"),
}
"""The field of an event that names an agent beside the ticket's own, and what it is to the event."""

_OTHERS: dict[type[e.TicketEvent], str] = {
    e.TicketMergedInto: "merged into",
    e.MergeReversed: "merged into no more",
    e.TicketAbsorbed: "absorbed",
    e.AbsorptionReversed: "absorbed no more",
    e.TicketSplitOff: "split off",
    e.FollowUpOpened: "follow-up",
}
_WRITTEN_BY_REQUESTER = (e.RequesterReplied, e.TicketRated)


def ticket_id(number: int) -> str:
    """The id of a ticket among all objects."""
    return f"ticket:{number}"


def object_id(role: Role, name: str) -> str:
    """The id of somebody or something that a ticket names, among all objects."""
    return f"{role}:{name}"


def of_event(life: Life, step: Step) -> Iterator[tuple[Role | None, str, str]]:
    """What an event is related to, as (role, name, qualifier); of a ticket there is no role, and the name is its id.

    It names whoever acted, and what it made of the ticket: the group that it went to, and the one that it left.
    """
    event, before, after = step
    yield None, ticket_id(life.opened.number), "ticket"
    actor = event.act.actor
    if actor.kind == "agent" and actor.id:
        yield "agent", actor.id, "actor"
    for field, role in _ROLES.items():
        old, new = _name(before, field), _name(after, field)
        if old != new and new:
            yield role, new, field
        if old != new and old:
            yield role, old, f"former {field}"
    if isinstance(event, _WRITTEN_BY_REQUESTER):
        yield "person", str(after.requester), "author"
    if type(event) in _NAMED:
        field, qualifier = _NAMED[type(event)]
        yield "agent", getattr(event, field), qualifier
    if type(event) in OTHER_TICKETS and not life.hides(event):
        yield None, ticket_id(event.number), _other(event)  # type: ignore[attr-defined]


def of_ticket(life: Life) -> Iterator[tuple[Role | None, str, str]]:
    """What a ticket is related to in the end, in the same form."""
    ticket = life.ticket
    for field, role in _ROLES.items():
        if name := _name(ticket, field):
            yield role, name, field
    for link in sorted(ticket.links, key=lambda link: (link.number, link.kind)):
        if link.other in life.others:
            yield None, ticket_id(link.number), link.kind
    if ticket.merged_into in life.others:
        yield None, ticket_id(_number_of(life, ticket.merged_into)), "merged into"


def _name(ticket: Ticket, field: str) -> str:
    name = getattr(ticket, field)
    return "" if name in ("", NOWHERE) else str(name)


def _other(event: e.TicketEvent) -> str:
    if isinstance(event, e.TicketLinked):
        return event.kind
    if isinstance(event, e.TicketUnlinked):
        return f"no longer {event.kind}"
    return _OTHERS[type(event)]


def _number_of(life: Life, target: UUID | None) -> int:
    return next(it.number for it in life.history if isinstance(it, e.TicketMergedInto) and it.target == target)
