"""What applying new versions of policies and calendars to open tickets would do; applying them is a command of each."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.clocks.shapes import minutes
from api.edge import Edge, edge_of
from api.gate import permitted
from api.scopes import departments
from domain.access.principal import Principal
from domain.clock.asking import clocks_of
from domain.clock.deciding import recalculated
from domain.errors import NoPolicyApplies
from domain.setup.state import Setup
from domain.ticket.sla import Recalculated
from domain.ticket.state import fold
from projections.engine.cursors import cursor_at, number, place_of
from projections.sla.queries import going_on

router = APIRouter(tags=["sla"])
Supervisor = Annotated[Principal, permitted("ticket.supervise", personal=False)]
_Handle = Annotated[str | None, Query(max_length=200)]


class ClockRecalculated(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one clock; ``breached``: it has exceeded its new target already."""

    clock: str
    instance: int
    old_target_minutes: float | None
    new_target_minutes: float | None
    old_due_at: datetime | None
    new_due_at: datetime | None
    breached: bool


class TicketRecalculated(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket whose clocks would change, and under which versions they would come."""

    ticket: UUID
    number: int
    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    clocks: list[ClockRecalculated]


class Recalculation(msgspec.Struct, kw_only=True):
    """Some of the tickets that would change, by number; ``next`` is the cursor of the page after, null on the last."""

    at: datetime
    tickets: list[TicketRecalculated]
    next: str | None


SHAPES: list[type[msgspec.Struct]] = [Recalculation]


@router.get(
    "/sla/recalculation",
    operation_id="preview-recalculation",
    response_model=None,
    openapi_extra=openapi.answer(Recalculation, "What `recalculate` would do, ticket by ticket."),
)
async def preview_recalculation(
    request: Request,
    caller: Supervisor,
    policy: _Handle = None,
    department: _Handle = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Look at so many open tickets at most.")] = 100,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of the page before.")] = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Old and new due times of open tickets, were the newest versions applied now. Nothing is written.

    Apply them to a ticket with `POST /tickets/{ref}/recalculate`.
    """
    edge = edge_of(request)
    scope = departments(caller, "ticket.supervise")
    after = 0 if cursor is None else number(place_of(cursor, tuple[int])[0])

    def ask(connection: psycopg.Connection[object]) -> Recalculation:
        found = going_on(connection, scope, policy=policy, department=department, after=after, limit=limit + 1)
        setup, now = edge.desk.setup(), edge.desk.now()
        previewed = [_previewed(edge, stream, setup, now, scope) for stream, _ in found[:limit]]
        following = cursor_at((found[limit - 1][1],)) if len(found) > limit else None
        return Recalculation(at=now, tickets=[one for one in previewed if one is not None], next=following)

    return answers.json(await edge.view("sla", ask, wait_for))


def _previewed(
    edge: Edge, stream: UUID, setup: Setup, now: datetime, scope: frozenset[str] | None
) -> TicketRecalculated | None:
    events = edge.desk.sealing.closed(edge.desk.store.events_of(stream))
    ticket = fold(events)
    if scope is not None and ticket.department not in scope:
        return None
    try:
        ref, changes = recalculated(ticket, clocks_of(events, edge.policies), setup, edge.policies, now)
    except NoPolicyApplies:
        return None
    if not changes:
        return None
    return TicketRecalculated(
        ticket=stream,
        number=ticket.number,
        policy=ref.policy,
        policy_version=ref.version,
        calendar=ref.calendar,
        calendar_version=ref.calendar_version,
        clocks=[_shown(change) for change in changes],
    )


def _shown(change: Recalculated) -> ClockRecalculated:
    return ClockRecalculated(
        clock=change.clock,
        instance=change.instance,
        old_target_minutes=None if change.old_target is None else minutes(change.old_target),
        new_target_minutes=None if change.new_target is None else minutes(change.new_target),
        old_due_at=change.old_due_at,
        new_due_at=change.new_due_at,
        breached=change.breached,
    )
