"""Service levels: a ticket's clocks with their explanation, the clocks that need an eye, and shares kept."""

from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.clocks import shapes as clock_shapes
from api.clocks.picture import STYLE_DIGEST, picture
from api.clocks.shapes import ClockExplained, ClockListed
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.looks import Look
from api.scopes import departments, in_departments
from api.tickets import see
from domain.access.principal import Principal
from domain.clock.asking import explanations_of
from domain.clock.explain import Explanation
from domain.clock.policy import Kind
from domain.clock.wording import render
from domain.moments import Moment
from projections.sla import attainment, queries
from projections.sla.queries import Status

router = APIRouter(tags=["sla"], route_class=Witnessed)
Reader = Annotated[Principal, permitted("sla.read")]
Watcher = Annotated[Principal, permitted("sla.read", personal=False)]
_Zone = Annotated[
    str | None, Query(max_length=64, description="IANA name of the zone that times are told in; else the calendar's.")
]
_Handle = Annotated[str | None, Query(max_length=200)]


class ClockShown(msgspec.Struct, kw_only=True):
    """A clock at an instant, with every interval it counted and left out; ``text`` says it in words."""

    explanation: ClockExplained
    text: str


class TicketClocks(msgspec.Struct, kw_only=True):
    """The clocks of a ticket."""

    number: int
    at: datetime
    clocks: list[ClockShown]


class ClockList(msgspec.Struct, kw_only=True):
    """Some clocks, next due first; ``next`` is the cursor of the page after, null on the last."""

    clocks: list[ClockListed]
    next: str | None


class ShareShown(msgspec.Struct, kw_only=True):
    """So many of the clocks decided were met; ``share`` is met / decided."""

    of: dict[str, Any]
    period: datetime | None
    met: int
    decided: int
    share: float | None


class Attainment(msgspec.Struct, kw_only=True):
    """Shares of clocks that kept their target."""

    shares: list[ShareShown]


SHAPES: list[type[msgspec.Struct]] = [TicketClocks, ClockList, Attainment]


@router.get(
    "/tickets/{ref}/clocks",
    operation_id="get-ticket-clocks",
    response_model=None,
    openapi_extra=openapi.answer(TicketClocks, "Every clock of the ticket, explained."),
)
async def get_ticket_clocks(
    request: Request,
    ref: parameters.Ref,
    caller: Reader,
    at: parameters.At = None,
    timezone: _Zone = None,
) -> Response:
    """The ticket's clocks, now or as they stood then, with the intervals that each figure was counted from."""
    edge = edge_of(request)
    zone = None if timezone is None else parameters.must_be_zone(timezone, "timezone").key

    def ask() -> TicketClocks:
        number, now, explanations = _explanations(edge, ref, looking(request), at)
        shown = [ClockShown(explanation=clock_shapes.explained(one), text=render(one, zone)) for one in explanations]
        return TicketClocks(number=number, at=now, clocks=shown)

    return answers.json(await edge.read(ask))


_PICTURE = {
    "responses": {
        "200": {"description": "The picture.", "content": {"image/svg+xml": {"schema": {"type": "string"}}}},
    }
}


@router.get(
    "/tickets/{ref}/clocks.svg",
    operation_id="draw-ticket-clocks",
    response_model=None,
    openapi_extra=_PICTURE,
)
async def draw_ticket_clocks(
    request: Request,
    ref: parameters.Ref,
    caller: Reader,
    at: parameters.At = None,
    timezone: _Zone = None,
) -> Response:
    """The same as a picture: a lane for each clock, with what counted, what did not and why, and what is due."""
    edge = edge_of(request)
    zone = None if timezone is None else parameters.must_be_zone(timezone, "timezone").key

    def ask() -> str:
        number, now, explanations = _explanations(edge, ref, looking(request), at)
        return picture(number, now, explanations, edge.policies, zone)

    policy = f"default-src 'none'; style-src '{STYLE_DIGEST}'; frame-ancestors 'none'"
    drawn = await edge.read(ask)
    return Response(drawn, headers={"Content-Security-Policy": policy}, media_type="image/svg+xml")


def _explanations(
    edge: Edge, ref: str, look: Look, at: datetime | None
) -> tuple[int, datetime, tuple[Explanation, ...]]:
    """The number of a ticket that the caller may see, the instant, and its clocks as of then."""
    parameters.must_not_be_far_ahead(at, edge.desk.now())
    seen = see(edge, ref, look, beyond_own="sla.read")
    now = at or edge.desk.now()
    return seen.today.number, now, explanations_of(seen.history, now, edge.policies)


@router.get(
    "/sla/clocks",
    operation_id="list-clocks",
    response_model=None,
    openapi_extra=openapi.answer(ClockList, "The clocks that are wanted, next due first."),
)
async def list_clocks(
    request: Request,
    caller: Watcher,
    status: Annotated[
        str,
        Query(max_length=100, description="Any of running, paused, at_risk, breached, met.", examples=["at_risk"]),
    ] = "running,paused",
    clock: Kind | None = None,
    department: _Handle = None,
    group: _Handle = None,
    assignee: _Handle = None,
    priority: Annotated[int | None, Query(ge=1, le=5)] = None,
    policy: _Handle = None,
    at: parameters.At = None,
    limit: parameters.Limit = 100,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of the page before.")] = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Who is at risk: clocks by status, as of now or of a past moment."""
    edge = edge_of(request)
    statuses: tuple[Any, ...] = parameters.some_of(status, get_args(Status), "status")
    wanted = queries.Wanted(
        statuses=statuses,
        clock=clock,
        department=department,
        group=group,
        assignee=assignee,
        priority=priority,
        policy=policy,
    )
    policies = edge.policies
    scope = departments(caller, "sla.read")

    def ask(connection: psycopg.Connection[Any]) -> ClockList:
        now = edge.desk.now()
        page = queries.clocks_wanted(
            connection, scope, wanted, now=now, policies=policies, at=at, after=cursor, limit=limit
        )
        shown = [clock_shapes.listed(row) for row in in_departments(edge, scope, page.rows)]
        return ClockList(clocks=shown, next=page.next)

    return answers.json(await edge.view("sla", ask, wait_for))


@router.get(
    "/sla/attainment",
    operation_id="get-attainment",
    response_model=None,
    openapi_extra=openapi.answer(Attainment, "Shares met, by what was asked for."),
)
async def get_attainment(
    request: Request,
    caller: Watcher,
    since: Annotated[Moment, Query(alias="from", description="Decided at or after this time.")],
    until: Annotated[Moment, Query(alias="to", description="Decided before this time.")],
    by: Annotated[str, Query(max_length=200, description="Dimensions, comma-separated.")] = "clock",
    bucket: attainment.Bucket | None = None,
    zone: Annotated[str, Query(max_length=64, description="IANA name of the zone in which days begin.")] = "UTC",
    at: parameters.At = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """How many clocks kept their target, of those decided in a period."""
    edge = edge_of(request)
    dimensions: tuple[Any, ...] = parameters.some_of(by, attainment.DIMENSIONS, "by")
    parameters.must_be_zone(zone)
    parameters.must_be_period(since, until)
    scope = departments(caller, "sla.read")

    def ask(connection: psycopg.Connection[Any]) -> Attainment:
        found = attainment.attainment(
            connection,
            scope,
            since,
            until,
            now=edge.desk.now(),
            at=at,
            by=dimensions,
            bucket=bucket,
            zone=zone,
        )
        return Attainment(shares=[_share(share) for share in found])

    return answers.json(await edge.view("sla", ask, wait_for))


def _share(share: attainment.Share) -> ShareShown:
    kept = share.met / share.decided if share.decided else None
    return ShareShown(of=share.of, period=share.period, met=share.met, decided=share.decided, share=kept)
