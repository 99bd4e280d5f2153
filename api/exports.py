"""Exports for process mining: the log of the departments whose figures the caller may see, streamed as a file.

What writes them is handed in. They hold nothing personal, as the figures do not.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import parameters
from api.edge import Edge, edge_of
from api.gate import permitted
from api.scopes import departments
from domain.access.principal import Principal
from domain.desk import Desk
from domain.errors import DepartmentNotFound
from domain.moments import Moment

router = APIRouter(tags=["exports"])
Analyst = Annotated[Principal, permitted("report.read", personal=False)]
Form = Literal["xes", "ocel"]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets a caller exports: opened in [since, until), in one of these departments (None: in any)."""

    since: datetime | None
    until: datetime | None
    departments: frozenset[str] | None


Exports = Mapping[str, Callable[[Desk, Export], Iterator[bytes]]]
"""What writes a form of export, piece by piece; each piece may be asked for on another thread."""

_MEDIA_TYPES: dict[Form, str] = {"xes": "application/xml", "ocel": "application/json"}
_ANSWER: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "The log: XES (IEEE 1849) or OCEL 2.0.",
            "content": {
                "application/xml": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    }
}


@router.get("/exports/{form}", operation_id="get-export", response_model=None, openapi_extra=_ANSWER)
async def get_export(
    request: Request,
    form: Form,
    caller: Analyst,
    since: Annotated[Moment | None, Query(alias="from", description="Tickets opened at or after this time.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Tickets opened before this time.")] = None,
    department: Annotated[str | None, Query(max_length=64, description="Tickets that are in it today.")] = None,
) -> Response:
    """Every event of the tickets in the caller's departments, whole histories, for process mining.

    Nothing personal: people are pseudonyms, and what they wrote stays sealed. The answer is streamed; one that breaks
    off is not whole.
    """
    edge = edge_of(request)
    if since is not None and until is not None:
        parameters.must_be_period(since, until)
    scope = departments(caller, "report.read")
    if department is not None:
        await _must_be_seen(edge, department, scope)
        scope = frozenset({department})
    export = Export(since=since, until=until, departments=scope)
    return StreamingResponse(
        _pieces(edge, request.app.state.exports[form](edge.desk, export)),
        media_type=_MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="acta.{form}{".json" if form == "ocel" else ""}"'},
    )


async def _must_be_seen(edge: Edge, department: str, scope: frozenset[str] | None) -> None:
    """Refuse a department that does not exist for the caller."""
    if department not in (await edge.callers.setup()).departments or (scope is not None and department not in scope):
        raise DepartmentNotFound()


async def _pieces(edge: Edge, export: Iterator[bytes]) -> AsyncIterator[bytes]:
    """One piece after the other, each once the one before has gone."""
    while (piece := await edge.read(lambda: next(export, None))) is not None:
        if piece:
            yield piece
