"""Who could have looked at a ticket: by the grants and keys in force then, wherever the ticket was then."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
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
from api.visibility import ActorShown
from domain.access.principal import Principal
from domain.access.reaching import Reach, Right, who_could_see
from domain.desk import as_of
from domain.envelope import NOWHERE
from domain.errors import TicketNotFound
from domain.setup import state as setup_state
from domain.setup.events import SETUP
from domain.setup.state import Setup
from domain.ticket import state as ticket_state
from domain.ticket.state import Ticket
from projections.access import who_looked

router = APIRouter(tags=["record"], route_class=Witnessed)
Auditor = Annotated[Principal, permitted("audit.read")]
OUTSIDE = (
    "Roles that an identity provider states in its tokens are not recorded; whoever had one then is told of only if"
    " they looked. What a role permits is what this version of the software says."
)


class KeyThen(msgspec.Struct, kw_only=True):
    """An API key that opened something then."""

    key: str
    kind: str
    issued_at: datetime
    expires_at: datetime | None


class CouldSee(msgspec.Struct, kw_only=True):
    """Somebody who could have seen the ticket; without ``keys`` only by a token of an identity provider."""

    principal: str
    rights: list[Right]
    keys: list[KeyThen]


class WhoCould(msgspec.Struct, kw_only=True):
    """Who could see a ticket as of ``at``, when it was in ``department``, by the grants in force then.

    ``looked`` are those who did see it until then, by whatever right. ``outside`` says what is not recorded.
    """

    ticket: UUID
    number: int
    department: str
    at: datetime
    could: list[CouldSee]
    looked: list[ActorShown]
    outside: str


SHAPES: list[type[msgspec.Struct]] = [WhoCould]


@router.get(
    "/record/access/could",
    operation_id="list-who-could-look",
    response_model=None,
    openapi_extra=openapi.answer(WhoCould, "Who could have seen the ticket, and who did."),
)
async def list_who_could(
    request: Request,
    caller: Auditor,
    ticket: Annotated[str, Query(max_length=64, description="A ticket's number or UUID.", examples=["1"])],
    at: parameters.At = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """Who could see a ticket, now or then: everybody with a role that allowed it, and the API keys they had."""
    edge, look = edge_of(request), looking(request)
    parameters.ticket_named(ticket)
    moment = at or edge.desk.now()

    def ask(connection: psycopg.Connection[Any]) -> WhoCould:
        then = _audited(edge, look, ticket, moment)
        setup = setup_state.fold(as_of(edge.desk.sealing.closed(edge.desk.store.events_of(SETUP)), at=moment))
        issued = {event.key: event.recorded_at for event in setup.keys.values()}
        could = who_could_see(setup, then.department, then.requester, moment, partial(_persons_of, edge, setup))
        return WhoCould(
            ticket=then.ticket,
            number=then.number,
            department=then.department,
            at=moment,
            could=[_could(reach, issued) for reach in could],
            looked=[ActorShown(*actor) for actor in who_looked(connection, then.ticket, moment)],
            outside=OUTSIDE,
        )

    return answers.json(await edge.view("access", ask, wait_for))


def _audited(edge: Edge, look: Look, ref: str, at: datetime) -> Ticket:
    """The ticket as of then, for an auditor of the department it is in today; that they ask is recorded."""
    stream = edge.desk.find(ref)
    history = edge.desk.sealing.closed(edge.desk.store.events_of(stream))
    today = ticket_state.fold(history)
    if today.version == 0 or not look.caller.may("audit.read", today.department):
        refused = TicketNotFound()
        if today.version:
            look.refuse(refused, "audit.read", stream)
        raise refused
    then = ticket_state.fold(as_of(history, at=at))
    if then.version == 0:
        raise TicketNotFound("There was no such ticket then.")
    look.shows("audit.read", (today,))
    return then


def _persons_of(edge: Edge, setup: Setup, handle: str) -> set[UUID]:
    """As which persons somebody with this handle may have asked for something."""
    agent = setup.agents.get(handle)
    keys, named = edge.desk.keys, [(kind, handle) for kind in ("requester", "agent", "service")]
    # Whoever was erased since may have asked for it as whom they were.
    persons = {keys.stream_of("person", *one) for one in named} | {keys.person(*one) for one in named}
    return persons if agent is None or agent.person == NOWHERE else {*persons, agent.person}


def _could(reach: Reach, issued: Mapping[str, datetime]) -> CouldSee:
    keys = [
        KeyThen(key=key.key, kind=key.kind, issued_at=issued[key.key], expires_at=key.expires_at) for key in reach.keys
    ]
    return CouldSee(principal=reach.principal, rights=list(reach.rights), keys=keys)
