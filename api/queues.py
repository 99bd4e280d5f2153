"""Queues: lists of tickets, searched and filtered, and counts; as of now or of any past moment."""

from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
import psycopg
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.edge import edge_of
from api.gate import Witnessed, looking, permitted
from api.scopes import departments, scope_of, visible_today
from domain.access.principal import Principal
from domain.errors import NotKnown
from domain.ticket.state import Status
from projections.queue import queries
from projections.queue.entries import OPEN
from projections.queue.queries import Scope, Wanted

router = APIRouter(tags=["queues"], route_class=Witnessed)
Reader = Annotated[Principal, permitted("ticket.read", "ticket.read-own")]
Counter = Annotated[Principal, permitted("queue.read", personal=False)]
Sort = Literal["due", "priority", "opened", "updated", "number"]
STATES: tuple[str, ...] = get_args(Status)
_Handle = Annotated[str | None, Query(max_length=200)]
_States = Annotated[
    str, Query(max_length=100, description="States, comma-separated; `any` for all.", examples=["new,in_progress"])
]
_OPEN = ",".join(OPEN)
_Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]


class TicketList(msgspec.Struct, kw_only=True):
    """Some tickets; ``next`` is the cursor of the page after, null on the last."""

    tickets: list[dict[str, Any]]
    next: str | None


class Count(msgspec.Struct, kw_only=True):
    """Tickets in one state: how many, of them unassigned, of them too late."""

    department: str
    group: str
    status: str
    tickets: int
    unassigned: int
    late: int


class Counts(msgspec.Struct, kw_only=True):
    """Tickets by department, group and state."""

    queues: list[Count]


SHAPES: list[type[msgspec.Struct]] = [TicketList, Counts]


@router.get(
    "/tickets",
    operation_id="list-tickets",
    response_model=None,
    openapi_extra=openapi.answer(TicketList, "The tickets that are wanted and that the caller may see."),
)
async def list_tickets(
    request: Request,
    caller: Reader,
    q: Annotated[str | None, Query(max_length=300, description='Words, "phrases", -without, OR.')] = None,
    state: _States = _OPEN,
    queue: Annotated[str | None, Query(max_length=64, description="A group or a department.")] = None,
    department: _Handle = None,
    assignee: Annotated[str | None, Query(max_length=200, description="Empty: nobody has taken it on.")] = None,
    requester: Annotated[UUID | None, Query(description="The person's id.")] = None,
    priority: Annotated[int | None, Query(ge=1, le=5)] = None,
    tag: _Handle = None,
    own: Annotated[bool, Query(description="Only what the caller asked for.")] = False,
    merged: Annotated[bool, Query(description="Those merged into others, too.")] = False,
    spam: Annotated[bool, Query(description="Spam, too.")] = False,
    sort: Sort = "due",
    at: parameters.At = None,
    limit: parameters.Limit = 50,
    cursor: _Cursor = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Search and filter tickets. Without `state` only open ones; as of a past moment with `at`."""
    wanted = Wanted(
        states=states(state),
        department=department,
        assignee=assignee,
        requester=requester,
        priority=priority,
        tag=tag,
        words=q,
        merged=merged,
        spam=spam,
    )
    asked = Asked(queue=queue, own=own, sort=sort, at=at, limit=limit, cursor=cursor, wait_for=wait_for)
    return await listed(request, caller, wanted, asked)


@router.get(
    "/queues",
    operation_id="count-queues",
    response_model=None,
    openapi_extra=openapi.answer(Counts, "Counts of the queues that the caller may see."),
)
async def count_queues(
    request: Request,
    caller: Counter,
    state: _States = _OPEN,
    at: parameters.At = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """How many tickets wait where: by department, group and state. Merged ones and spam do not count."""
    edge = edge_of(request)
    scope = Scope(departments=departments(caller, "queue.read"))
    wanted = states(state)

    def ask(connection: psycopg.Connection[Any]) -> Counts:
        rows = queries.counts(connection, scope, edge.desk.now(), states=wanted, at=at)
        return Counts(queues=[Count(**row) for row in rows])

    return answers.json(await edge.view("queue", ask, wait_for))


@router.get(
    "/queues/{queue}/tickets",
    operation_id="list-queue",
    response_model=None,
    openapi_extra=openapi.answer(TicketList, "The queue's tickets, next due first."),
)
async def list_queue(
    request: Request,
    queue: Annotated[
        str, Path(max_length=64, pattern=r"^[^\x00]*$", description="A group or a department.", examples=["it"])
    ],
    caller: Annotated[Principal, permitted("ticket.read")],
    state: _States = _OPEN,
    sort: Sort = "due",
    at: parameters.At = None,
    limit: parameters.Limit = 50,
    cursor: _Cursor = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """The tickets in the queue of a group or department."""
    asked = Asked(queue=queue, sort=sort, at=at, limit=limit, cursor=cursor, wait_for=wait_for)
    return await listed(request, caller, Wanted(states=states(state)), asked)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How a list is asked for, beside which tickets are wanted: in which queue, in what order, from where on."""

    queue: str | None
    own: bool = False
    sort: str
    at: datetime | None
    limit: int
    cursor: str | None
    wait_for: int | None


async def listed(request: Request, caller: Principal, wanted: Wanted, asked: Asked) -> Response:
    """A page of the tickets that are wanted and that exist for the caller today."""
    edge, look = edge_of(request), looking(request)
    scope = scope_of(caller, own=asked.own)

    def ask(connection: psycopg.Connection[Any]) -> TicketList:
        narrowed = wanted if asked.queue is None else _in_queue(connection, wanted, asked.queue)
        page = queries.tickets(
            connection, scope, narrowed, sort=asked.sort, after=asked.cursor, limit=asked.limit, at=asked.at
        )
        shown = visible_today(edge, look, page.rows, own=scope.requester is not None)
        return TicketList(tickets=shown, next=page.next)

    return answers.json(await edge.view("queue", ask, asked.wait_for))


def _in_queue(connection: psycopg.Connection[Any], wanted: Wanted, queue: str) -> Wanted:
    named = queries.queue_named(connection, queue)
    if named is None:
        raise NotKnown("There is no such queue.")
    return msgspec.structs.replace(
        wanted, group=named.group, department=named.department if named.group is None else wanted.department
    )


def states(text: str) -> tuple[str, ...]:
    """The states that a caller names."""
    return STATES if text == "any" else parameters.some_of(text, STATES, "state")
