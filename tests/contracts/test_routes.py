"""Every route declares a permission, and every operation is described."""

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from api import app as edge_app
from api import commands
from api.gate import PUBLIC, Commanding, RouteUnguarded, guard_of, must_be_guarded
from domain.ticket.commands import COMMANDS

ROUTES: list[APIRoute] = [
    route
    for route in (*commands.routes(), *(route for router in edge_app.ROUTERS for route in router.routes))
    if isinstance(route, APIRoute)
]
OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json", "/problems/{code}"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
def test_every_route_declares_a_permission(route):
    guard = guard_of(route)
    assert guard is not None
    assert (route.path in OPEN) == (guard is PUBLIC.dependency)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_has_a_route_that_takes_its_permission(verb):
    path = "/tickets" if verb == "open" else f"/tickets/{{ref}}/{verb}"
    guards = [guard_of(route) for route in ROUTES if route.path == path and "POST" in route.methods]
    assert [(guard.permission, guard.own) for guard in guards if isinstance(guard, Commanding)] == [
        (COMMANDS[verb].PERMISSION, COMMANDS[verb].OWN)
    ]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
def test_every_route_is_described(route):
    assert route.operation_id
    assert route.description


def test_a_route_without_a_permission_does_not_start():
    router = APIRouter()

    @router.get("/open")
    async def answer() -> str:
        return "all of it"

    with pytest.raises(RouteUnguarded, match="/open"):
        must_be_guarded(router.routes)
