"""The change feed: every event that the caller may see, in order, without a gap; in pages or as server-sent events.

Today's grants on a ticket's department today decide. ``next`` and the events' ids are positions looked at, whether or
not they are shown, so that a follower of a small part of the log does not begin at its start again.

What was shown is recorded once for each page, and for each batch of a stream, which is all that came since the last;
since the head is looked at every ``poll_seconds``, that is how often a follower is recorded at most. A batch without
tickets and personal data is not recorded: whoever follows the record of who looked would otherwise follow themselves.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import answers, openapi, parameters, shapes
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.looks import Look
from api.problems import NotAcceptable, NotValid
from api.visibility import (
    EventShown,
    event_fields,
    event_shown,
    other_fields,
    others_of_event,
    sight_of,
)
from domain.access.principal import Principal
from domain.envelope import EVENT_TYPES, Event
from domain.errors import NotAllowed, NotAuthenticated, NotReadyYet
from domain.ticket.events import TicketEvent

router = APIRouter(tags=["events"], route_class=Witnessed)
Follower = Annotated[Principal, permitted("feed.read")]
_STREAM = "text/event-stream"
_BATCH = 200
_encoder = msgspec.json.Encoder()

_ANSWER = openapi.answer(shapes.FeedPage, "The events after that position, as far as the caller may see them.")
_ANSWER["responses"]["200"]["content"][_STREAM] = {
    "schema": {"type": "string"},
    "example": 'id: 42\nevent: ticket.opened.v1\ndata: {"position": 42}\n\n',
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Streams: the position to go on after, in place of `after`.",
    "schema": {"type": "string", "pattern": "^[0-9]{0,15}$"},
    "example": "42",
}


@router.get(
    "/events",
    operation_id="get-events",
    response_model=None,
    openapi_extra={**_ANSWER, "parameters": [_LAST_EVENT_ID]},
)
async def get_events(
    request: Request,
    caller: Follower,
    after: parameters.Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Look at most at so many events.")] = 100,
    types: Annotated[
        str, Query(max_length=2000, description="Only these types, comma-separated.", examples=["ticket.opened.v1"])
    ] = "",
) -> Response:
    """The events after a position. With `Accept: text/event-stream` they keep coming, and `Last-Event-ID` resumes."""
    edge = edge_of(request)
    wanted = _types(types)
    resumed = _resumed(request, after)
    accepted = request.headers.get("accept", "*/*")
    if _STREAM in accepted:
        looking(request).shows_nothing()
        stream = follow(edge, request, resumed, wanted)
        return StreamingResponse(stream, media_type=_STREAM, headers={"X-Accel-Buffering": "no"})
    if not any(kind in accepted for kind in ("*/*", "application/*", "application/json")):
        raise NotAcceptable()
    page, _ = await edge.read(lambda: page_after(edge, looking(request), after, limit, wanted))
    return answers.json(page)


def page_after(edge: Edge, look: Look, after: int, limit: int, types: tuple[str, ...]) -> tuple[shapes.FeedPage, bool]:
    """The events among the next ``limit`` ones that the caller may see; and whether there may be more."""
    store = edge.desk.store
    # Read before the page: what is recorded in between has not been looked at.
    head = store.head()
    stored = store.page(after, limit, types=types, until=head)
    opened = edge.desk.sealing.opened(stored)
    more = len(stored) == limit
    looked_at = stored[-1].position if more else max(head, after)
    return shapes.FeedPage(events=shown(edge, look, opened), next=looked_at), more


def shown(edge: Edge, look: Look, events: list[Event]) -> list[EventShown]:
    """The events that the caller may see, as they may see them; what they are shown of anybody is recorded."""
    principal = look.caller
    named = {event.stream for event in events if isinstance(event, TicketEvent)}
    named |= {other for event in events for other in others_of_event(event)}
    today = edge.tickets_today.of(named)
    sights = {stream: sight for stream, ticket in today.items() if (sight := sight_of(ticket, principal)) is not None}
    found = []
    tickets, persons = set[UUID](), set[UUID]()
    for event in events:
        if isinstance(event, TicketEvent):
            sight = sights.get(event.stream)
            fields = event_fields(event, sight, sights) if sight is not None else None
        else:
            sight, fields = None, other_fields(event, principal)
        if fields is None:
            continue
        found.append(event_shown(event, fields, sight))
        tickets |= {event.stream} & today.keys()
        persons |= set() if event.seal is None else {event.seal.subject}
    if tickets or persons:
        look.shows("feed.read", (today[stream] for stream in tickets), persons)
    else:
        look.shows_nothing()
    return found


async def follow(edge: Edge, request: Request, after: int, types: tuple[str, ...]) -> AsyncIterator[bytes]:
    """Server-sent events after a position, until the client goes, its token ends or the server stops."""
    yield b": acta\n\n"
    # What to look at next; ``told`` is the last id that the client knows.
    told = after
    while not edge.head.closed:
        try:
            principal = await edge.callers.of(request)
            if not principal.may_anywhere("feed.read"):
                raise NotAllowed()
            look = looking(request).again(principal)
            found, more = await edge.read(partial(page_after, edge, look, after, _BATCH, types))
            await look.recorded()
        except (NotAuthenticated, NotAllowed):
            return
        except (psycopg.OperationalError, NotReadyYet):
            # The client comes again by itself and goes on after the last id.
            return
        for event in found.events:
            yield _event(event)
            told = event.position
        after = found.next
        if after > told:
            told = after
            yield b"id: %d\n\n" % after
        if not more and not await edge.head.beyond(after, edge.settings.heartbeat_seconds) and not edge.head.closed:
            yield b": still here\n\n"


def _event(event: EventShown) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), _encoder.encode(event))


def _types(text: str) -> tuple[str, ...]:
    types = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(name not in EVENT_TYPES for name in types):
        raise NotValid(faults=[{"field": "query/types", "rule": "names an event type that does not exist"}])
    return types


def _resumed(request: Request, after: int) -> int:
    given = request.headers.get("last-event-id", "")
    if not given:
        return after
    if not (given.isascii() and given.isdigit() and len(given) <= 15):
        raise NotValid(faults=[{"field": "Last-Event-ID", "rule": "must be a position"}])
    return int(given)
