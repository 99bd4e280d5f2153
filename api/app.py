"""The application: everything handed in, nothing global, and no route without a permission."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import ConnectionPool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api import (
    attachments,
    audit,
    bundles,
    checkpoints,
    commands,
    could_look,
    dead_letters,
    difference,
    erasing,
    exports,
    feed,
    health,
    holds,
    openapi,
    persons,
    pins,
    processing,
    queues,
    recalculation,
    record,
    record_shapes,
    reports,
    requests,
    setup,
    setup_shapes,
    signatures,
    sla,
    tickets,
    uploads,
    webhook_shapes,
    webhooks,
    who_looked,
)
from api.edge import Edge
from api.exports import Exports
from api.gate import must_be_guarded
from api.oidc import Oidc
from api.outermost import Outermost
from api.person import shapes as person_shapes
from api.problems import BadRequest, EdgeRefused, MethodNotAllowed, NoSuchPage, NotYet, not_valid, problem
from api.settings import EdgeSettings
from domain.desk import Desk
from domain.errors import NotReadyYet, Refused, Unreachable

ROUTERS = (
    tickets.router,
    attachments.router,
    uploads.router,
    signatures.router,
    difference.router,
    queues.router,
    sla.router,
    recalculation.router,
    reports.router,
    exports.router,
    audit.router,
    feed.router,
    record.router,
    bundles.router,
    checkpoints.router,
    holds.router,
    persons.router,
    who_looked.router,
    could_look.router,
    erasing.router,
    processing.router,
    requests.router,
    dead_letters.router,
    webhooks.router,
    setup.router,
    pins.router,
    health.router,
)
_log = logging.getLogger("acta.api")
_BODIES = (
    *setup.BODIES,
    *checkpoints.BODIES,
    *holds.BODIES,
    *erasing.BODIES,
    *pins.BODIES,
    *dead_letters.BODIES,
    *webhook_shapes.BODIES,
)
_SHAPES = (
    *signatures.SHAPES,
    *attachments.SHAPES,
    *uploads.SHAPES,
    *difference.SHAPES,
    *queues.SHAPES,
    *sla.SHAPES,
    *recalculation.SHAPES,
    *reports.SHAPES,
    *audit.SHAPES,
    *who_looked.SHAPES,
    *could_look.SHAPES,
    *processing.SHAPES,
    *record_shapes.SHAPES,
    *setup_shapes.SHAPES,
    *holds.SHAPES,
    *requests.SHAPES,
    *dead_letters.SHAPES,
    *webhook_shapes.SHAPES,
    *person_shapes.SHAPES,
    *erasing.SHAPES,
)


def create_app(
    desk: Desk,
    *,
    views: ConnectionPool,
    asyncapi: Mapping[str, Any],
    sent: Mapping[str, Any],
    exporters: Exports,
    auth: Oidc | None = None,
    settings: EdgeSettings | None = None,
) -> FastAPI:
    """The HTTP edge over a desk and its views.

    ``views`` are connections of a role that may read the views; ``asyncapi`` is the document of the topics, served as
    it is; ``sent`` describes what webhooks send, for the OpenAPI document; ``exporters`` write the log for process
    mining; ``auth`` says whose OIDC tokens are good, beside API keys. Desk and views stay the caller's to close.
    Raises ``RouteUnguarded`` if a route declares no permission.
    """
    edge = Edge(desk, views, auth, settings or EdgeSettings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await edge.start()
        try:
            yield
        finally:
            await edge.stop()

    app = FastAPI(title="Acta", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.edge = edge
    app.state.asyncapi = asyncapi
    app.state.sent = sent
    app.state.exports = exporters
    app.router.redirect_slashes = False
    app.router.routes = _routes()
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.add_middleware(Outermost, metrics=edge.metrics)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotReadyYet, _not_ready)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    must_be_guarded(app.routes)
    return app


def _routes() -> list[BaseRoute]:
    return [*commands.routes(), *(route for router in ROUTERS for route in router.routes)]


def _described(app: FastAPI) -> dict[str, Any]:
    if not app.openapi_schema:
        app.openapi_schema = openapi.document(app, _BODIES, _SHAPES, app.state.sent)
    return app.openapi_schema


def described_api(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI document that every application of this version serves; ``sent`` describes what webhooks send."""
    app = FastAPI(title="Acta")
    app.state.sent = sent
    app.router.routes = _routes()
    return _described(app)


async def _refused(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return problem(refused)


async def _not_ready(_: Request, fault: Exception) -> Response:
    if isinstance(fault, Unreachable):
        # Whoever runs the desk must learn of a disk that is full from somebody; it tells of nobody.
        _log.error("files: %s", fault)
    return problem(NotYet())


async def _not_valid(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    return problem(not_valid(fault.errors()))


async def _http(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    kind = {404: NoSuchPage, 405: MethodNotAllowed}.get(fault.status_code, BadRequest)
    refused: EdgeRefused = kind()
    return problem(refused, headers=fault.headers)
