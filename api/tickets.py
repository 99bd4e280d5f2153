"""A ticket now and then, its history, and what changed between two moments: all read from its stream."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters, shapes
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.looks import Look
from api.visibility import (
    EventTold,
    Sight,
    event_fields,
    event_told,
    others_of_event,
    others_of_ticket,
    sight_of,
    ticket_fields,
    without_other,
)
from domain.access.principal import Principal
from domain.desk import as_of
from domain.envelope import Event
from domain.errors import EventNotFound, NotAllowed, TicketNotFound
from domain.person.naming import name_of
from domain.ticket import state as ticket_state
from domain.ticket.commands import COMMANDS, is_own, possible
from domain.ticket.state import Ticket
from projections.audit import Names, sentence

router = APIRouter(tags=["tickets"], route_class=Witnessed)
Reader = Annotated[Principal, permitted("ticket.read", "ticket.read-own")]
_Version = Annotated[int | None, Query(ge=1, le=999_999_999, description="As of this version.")]


class Seen(msgspec.Struct, frozen=True):
    """A ticket that exists for the caller: its history, itself as of today, and how much of it they see."""

    history: list[Event]
    today: Ticket
    sight: Sight


@router.get(
    "/tickets/{ref}",
    operation_id="get-ticket",
    response_model=None,
    openapi_extra=openapi.answer(shapes.TicketShown, "The ticket, now or as of then."),
)
async def get_ticket(
    request: Request,
    ref: parameters.Ref,
    caller: Reader,
    at: parameters.At = None,
    known_at: parameters.KnownAt = None,
    version: _Version = None,
) -> Response:
    """The ticket now, or as it stood at a time (`at`), as was known at a time (`known_at`), or at a version."""
    edge = edge_of(request)

    def ask() -> tuple[Ticket, dict[str, Any]]:
        seen = see(edge, ref, looking(request))
        past = at is not None or known_at is not None or version is not None
        ticket = state_at(seen, at=at, known_at=known_at, version=version) if past else seen.today
        shown = ticket_fields(ticket, seen.sight, visible_others(edge, caller, others_of_ticket(ticket)))
        if seen.sight != "own" or ticket.requester == caller.person:
            shown["requester_name"] = name_of(edge.desk.history(ticket.requester))
        if not past:
            shown["possible"] = _possible(ticket, caller)
        return ticket, shown

    ticket, shown = await edge.read(ask)
    return answers.json(shown, headers={"ETag": f'"{ticket.version}"'})


@router.get(
    "/tickets/{ref}/events",
    operation_id="get-ticket-events",
    response_model=None,
    openapi_extra=openapi.answer(shapes.EventPage, "The events, oldest first."),
)
async def get_ticket_events(
    request: Request,
    ref: parameters.Ref,
    caller: Reader,
    after: Annotated[int, Query(ge=0, le=999_999_999, description="Begin after this version.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many events.")] = 100,
    timezone: parameters.Timezone = "UTC",
) -> Response:
    """The ticket's history, as far as the caller may see it, in words as well for those who work on it.

    `next` is the `after` of the next page.
    """
    edge = edge_of(request)
    zone = parameters.must_be_zone(timezone, "timezone")
    setup = await edge.callers.setup()

    def ask() -> shapes.EventPage:
        seen = see(edge, ref, looking(request))
        rest = [event for event in seen.history if event.version > after]
        names = edge.names.of(setup, rest) if seen.sight != "own" else None
        shown: list[EventTold] = []
        for event in events_shown(edge, caller, rest, seen.sight, names, zone):
            if len(shown) == limit:
                return shapes.EventPage(events=shown, next=shown[-1].version)
            shown.append(event)
        return shapes.EventPage(events=shown, next=None)

    # A long history takes long to write down: not on the event loop, and on the thread that has it at hand.
    return await edge.read(lambda: answers.json(ask()))


def see(edge: Edge, ref: str, look: Look, *, beyond_own: str = "") -> Seen:
    """A ticket with its history, and that it is shown; what the caller may not see is not found. Both are recorded.

    ``beyond_own``: the permission without which this is not for the requester.
    """
    return seen(edge.desk.history(found(edge, ref, look)), look, beyond_own=beyond_own)


def found(edge: Edge, ref: str, look: Look) -> UUID:
    """The stream of a ticket."""
    try:
        return edge.desk.find(ref)
    except TicketNotFound:
        raise look.not_found() from None


def seen(history: list[Event], look: Look, *, beyond_own: str = "") -> Seen:
    """As ``see``, of a history that is there already."""
    today = ticket_state.fold(history)
    told_of = {event.seal.subject for event in history if event.seal is not None}
    sight = sight_of(today, look.caller)
    if sight == "own" and beyond_own:
        refused = NotAllowed(permission=beyond_own)
        look.refuse(refused, beyond_own, today.ticket)
        raise refused
    if sight is not None:
        look.shows("ticket.read-own" if sight == "own" else "ticket.read", (today,), told_of)
    elif today.version and look.may_break_glass:
        sight = "all" if look.caller.may_anywhere("ticket.read-notes") else "desk"
        look.breaks_glass(today, told_of)
    else:
        raise look.not_found(today if today.version else None)
    return Seen(history, today, sight)


def state_at(
    seen: Seen, *, at: datetime | None = None, known_at: datetime | None = None, version: int | None = None
) -> Ticket:
    """The ticket as of then; ``TicketNotFound`` before there was one, ``EventNotFound`` at a version yet to come."""
    ticket = ticket_state.fold(part_at(seen, at=at, known_at=known_at, version=version))
    if ticket.version == 0:
        raise TicketNotFound("There was no such ticket then.")
    return ticket


def part_at(
    seen: Seen, *, at: datetime | None = None, known_at: datetime | None = None, version: int | None = None
) -> list[Event]:
    """The beginning of the history that makes the ticket as of then; ``EventNotFound`` at a version yet to come."""
    if version is not None and version > seen.today.version:
        raise EventNotFound("The ticket has no such version.", version=seen.today.version)
    return list(as_of(seen.history[:version], at=at, known_at=known_at))


def visible_others(edge: Edge, principal: Principal, others: Iterable[UUID]) -> dict[UUID, Ticket]:
    """Those of ``others`` that exist for the caller."""
    return {
        stream: ticket
        for stream, ticket in edge.tickets_today.of(others).items()
        if sight_of(ticket, principal) is not None
    }


def events_shown(
    edge: Edge, principal: Principal, events: list[Event], sight: Sight, names: Names | None, zone: ZoneInfo
) -> Iterable[EventTold]:
    """The events of one ticket that the caller may see, as they may see them; in words if there are ``names``."""
    visible = visible_others(edge, principal, {other for event in events for other in others_of_event(event)})
    for event in events:
        fields = event_fields(event, sight, visible)
        if fields is not None:
            words = sentence(without_other(event, visible)[0], names, zone) if names is not None else ""
            yield event_told(event, fields, sight, words)


def _possible(ticket: Ticket, principal: Principal) -> list[str]:
    own = is_own(ticket, principal)
    return [
        verb
        for verb in possible(ticket, COMMANDS)
        if principal.may(COMMANDS[verb].PERMISSION, ticket.department)
        or (own and COMMANDS[verb].OWN and principal.may_anywhere(COMMANDS[verb].OWN))
    ]
