"""The gate: which permission a route takes, and whether its answer may show personal data.

A route that declares no permission does not start. ``Permitted`` lets a caller in who has one of its permissions in
some department; what they may see or do there is decided where the ticket is known. Its answer leaves when it is
recorded what it shows (``looks``), unless the route is declared free of personal data. ``PUBLIC`` is for what tells
nothing of anybody.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from uuid import UUID

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api import parameters
from api.edge import Edge, edge_of
from api.looks import Look
from api.origins import host_of
from api.problems import NotValid
from domain.access.principal import PERMISSIONS, Principal
from domain.envelope import Act
from domain.errors import NotAllowed, NotAuthenticated, TicketNotFound


class Public:
    """Open to everybody."""

    async def __call__(self, request: Request) -> None:
        must_know_every_parameter(request)


class Permitted:
    """Open to callers who have one of these permissions in some department.

    ``personal``: whether its answers may show personal data, which is recorded then.
    """

    def __init__(self, *permissions: str, personal: bool = True) -> None:
        unknown = set(permissions) - PERMISSIONS
        if unknown or not permissions:
            raise ValueError(f"no such permission: {', '.join(sorted(unknown)) or '(none)'}")
        self.permissions = permissions
        self.personal = personal

    async def __call__(self, request: Request) -> Principal:
        principal = await caller(request)
        edge = edge_of(request)
        if not any(principal.may_anywhere(permission) for permission in self.permissions):
            refused = NotAllowed(permission=self.permissions[0])
            ticket = await _named(edge, request)
            edge.refusals.of(principal, refused, self.permissions[0], ticket, edge.origins.of(request))
            raise refused
        must_know_every_parameter(request)
        if self.personal:
            request.state.look = Look(
                looks=edge.looks,
                request=request,
                caller=principal,
                act=act_behind(request, principal),
                setup=await edge.callers.setup(),
                operation=request.scope["route"].operation_id,
                reason=parameters.reason_to_break_glass(request),
            )
        return principal


async def _named(edge: Edge, request: Request) -> UUID | None:
    """The ticket that a refused request names, if it is one; whether it is, the answer does not tell."""
    ref = request.path_params.get("ref")
    if ref is None:
        return None
    try:
        return await edge.read(lambda: edge.desk.find(ref))
    except TicketNotFound:
        return None


class Witnessed(APIRoute):
    """A route whose answer leaves when it is recorded what it shows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def witnessed(request: Request) -> Response:
            answer = await handle(request)
            look: Look | None = getattr(request.state, "look", None)
            if look is not None:
                await look.recorded()
            return answer

        return witnessed


def looking(request: Request) -> Look:
    """The look of a request to a route that may show personal data."""
    look: Look = request.state.look
    return look


class Commanding:
    """Open to authenticated callers; the desk decides, since only it knows the ticket when the command is carried out.

    ``permission`` and ``own`` are the command's.
    """

    def __init__(self, permission: str, own: str) -> None:
        self.permission = permission
        self.own = own

    async def __call__(self, request: Request) -> Principal:
        return await caller(request)


PUBLIC = Depends(Public())


def permitted(*permissions: str, personal: bool = True) -> Any:
    """The caller, who has one of these permissions in some department; see ``Permitted``."""
    return Depends(Permitted(*permissions, personal=personal))


def act_behind(request: Request, principal: Principal) -> Act:
    """The act behind a request, by its headers; refuses one who says that they act for another and may not."""
    on_behalf_of = parameters.handle(request, parameters.ON_BEHALF_OF)
    if on_behalf_of and not principal.may_anywhere("ticket.open-for-others"):
        refused = NotAllowed("You may not act for others.", permission="ticket.open-for-others")
        edge = edge_of(request)
        edge.refusals.of(principal, refused, "ticket.open-for-others", origin=edge.origins.of(request))
        raise refused
    correlation_id = parameters.handle(request, parameters.CORRELATION)
    return Act(actor=principal.actor, on_behalf_of=on_behalf_of, channel="http", correlation_id=correlation_id)


async def caller(request: Request) -> Principal:
    """Who sends this request; one who does not say so validly is counted and refused."""
    edge = edge_of(request)
    try:
        return await edge.callers.of(request)
    except NotAuthenticated:
        edge.refusals.unauthenticated(host_of(request))
        raise


def must_know_every_parameter(request: Request) -> None:
    """Refuse a query that asks for something this route does not know: it would be answered wrongly otherwise."""
    if not request.url.query:
        return
    route = request.scope["route"]
    known = _parameters(route.dependant) if isinstance(route, APIRoute) else frozenset()
    if any(name not in known for name in request.query_params):
        raise NotValid(faults=[{"field": "query", "rule": "has a parameter that is not known here"}])
    if any("\x00" in value for value in request.query_params.values()):
        raise NotValid(faults=[{"field": "query", "rule": "must not hold the character U+0000"}])


def _parameters(dependant: Dependant) -> frozenset[str]:
    return frozenset(field.alias for field in dependant.query_params)


class RouteUnguarded(Exception):
    """A route declares no permission, or may show personal data and is not witnessed."""


def must_be_guarded(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that declares no permission, or whose answers nobody would record."""
    for route in routes:
        guard = guard_of(route) if isinstance(route, APIRoute) else None
        if guard is None:
            raise RouteUnguarded(f"{getattr(route, 'path', route)} declares no permission")
        if isinstance(guard, Permitted) and guard.personal and not isinstance(route, Witnessed):
            raise RouteUnguarded(f"{getattr(route, 'path', route)} may show personal data and is not Witnessed")


def guard_of(route: APIRoute) -> Public | Permitted | Commanding | None:
    """What a route declares."""
    for needed in route.dependant.dependencies:
        if isinstance(needed.call, Public | Permitted | Commanding):
            return needed.call
    return None
