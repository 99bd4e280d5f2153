"""Who looked: at a ticket, at a person, or what one caller was shown."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

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
from api.visibility import ActorShown
from domain.access.events import GlassBroken
from domain.access.principal import Principal
from domain.moments import Moment
from projections.access import Page, Wanted, looks

router = APIRouter(tags=["record"], route_class=Witnessed)
Auditor = Annotated[Principal, permitted("audit.read")]


class TicketLookedAt(msgspec.Struct, kw_only=True):
    """A ticket that somebody was shown, or refused; ``department`` is the one it is in today."""

    ticket: UUID
    number: int | None
    department: str | None


class LookShown(msgspec.Struct, kw_only=True):
    """Somebody was shown something personal, or was refused it (``allowed``), at the time ``at``, for whom they said.

    ``operation`` and ``question`` say what they asked for, without values that could tell of a person; ``permission``
    is the right that it rested on, in ``departments``, or that was missing. ``named`` are the tickets, ``tickets`` and
    ``persons`` how many were shown in all. With ``break_glass`` they saw what is none of their departments', for the
    ``reason`` that they gave. ``code`` is why they were refused, ``times`` how often.
    """

    position: int
    at: datetime
    actor: ActorShown
    on_behalf_of: str
    allowed: bool
    break_glass: bool
    reason: str
    operation: str
    question: str
    permission: str
    departments: list[str]
    named: list[TicketLookedAt]
    tickets: int
    persons: int
    code: str
    times: int
    origin: str
    key: str


class LookPage(msgspec.Struct, kw_only=True):
    """Some looks, oldest first; ``next`` is the cursor of the page after, null on the last."""

    looks: list[LookShown]
    next: int | None


SHAPES: list[type[msgspec.Struct]] = [LookPage]


@router.get(
    "/record/access",
    operation_id="list-looks",
    response_model=None,
    openapi_extra=openapi.answer(LookPage, "Who looked, as far as the caller may audit it, oldest first."),
)
async def list_looks(
    request: Request,
    caller: Auditor,
    ticket: Annotated[str | None, Query(max_length=64, description="A ticket's number or UUID.")] = None,
    person: Annotated[UUID | None, Query(description="The id of the person of whom something was shown.")] = None,
    actor: Annotated[str | None, Query(max_length=200, description="The handle of whoever looked.")] = None,
    operation: Annotated[
        str | None, Query(max_length=100, description="What was asked for, by its operationId.")
    ] = None,
    allowed: Annotated[bool | None, Query(description="Only what was shown, or only what was refused.")] = None,
    break_glass: Annotated[bool | None, Query(description="Only what was seen for a reason given.")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="At or after this time.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Before this time.")] = None,
    limit: parameters.Limit = 100,
    cursor: parameters.PagePosition = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Who was shown a ticket or something of a person, when and with what right, and who was refused it.

    A look belongs to every department of which it shows a ticket; one that names none is for those who audit them all.
    """
    edge = edge_of(request)
    if since is not None and until is not None:
        parameters.must_be_period(since, until)
    wanted = Wanted(
        **parameters.ticket_wanted(ticket),
        person=person,
        actor=actor,
        operation=operation,
        allowed=allowed,
        break_glass=break_glass,
        since=since,
        until=until,
        scope=departments(caller, "audit.read"),
    )

    def ask(connection: psycopg.Connection[Any]) -> LookPage:
        return told(edge, looking(request), looks(connection, wanted, after=cursor, limit=limit))

    return answers.json(await edge.view("access", ask, wait_for))


def told(edge: Edge, look: Look, page: Page) -> LookPage:
    """The looks with the reasons that were given; whose tickets they name, and that they were shown, is recorded."""
    reasons = _reasons(edge, [row["position"] for row in page.looks if row["break_glass"]])
    today = edge.tickets_today.of(named["ticket"] for row in page.looks for named in row["named"])
    told_of = {event.seal.subject for event in reasons.values() if event.seal is not None}
    look.shows("audit.read", today.values(), told_of)
    shown = []
    for row in page.looks:
        given = reasons.get(row["position"])
        own = {name: row[name] for name in LookShown.__struct_fields__ if name in row}
        own |= {
            "actor": ActorShown(row["actor_kind"], row["actor"]),
            "named": [TicketLookedAt(**named) for named in row["named"]],
            "reason": given.reason if given is not None else "",
        }
        shown.append(LookShown(**own))
    return LookPage(looks=shown, next=page.next)


def _reasons(edge: Edge, positions: list[int]) -> dict[int, GlassBroken]:
    """The facts of breaking the glass at these positions, their reasons open."""
    if not positions:
        return {}
    opened = edge.desk.sealing.opened(edge.desk.store.events_at(positions))
    return {event.position: event for event in opened if isinstance(event, GlassBroken)}
