"""Reports: figures over periods, as of now or of any past moment; as JSON, CSV, Parquet or Arrow."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.edge import edge_of
from api.gate import permitted
from api.problems import NotAcceptable
from api.scopes import departments
from domain.access.principal import Principal
from domain.moments import Moment
from projections.reporting import DIMENSIONS, REPORTS, Bucket, Figures, Question, as_arrow, as_csv, as_parquet
from projections.reporting.queries import response_times

router = APIRouter(tags=["reports"])
Analyst = Annotated[Principal, permitted("report.read", personal=False)]
Report = Literal[
    "volume",
    "backlog",
    "response-times",
    "next-response-times",
    "resolution-times",
    "reopened",
    "reassigned",
    "workload",
    "satisfaction",
]
_ASK: dict[str, Callable[[psycopg.Connection[Any], Question], Figures]] = {
    **REPORTS,
    "next-response-times": partial(response_times, which="next"),
}
_FILES: dict[str, Callable[[Figures], bytes]] = {
    "text/csv": as_csv,
    "application/vnd.apache.parquet": as_parquet,
    "application/vnd.apache.arrow.stream": as_arrow,
}
_JSON = "application/json"


class ColumnShown(msgspec.Struct, kw_only=True):
    """A column, and what it means."""

    name: str
    kind: str
    text: str


class FiguresShown(msgspec.Struct, kw_only=True):
    """A report: a row per bucket and combination of dimensions."""

    report: str
    columns: list[ColumnShown]
    rows: list[dict[str, Any]]


SHAPES: list[type[msgspec.Struct]] = [FiguresShown]
_ANSWER = openapi.answer(FiguresShown, "The figures.")
_ANSWER["responses"]["200"]["content"] |= {
    kind: {"schema": {"type": "string"} if kind == "text/csv" else {"type": "string", "format": "binary"}}
    for kind in _FILES
}


@router.get("/reports/{report}", operation_id="get-report", response_model=None, openapi_extra=_ANSWER)
async def get_report(
    request: Request,
    report: Report,
    caller: Analyst,
    since: Annotated[Moment, Query(alias="from", description="The period begins with this time.")],
    until: Annotated[Moment, Query(alias="to", description="The period ends before this time.")],
    by: Annotated[str, Query(max_length=200, description="Dimensions, comma-separated.", examples=["group"])] = "",
    bucket: Annotated[Bucket | None, Query(description="What the period is parted into.")] = None,
    zone: Annotated[str, Query(max_length=64, description="IANA name of the zone in which days begin.")] = "UTC",
    at: parameters.At = None,
    wait_for: parameters.WaitFor = None,
) -> Response:
    """A figure over a period; `Accept` chooses JSON, CSV, Parquet or Arrow. `at` asks as of a past moment."""
    edge = edge_of(request)
    parameters.must_be_zone(zone)
    media_type = accepted(request.headers.get("accept", "*/*"))
    question = Question(
        since=since,
        until=until,
        bucket=bucket,
        zone=zone,
        by=parameters.some_of(by, DIMENSIONS, "by"),
        at=at,
        departments=departments(caller, "report.read"),
    )
    figures = await edge.view("reporting", lambda connection: _ASK[report](connection, question), wait_for)
    if media_type == _JSON:
        return answers.json(shown(figures))
    return Response(await edge.read(partial(_FILES[media_type], figures)), media_type=media_type)


def accepted(header: str) -> str:
    """The first kind of file that the caller accepts; JSON if they accept anything."""
    for part in header.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in ("*/*", "application/*", _JSON):
            return _JSON
        if kind in _FILES:
            return kind
        if kind == "text/*":
            return "text/csv"
    raise NotAcceptable()


def shown(figures: Figures) -> FiguresShown:
    """The figures with their columns explained."""
    names = [column.name for column in figures.columns]
    return FiguresShown(
        report=figures.report,
        columns=[ColumnShown(name=column.name, kind=column.kind, text=column.text) for column in figures.columns],
        rows=[dict(zip(names, row, strict=True)) for row in figures.rows],
    )
