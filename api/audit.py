"""The audit journal: who did what, when and why, line by line, each as a sentence made when it is shown."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.looks import Look
from api.scopes import departments
from api.visibility import ActorShown, other_fields, others_of_event, without_other
from domain.access.events import GlassBroken
from domain.access.principal import Principal
from domain.envelope import EVENT_TYPES, Event
from domain.moments import Moment
from domain.setup.state import Setup
from domain.store.privacy import closed
from domain.ticket.events import TicketEvent
from domain.ticket.state import Ticket
from projections.audit import Page, Wanted, lines, sentence

router = APIRouter(tags=["audit"], route_class=Witnessed)
Auditor = Annotated[Principal, permitted("audit.read")]


class AuditLine(msgspec.Struct, kw_only=True):
    """An event of the record: ``sentence`` says it in words, ``content`` what it says beside personal data.

    ``withheld`` names the fields that hold personal data. ``number`` is the ticket's, ``department`` the one that the
    line belongs to today.
    """

    position: int
    stream: UUID
    kind: str
    version: int
    type: str
    occurred_at: datetime
    effective_at: datetime
    recorded_at: datetime
    actor: ActorShown
    on_behalf_of: str
    channel: str
    correlation_id: str
    causation_id: str
    ticket: UUID | None
    number: int | None
    department: str
    withheld: list[str]
    content: dict[str, Any]
    sentence: str


class AuditPage(msgspec.Struct, kw_only=True):
    """Some lines, oldest first; ``next`` is the cursor of the page after, null on the last."""

    lines: list[AuditLine]
    next: int | None


SHAPES: list[type[msgspec.Struct]] = [AuditPage]


@router.get(
    "/audit",
    operation_id="list-audit-lines",
    response_model=None,
    openapi_extra=openapi.answer(AuditPage, "The lines that are wanted and that the caller may see, oldest first."),
)
async def list_lines(
    request: Request,
    caller: Auditor,
    ticket: Annotated[str | None, Query(max_length=64, description="A ticket's number or UUID.")] = None,
    actor: Annotated[str | None, Query(max_length=200, description="The handle of whoever acted.")] = None,
    types: Annotated[
        str,
        Query(
            alias="type", max_length=2000, description="Event types, comma-separated.", examples=["ticket.opened.v1"]
        ),
    ] = "",
    since: Annotated[Moment | None, Query(alias="from", description="Happened at or after this time.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Happened before this time.")] = None,
    department: Annotated[str | None, Query(max_length=200, description="Belongs to this department today.")] = None,
    timezone: parameters.Timezone = "UTC",
    limit: parameters.Limit = 100,
    cursor: parameters.PagePosition = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Who did what, when and why. A ticket's lines are seen by auditors of the department it is in today."""
    edge = edge_of(request)
    zone = parameters.must_be_zone(timezone, "timezone")
    if since is not None and until is not None:
        parameters.must_be_period(since, until)
    wanted = Wanted(
        **parameters.ticket_wanted(ticket),
        actor=actor,
        types=parameters.some_of(types, EVENT_TYPES, "type") or None,
        since=since,
        until=until,
        department=department,
        scope=departments(caller, "audit.read"),
    )
    setup = await edge.callers.setup()

    def ask(connection: psycopg.Connection[Any]) -> AuditPage:
        return told(edge, looking(request), lines(connection, wanted, after=cursor, limit=limit), setup, zone)

    return answers.json(await edge.view("audit", ask, wait_for))


def told(edge: Edge, look: Look, page: Page, setup: Setup, zone: ZoneInfo) -> AuditPage:
    """The lines with their sentences, in which is only what the caller may read; what they are shown is recorded."""
    principal = look.caller
    stored = edge.desk.store.events_at([line["position"] for line in page.lines])
    events = {event.position: event for event in edge.desk.sealing.opened(stored)}
    named = {event.stream for event in events.values()}
    named |= {other for event in events.values() for other in others_of_event(event)}
    named |= {line["ticket"] for line in page.lines if line["ticket"] is not None}
    today = edge.tickets_today.of(named)
    audited = {stream: one for stream, one in today.items() if principal.may("audit.read", one.department)}
    readable = {position for position, event in events.items() if may_read(event, principal, today)}
    opened = [events[position] for position in readable]
    told_of = {event.seal.subject for event in opened if event.seal is not None}
    look.shows("audit.read", (today[line["ticket"]] for line in page.lines if line["ticket"] in today), told_of)
    names = edge.names.of(setup, opened)
    impersonal = msgspec.structs.replace(names, people={})
    shown = []
    for line in page.lines:
        event, hidden = without_other(events[line["position"]], audited)
        open_to = line["position"] in readable
        words = sentence(event, names, zone) if open_to else sentence(closed(event), impersonal, zone)
        shown.append(_line(line, hidden, words))
    return AuditPage(lines=shown, next=page.next)


def may_read(event: Event, principal: Principal, today: dict[UUID, Ticket]) -> bool:
    """Whether personal text of an event is opened: a ticket's for those who read its notes, why somebody broke the
    glass for those who audit its department."""
    if isinstance(event, TicketEvent):
        return event.stream in today and principal.may("ticket.read-notes", today[event.stream].department)
    if isinstance(event, GlassBroken):
        return principal.may("audit.read", today[event.ticket].department)
    return other_fields(event, principal) is not None


def _line(line: dict[str, Any], hidden: tuple[str, ...], words: str) -> AuditLine:
    content = {name: value for name, value in line["content"].items() if name not in hidden}
    own = {name: line[name] for name in AuditLine.__struct_fields__ if name in line}
    actor = ActorShown(line["actor_kind"], line["actor"])
    return AuditLine(**{**own, "actor": actor, "content": content, "sentence": words})
