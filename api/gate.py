"""The gate: which permission a route takes. A route that declares none does not start.

``Permitted`` lets a caller in who has one of its permissions in some department; what they may see or do there is
decided where the ticket is known. ``PUBLIC`` is for what tells nothing of anybody.
"""

from collections.abc import Iterable
from typing import Any

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute

from api.edge import edge_of
from api.problems import NotValid
from domain.access.principal import PERMISSIONS, Principal
from domain.errors import NotAllowed, NotAuthenticated


class Public:
    """Open to everybody."""

    async def __call__(self, request: Request) -> None:
        must_know_every_parameter(request)


class Permitted:
    """Open to callers who have one of these permissions in some department."""

    def __init__(self, *permissions: str) -> None:
        unknown = set(permissions) - PERMISSIONS
        if unknown or not permissions:
            raise ValueError(f"no such permission: {', '.join(sorted(unknown)) or '(none)'}")
        self.permissions = permissions

    async def __call__(self, request: Request) -> Principal:
        principal = await caller(request)
        if not any(principal.may_anywhere(permission) for permission in self.permissions):
            refused = NotAllowed(permission=self.permissions[0])
            edge_of(request).refusals.of(principal, refused, self.permissions[0])
            raise refused
        must_know_every_parameter(request)
        return principal


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


def permitted(*permissions: str) -> Any:
    """The caller, who has one of these permissions in some department."""
    return Depends(Permitted(*permissions))


async def caller(request: Request) -> Principal:
    """Who sends this request; one who does not say so validly is counted and refused."""
    edge = edge_of(request)
    try:
        return await edge.callers.of(request)
    except NotAuthenticated:
        edge.refusals.unauthenticated(request.client.host if request.client else "")
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
    """A route declares no permission."""


def must_be_guarded(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that declares no permission."""
    for route in routes:
        if not isinstance(route, APIRoute) or guard_of(route) is None:
            raise RouteUnguarded(f"{getattr(route, 'path', route)} declares no permission")


def guard_of(route: APIRoute) -> Public | Permitted | Commanding | None:
    """What a route declares."""
    for needed in route.dependant.dependencies:
        if isinstance(needed.call, Public | Permitted | Commanding):
            return needed.call
    return None
