"""The log as OCEL 2.0 in JSON: tickets, persons (pseudonyms), agents, groups and departments, and what related them.

An event is related to its ticket, to whoever acted, and to whom or what it made a difference to; an object has each of
its attributes with the time from which it was so. Values are texts, as the schema of the format has them, under the
types that are declared for them. Times are effective times.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from consumers.exporting import relations
from consumers.exporting.attributes import Kind, activity, attributes, fields_of, ticket_types, written
from consumers.exporting.named import Named, Role, named
from consumers.exporting.selecting import Life, Selection, lives
from consumers.exporting.xes import Progress
from domain.desk import Desk
from domain.envelope import Event
from domain.person.events import ContactChanged, PersonRegistered
from domain.setup.events import SETUP, AgentDefined, DepartmentDefined, GroupDefined, SetupEvent

_PAGE = 500
_TICKET: dict[str, Kind] = {
    "number": "integer",
    "status": "string",
    "hold_reason": "string",
    "priority": "integer",
    "impact": "integer",
    "urgency": "integer",
    "category": "string",
    "request_type": "string",
    "tier": "string",
    "level": "integer",
    "channel": "string",
    "resolution_code": "string",
    "rating": "integer",
    "reopen_count": "integer",
    "spam": "boolean",
    "imported_from": "string",
    "external_id": "string",
}
_PERSON: dict[str, Kind] = {"department": "string", "tier": "string", "language": "string"}
_CONFIGURED: dict[Role, tuple[type[SetupEvent], dict[str, Kind]]] = {
    "agent": (AgentDefined, {"skills": "string", "available": "boolean"}),
    "group": (GroupDefined, {"name": "string", "skills": "string", "level": "integer"}),
    "department": (DepartmentDefined, {"name": "string", "reopen_days": "integer", "close_after_days": "integer"}),
}
_OF_EVERY_EVENT: dict[str, Kind] = {
    "event_type": "string",
    "position": "integer",
    "recorded_at": "time",
    "actor": "string",
    "actor_kind": "string",
    "channel": "string",
    "on_behalf_of": "string",
    "ticket_status": "string",
}


def ocel(desk: Desk, selection: Selection, progress: Progress = lambda done, total: None) -> Iterator[bytes]:
    """The selected tickets as one OCEL document, piece by piece; the same log gives the same bytes.

    The log is read twice, for objects come before the events that name them. Memory does not grow with it, only with
    its longest ticket and with the configuration.
    """
    total = 2 * selection.head
    with named() as names:
        yield b'{"objectTypes":' + _encode(_object_types())
        yield b',"eventTypes":' + _encode(_event_types())
        yield b',"objects":['
        separator = b"\n"
        for position, page in lives(desk, selection):
            yield separator + b",\n".join(_encode(_ticket(life, names)) for life in page) if page else b""
            separator = b",\n" if page else separator
            progress(position, total)
        for one in _others(desk, selection.head, names):
            yield separator + _encode(one)
            separator = b",\n"
        yield b'\n],"events":['
        separator = b"\n"
        for position, page in lives(desk, selection):
            yield separator + b",\n".join(_encode(event) for life in page for event in _events(life)) if page else b""
            separator = b",\n" if page else separator
            progress(selection.head + position, total)
        yield b"\n]}\n"


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _declared(attributes: Iterable[tuple[str, Kind]]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in attributes]


def _object_types() -> list[dict[str, Any]]:
    kinds = {"ticket": _TICKET, "person": _PERSON} | {role: fields for role, (_, fields) in _CONFIGURED.items()}
    return [{"name": name, "attributes": _declared(fields.items())} for name, fields in kinds.items()]


def _event_types() -> list[dict[str, Any]]:
    """One for each activity; the versions of an event's form share it, and the attributes of all of them are its."""
    types: dict[str, dict[str, Kind]] = {}
    for kind in ticket_types():
        known = types.setdefault(activity(kind), dict(_OF_EVERY_EVENT))
        known |= {field.name: field.kind for field in fields_of(kind)}
    return [{"name": name, "attributes": _declared(fields.items())} for name, fields in types.items()]


def _since(values: Iterable[tuple[datetime, dict[str, Any]]]) -> list[dict[str, str]]:
    """Attributes with the times from which they were so, each where it changes; what begins empty is left out."""
    was: dict[str, Any] = {}
    changes = []
    for time, now in values:
        for name, value in now.items():
            text = written(value) if isinstance(value, str | int | float) else " ".join(value or ())
            if text != was.get(name, ""):
                changes.append({"name": name, "value": text, "time": written(time)})
                was[name] = text
    return changes


def _related(found: Iterable[tuple[Role | None, str, str]], names: Named | None) -> list[dict[str, str]]:
    """Relations as they are written; who is named by one is noted."""
    relations_ = list(found)
    if names is not None:
        names.add((role, name) for role, name, _ in relations_ if role is not None)
    return [
        {"objectId": name if role is None else relations.object_id(role, name), "qualifier": qualifier}
        for role, name, qualifier in relations_
    ]


def _ticket(life: Life, names: Named) -> dict[str, Any]:
    steps = list(life.steps())
    for step in steps:
        names.add((role, name) for role, name, _ in relations.of_event(life, step) if role is not None)
    return {
        "id": relations.ticket_id(life.opened.number),
        "type": "ticket",
        "attributes": _since(
            (step.event.effective_at, {name: getattr(step.after, name) for name in _TICKET}) for step in steps
        ),
        "relationships": _related(relations.of_ticket(life), names),
    }


def _events(life: Life) -> Iterator[dict[str, Any]]:
    for step in life.steps():
        event, act = step.event, step.event.act
        said: dict[str, Any] = {
            "event_type": event.TYPE,
            "position": event.position,
            "recorded_at": event.recorded_at,
            "actor": act.actor.id,
            "actor_kind": act.actor.kind,
            "channel": act.channel,
            "on_behalf_of": act.on_behalf_of,
            "ticket_status": step.after.status,
        }
        hidden = life.hides(event)
        said |= {one.name: one.value for one in attributes(event) if one.name not in hidden}
        yield {
            "id": f"event:{event.position}",
            "type": activity(type(event)),
            "time": written(event.effective_at),
            "attributes": [{"name": name, "value": written(value)} for name, value in said.items() if value != ""],
            "relationships": _related(relations.of_event(life, step), None),
        }


# Who and what tickets name


def _others(desk: Desk, head: int, names: Named) -> Iterator[dict[str, Any]]:
    for page in names.pages("person", _PAGE):
        yield from _persons(desk, page, head)
    setup = [desk.sealing.decoded(event) for event in desk.store.events_of(SETUP) if event.position <= head]
    for role in ("agent", "group", "department"):
        kind, fields = _CONFIGURED[role]
        definitions: dict[str, list[Event]] = {}
        for event in setup:
            if isinstance(event, kind):
                definitions.setdefault(getattr(event, role), []).append(event)
        for page in names.pages(role, _PAGE):
            for name in page:
                yield _configured(role, name, definitions.get(name, []), fields, names)


def _persons(desk: Desk, persons: list[str], head: int) -> Iterator[dict[str, Any]]:
    stored = desk.store.newer([(UUID(person), 0) for person in persons])
    events = (desk.sealing.decoded(event) for event in stored if event.position <= head)
    known = {
        str(stream): [event for event in history if isinstance(event, PersonRegistered | ContactChanged)]
        for stream, history in groupby(events, lambda event: event.stream)
    }
    for person in persons:
        values = (
            (event.effective_at, {name: getattr(event, name) for name in _PERSON}) for event in known.get(person, [])
        )
        yield {
            "id": relations.object_id("person", person),
            "type": "person",
            "attributes": _since(values),
            "relationships": [],
        }


def _configured(
    role: Role, name: str, definitions: list[Event], fields: dict[str, Kind], names: Named
) -> dict[str, Any]:
    """An agent, group or department by its definitions; one that acted and is not configured has none."""
    values = ((event.effective_at, {field: getattr(event, field) for field in fields}) for event in definitions)
    return {
        "id": relations.object_id(role, name),
        "type": role,
        "attributes": _since(values),
        "relationships": _related(_belongs(definitions[-1:]), names),
    }


def _belongs(definitions: list[Event]) -> Iterator[tuple[Role | None, str, str]]:
    for event in definitions:
        if isinstance(event, AgentDefined):
            yield from (("group", group, "member of") for group in event.groups)
        elif isinstance(event, GroupDefined):
            yield "department", event.department, "belongs to"
