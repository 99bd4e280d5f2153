"""Whether it runs and how: for whoever keeps it running, and for machines. Nothing here tells of a ticket."""

from typing import Any

import psycopg
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from api import answers, openapi, shapes
from api.edge import edge_of
from api.gate import PUBLIC
from api.problems import NoSuchPage, kinds, page
from api.settings import EdgeSettings
from domain.desk import Desk
from projections.ledger import Cosignatures, Folder

router = APIRouter(tags=["running"], dependencies=[PUBLIC])


@router.get(
    "/healthz",
    operation_id="get-health",
    response_model=None,
    openapi_extra=openapi.answer(shapes.Health, "The process answers."),
)
async def get_health() -> Response:
    """Whether the process answers."""
    return answers.json(shapes.Health(status="ok"))


@router.get(
    "/readyz",
    operation_id="get-readiness",
    response_model=None,
    openapi_extra=openapi.answer(shapes.Health, "Requests can be served."),
)
async def get_readiness(request: Request) -> Response:
    """Whether the database answers and no view has stopped."""
    edge = edge_of(request)

    def ask() -> list[str]:
        try:
            edge.desk.store.head()
        except psycopg.Error:
            return ["database"]
        try:
            with edge.views.connection() as connection:
                return _stopped(connection)
        except psycopg.Error:
            return ["views"]

    failing = await edge.read(ask)
    health = shapes.Health(status="failing" if failing else "ok", failing=failing)
    return answers.json(health, 503 if failing else 200)


def _stopped(connection: psycopg.Connection[Any]) -> list[str]:
    """The views that stopped at an event they cannot apply."""
    if connection.execute("SELECT to_regclass('projections.failures')").fetchone() == (None,):
        return []
    rows = connection.execute(
        "SELECT DISTINCT e.view FROM projections.failures f JOIN projections.editions e USING (edition)"
        " JOIN projections.marks m USING (edition, partition)"
        " WHERE e.state = 'current' AND m.position < f.position ORDER BY 1"
    ).fetchall()
    return [f"view {view}" for (view,) in rows]


@router.get("/metrics", operation_id="get-metrics", include_in_schema=False, response_model=None)
async def get_metrics(request: Request) -> Response:
    """What this process has done so far, in Prometheus' text format."""
    edge = edge_of(request)
    head = await edge.read(edge.desk.store.head)
    letters = await edge.read(edge.desk.drawer.depth)
    webhooks = await edge.read(lambda: _webhooks(edge.desk))
    ledger = await edge.read(lambda: _ledger(edge.settings))
    text = edge.metrics.text(
        head_position=head, event_streams_waiting=edge.head.waiting, dead_letters=letters, **webhooks, **ledger
    )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _webhooks(desk: Desk) -> dict[str, int]:
    """Messages that wait to be delivered, for how long at most, those that have failed; webhooks that do not go on."""
    totals = desk.deliveries.totals()
    age = 0.0 if totals.oldest is None else (desk.store.now() - totals.oldest).total_seconds()
    return {
        "webhook_messages_waiting": totals.waiting,
        "webhook_messages_failing": totals.failing,
        "webhook_oldest_message_seconds": max(0, round(age)),
        "webhooks_full": totals.full,
        "webhooks_paused": sum(bool(one.paused) for one in desk.setup().webhooks.values()),
    }


def _ledger(settings: EdgeSettings) -> dict[str, int]:
    """How many events are signed, and how many a witness has cosigned: to be compared with the head's position."""
    if settings.ledger is None:
        return {}
    found = {"ledger_signed_events": Folder(settings.ledger).signed_size()}
    if settings.witnesses:
        found["ledger_cosigned_events"] = Cosignatures(settings.cosignatures, settings.witnesses).common(1)
    return found


@router.get("/openapi.json", operation_id="get-openapi", include_in_schema=False, response_model=None)
async def get_openapi(request: Request) -> Response:
    """This API, described."""
    return answers.json(request.app.openapi())


@router.get("/asyncapi.json", operation_id="get-asyncapi", include_in_schema=False, response_model=None)
async def get_asyncapi(request: Request) -> Response:
    """The topics on Kafka, described."""
    return answers.json(request.app.state.asyncapi)


@router.get("/problems/{code}", operation_id="get-problem", include_in_schema=False, response_model=None)
async def get_problem(code: str) -> Response:
    """What a kind of problem means and what to do about it."""
    for kind in kinds():
        if kind.code == code:
            return HTMLResponse(page(kind))
    raise NoSuchPage()
