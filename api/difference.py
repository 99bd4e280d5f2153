"""What became of a ticket between two moments: its fields, what was written, its clocks, and the events themselves."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.differing import states as differing
from api.differing.shapes import Difference, Moment
from api.differing.words import Shown, page
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking
from api.problems import NotValid
from api.tickets import Reader, Seen, events_shown, part_at, see, visible_others
from api.visibility import others_of_ticket, ticket_fields
from domain.access.principal import Principal
from domain.envelope import Event
from domain.errors import TicketNotFound
from domain.ticket import state as ticket_state
from domain.ticket.state import Ticket
from projections.audit import Names

router = APIRouter(tags=["tickets"], route_class=Witnessed)

SHAPES: list[type[msgspec.Struct]] = [Difference]


@router.get(
    "/tickets/{ref}/difference",
    operation_id="get-ticket-difference",
    response_model=None,
    openapi_extra=openapi.answer(Difference, "Fields, messages, clocks and events between the two."),
)
async def get_ticket_difference(
    request: Request,
    ref: parameters.Ref,
    caller: Reader,
    since: Annotated[str, Query(alias="from", max_length=40, description="A version or a time.", examples=["1"])],
    until: Annotated[
        str | None,
        Query(alias="to", max_length=40, description="A version or a time; now if left out.", examples=["2"]),
    ] = None,
    known_at: parameters.KnownAt = None,
    timezone: parameters.Timezone = "UTC",
) -> Response:
    """What became of the ticket between two versions or two effective times: each field that differs, old and new,
    what was written, the clocks before and after, and the events in between in sentences.
    """
    edge = edge_of(request)
    zone = parameters.must_be_zone(timezone, "timezone")
    first = parameters.moment(since, "from")
    last = edge.desk.now() if until is None else parameters.moment(until, "to")
    for moment in (first, last):
        parameters.must_not_be_far_ahead(moment if isinstance(moment, datetime) else None, edge.desk.now())
    setup = await edge.callers.setup()

    def ask() -> Difference:
        seen = see(edge, ref, looking(request))
        parts = [_part(seen, moment, known_at) for moment in (first, last)]
        names = edge.names.of(setup, parts[1]) if seen.sight != "own" else None
        found = _difference(edge, caller, seen, (first, last), parts, names, zone)
        found.known_at = known_at
        found.text = page(found, zone)
        return found

    return answers.json(await edge.read(ask))


def _part(seen: Seen, moment: int | datetime, known_at: datetime | None) -> list[Event]:
    if isinstance(moment, int):
        return part_at(seen, version=moment, known_at=known_at)
    return part_at(seen, at=moment, known_at=known_at)


def _difference(
    edge: Edge,
    caller: Principal,
    seen: Seen,
    moments: tuple[int | datetime, int | datetime],
    parts: list[list[Event]],
    names: Names | None,
    zone: ZoneInfo,
) -> Difference:
    old, new = (ticket_state.fold(part) for part in parts)
    if new.version == 0:
        raise TicketNotFound("There was no such ticket then.")
    if old.version > new.version:
        raise NotValid(faults=[{"field": "query/to", "rule": "must not lie before 'from'"}])
    between = parts[1][len(parts[0]) :]
    visible = visible_others(edge, caller, others_of_ticket(old) | others_of_ticket(new))
    shown = Shown(names or Names(), zone, {stream: ticket.number for stream, ticket in visible.items()})
    instants = [_instant(moment, part, new) for moment, part in zip(moments, parts, strict=True)]
    before, after = (ticket_fields(ticket, seen.sight, visible) for ticket in (old, new))
    told = list(events_shown(edge, caller, between, seen.sight, names, zone))
    return Difference(
        ticket=new.ticket,
        number=new.number,
        from_=Moment(version=old.version, at=instants[0]),
        to=Moment(version=new.version, at=instants[1]),
        known_at=None,
        changes=list(differing.changes(before if old.version else {}, after, between, shown)),
        messages=list(differing.messages(between, seen.sight, shown)),
        clocks=list(differing.clocks(parts, instants, edge.policies, zone))
        if seen.sight != "own" and caller.may_anywhere("sla.read")
        else None,
        events=told,
    )


def _instant(moment: int | datetime, part: list[Event], new: Ticket) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return part[-1].effective_at if part else new.opened_at
