"""The log as XES (IEEE 1849): one trace for each ticket, one event for each event of it, in the order of recording.

``time:timestamp`` is the effective time, which never goes back within a trace. ``org:resource`` is the actor's handle,
``org:role`` what kind of actor that is, ``org:group`` the group that the ticket is in from that event on. Keys without
a prefix are Acta's own: the event's fields by their names, its place in the record, and where the ticket stands then.
"""

import re
from collections.abc import Callable, Iterator
from uuid import UUID
from xml.sax.saxutils import quoteattr

from consumers.exporting.attributes import Attribute, Kind, activity, attributes, written
from consumers.exporting.selecting import Life, Selection, Step, lives
from domain.desk import Desk
from domain.ticket.state import Ticket

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""

_ELEMENT: dict[Kind, str] = {
    "string": "string",
    "time": "date",
    "integer": "int",
    "float": "float",
    "boolean": "boolean",
}
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Every event of the tickets selected. No personal text: what people wrote and are called stays sealed in the desk,
     a requester is a pseudonym, an actor a handle. -->
<log xes.version="1849.2023" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="ID" prefix="identity" uri="http://www.xes-standard.org/identity.xesext"/>
  <global scope="trace">
    <string key="concept:name" value=""/>
    <id key="identity:id" value="00000000-0000-0000-0000-000000000000"/>
    <string key="department" value=""/>
    <string key="status" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>
    <string key="lifecycle:transition" value="complete"/>
    <string key="org:resource" value=""/>
    <string key="org:role" value=""/>
    <string key="event_type" value=""/>
    <int key="position" value="0"/>
    <date key="recorded_at" value="1970-01-01T00:00:00+00:00"/>
    <string key="ticket_status" value=""/>
  </global>
  <classifier name="Activity" scope="event" keys="concept:name"/>
  <classifier name="Resource" scope="event" keys="org:resource"/>
  <string key="concept:name" value="Acta"/>
  <string key="lifecycle:model" value="standard"/>
"""


def xes(desk: Desk, selection: Selection, progress: Progress = lambda done, total: None) -> Iterator[bytes]:
    """The selected tickets as one XES document, piece by piece; the same log gives the same bytes.

    Memory does not grow with the log, only with its longest ticket.
    """
    head = Attribute("recorded_up_to_position", "integer", selection.head)
    yield f"{_HEAD}{_written(head, 2)}".encode()
    for position, page in lives(desk, selection):
        yield "".join(piece for life in page for piece in _trace(life)).encode()
        progress(position, selection.head)
    yield b"</log>\n"


def _trace(life: Life) -> Iterator[str]:
    ticket = life.ticket
    yield "  <trace>\n"
    yield _written(Attribute("concept:name", "string", str(ticket.number)), 4)
    yield _identity(ticket.ticket, 4)
    for attribute in _of_ticket(ticket):
        yield _written(attribute, 4)
    for step in life.steps():
        yield "    <event>\n"
        for attribute in (*_of_step(step), *attributes(step.event)):
            if attribute.name not in life.hides(step.event):
                yield _written(attribute, 6)
        yield "    </event>\n"
    yield "  </trace>\n"


_OF_TICKET: tuple[tuple[str, Kind], ...] = (
    ("department", "string"),
    ("group", "string"),
    ("status", "string"),
    ("channel", "string"),
    ("request_type", "string"),
    ("category", "string"),
    ("priority", "integer"),
    ("tier", "string"),
    ("reopen_count", "integer"),
    ("opened_at", "time"),
    ("resolved_at", "time"),
    ("closed_at", "time"),
    ("imported_from", "string"),
    ("external_id", "string"),
)


def _of_ticket(ticket: Ticket) -> Iterator[Attribute]:
    """The ticket as it stands in the end; who asks is a pseudonym."""
    yield Attribute("requester", "string", str(ticket.requester))
    for name, kind in _OF_TICKET:
        if (value := getattr(ticket, name)) not in (None, ""):
            yield Attribute(name, kind, value)


def _of_step(step: Step) -> Iterator[Attribute]:
    event, act, after = step.event, step.event.act, step.after
    yield Attribute("concept:name", "string", activity(type(event)))
    yield Attribute("time:timestamp", "time", event.effective_at)
    yield Attribute("lifecycle:transition", "string", "complete")
    yield Attribute("org:resource", "string", act.actor.id or act.actor.kind)
    yield Attribute("org:role", "string", act.actor.kind)
    if after.group:
        yield Attribute("org:group", "string", after.group)
    yield Attribute("event_type", "string", event.TYPE)
    yield Attribute("position", "integer", event.position)
    yield Attribute("recorded_at", "time", event.recorded_at)
    if event.occurred_at != event.effective_at:
        yield Attribute("occurred_at", "time", event.occurred_at)
    if act.channel:
        yield Attribute("channel", "string", act.channel)
    if act.on_behalf_of:
        yield Attribute("on_behalf_of", "string", act.on_behalf_of)
    yield Attribute("ticket_status", "string", after.status)
    if after.hold_reason:
        yield Attribute("ticket_hold_reason", "string", after.hold_reason)
    if after.assignee:
        yield Attribute("ticket_assignee", "string", after.assignee)
    if after.category:
        yield Attribute("ticket_category", "string", after.category)
    yield Attribute("ticket_priority", "integer", after.priority)
    yield Attribute("ticket_impact", "integer", after.impact)
    yield Attribute("ticket_urgency", "integer", after.urgency)


def _identity(ticket: UUID, indent: int) -> str:
    return f'{" " * indent}<id key="identity:id" value="{ticket}"/>\n'


def _written(attribute: Attribute, indent: int) -> str:
    name, kind, value = attribute
    text = quoteattr(_NO_CHARACTER.sub("\ufffd", written(value)))
    return f'{" " * indent}<{_ELEMENT[kind]} key="{name}" value={text}/>\n'
