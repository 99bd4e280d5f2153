"""Which events of the configuration bear on a ticket: those of whatever its events name, and holds that cover it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from domain.envelope import Event, personal_fields
from domain.setup import events as s
from domain.ticket import events as t

_NAMED_BY: dict[type[Event], str] = {
    s.DepartmentDefined: "department",
    s.DepartmentRetired: "department",
    s.GroupDefined: "group",
    s.GroupRetired: "group",
    s.AgentDefined: "agent",
    s.AgentRetired: "agent",
    s.RoleGranted: "grantee",
    s.RoleRevoked: "grantee",
    s.CalendarVersioned: "calendar",
    s.PolicyVersioned: "policy",
    s.PolicyRetired: "policy",
    s.RequestTypeVersioned: "request_type",
    s.RequestTypeRetired: "request_type",
}
"""By which of its fields a fact of the configuration is named elsewhere."""


def bearing(configuration: Iterable[Event], ticket: Sequence[Event], others: Iterable[Event] = ()) -> Iterator[Event]:
    """The facts of the configuration that bear on a ticket with these events; ``others``: whose actors matter, too."""
    stream = ticket[0].stream
    named = {text for event in ticket for text in _texts(event)} | {event.act.actor.id for event in others}
    persons = requesters(ticket)
    departments = {event.department for event in ticket if isinstance(event, t.TicketOpened)}
    departments |= {event.new for event in ticket if isinstance(event, t.TicketTransferred)}
    holds: set[str] = set()
    for event in configuration:
        match event:
            case s.LegalHoldPlaced():
                covered = stream in event.tickets or persons & {*event.persons}
                if covered or {*event.departments} & (departments | {s.EVERYWHERE}):
                    holds.add(event.hold)
                    yield event
            case s.LegalHoldLifted():
                if event.hold in holds:
                    yield event
            case s.PriorityMatrixVersioned():
                yield event
            case _:
                field = _NAMED_BY.get(type(event))
                if field is not None and getattr(event, field) in named:
                    yield event


def requesters(ticket: Iterable[Event]) -> set[UUID]:
    """The persons whose request a ticket is or was."""
    found = set[UUID]()
    for event in ticket:
        if isinstance(event, t.TicketOpened):
            found.add(event.requester)
        elif isinstance(event, t.RequesterChanged):
            found |= {event.old, event.new}
    return found


def _texts(event: Event) -> Iterator[str]:
    """Whatever is written readable in an event: handles, codes and names of things among it."""
    yield event.act.actor.id
    yield event.act.on_behalf_of
    for name in set(event.__struct_fields__) - set(Event.__struct_fields__) - _personal(type(event)):
        yield from _strings(msgspec.to_builtins(getattr(event, name)))


@cache
def _personal(kind: type[Event]) -> frozenset[str]:
    return frozenset(personal_fields(kind))


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _strings(one)
        case list():
            for one in value:
                yield from _strings(one)
