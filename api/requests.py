"""Requests of departments' software over HTTP: the same as on its topic, one by one or many at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import bodies, openapi
from api.commands import answered
from api.dead_letters import EVENT
from api.edge import Edge, edge_of
from api.gate import permitted
from api.problems import BodyTooLarge, DatabaseUnreachable, Fault, NotYet, Told, told
from domain.access.principal import Principal
from domain.desk import Receipt
from domain.desk.doors import SEND, at_the_door
from domain.errors import DepartmentNotFound, NotReadyYet, Refused, TicketMovedOn
from domain.request.letter import Letter, structured

router = APIRouter(tags=["doors"])
Sender = Annotated[Principal, permitted(SEND, personal=False)]
Department = Annotated[str, Query(max_length=64, description="Whose door: where the tickets are.", examples=["it"])]
MOST_LINES = 10_000
MOST_BATCH_BYTES = 32 * 1024 * 1024
_AHEAD = 256
"""How many requests of a batch are being decided at once."""

_OPEN = "acta.request.open.v1"
_encoder = msgspec.json.Encoder()


class BatchLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of one line of a batch (from 1): a receipt, or a problem."""

    line: int
    receipt: Receipt | None = None
    problem: Told = {}


SHAPES: list[type[msgspec.Struct]] = [BatchLine]
_RECEIPT = openapi.answer(Receipt, "Carried out, or was already.")["responses"]
_OPENED = openapi.answer(Receipt, "Carried out: a ticket was opened.", 201)["responses"]


@router.post(
    "/requests",
    operation_id="send-request",
    response_model=None,
    openapi_extra={"requestBody": openapi.body("CloudEvent", EVENT), "responses": {**_RECEIPT, **_OPENED}},
)
async def send_request(request: Request, department: Department, caller: Sender) -> Response:
    """Hand in one request, a CloudEvent. Its `source` and `id` make it the same request when it comes again."""
    edge = edge_of(request)
    sender = _at_the_door(edge, caller, department)
    letter = structured(department, await bodies.read(request, edge.settings))
    return answered(await _decide(edge, letter, sender), created=letter.type == _OPEN)


@router.post(
    "/requests/batch",
    operation_id="send-requests",
    response_model=None,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                bodies.LINES: {
                    "schema": {
                        "description": "A CloudEvent in each line, 10,000 at most; each line is answered for itself."
                    },
                    "example": '{"specversion": "1.0", "type": "acta.request.open.v1", "source": "/hr", "id": "1",'
                    ' "partitionkey": "HR-1", "data": {"title": "A laptop"}}\n',
                }
            },
        },
        "responses": {
            "200": {
                "description": "A `BatchLine` for each line, in their order, as soon as it is decided.",
                "content": {bodies.LINES: {"schema": openapi.ref("BatchLine")}},
            }
        },
    },
)
async def send_requests(request: Request, department: Department, caller: Sender) -> Response:
    """Hand in many requests, each for itself; those of one reference in the order of their lines."""
    edge = edge_of(request)
    sender = _at_the_door(edge, caller, department)
    body = await bodies.read(request, edge.settings, limit=MOST_BATCH_BYTES, lines=True)
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    if len(lines) > MOST_LINES:
        raise BodyTooLarge(f"A batch has at most {MOST_LINES:,} lines.", limit=MOST_LINES)
    return StreamingResponse(_decided(edge, department, sender, lines), media_type=bodies.LINES)


async def _decided(
    edge: Edge, department: str, sender: Principal, lines: list[tuple[int, bytes]]
) -> AsyncIterator[bytes]:
    """An answer for each line, in order; a few hundred are on their way at once."""
    ahead: deque[asyncio.Task[BatchLine]] = deque()
    last: dict[str, asyncio.Task[BatchLine]] = {}
    try:
        for number, line in lines:
            try:
                letter = structured(department, line)
            except Refused as refused:
                task = asyncio.create_task(_refused(number, refused))
            else:
                task = asyncio.create_task(_one(edge, number, letter, sender, last.get(letter.reference)))
                last[letter.reference] = task
            ahead.append(task)
            if len(ahead) >= _AHEAD:
                yield _encoder.encode(await ahead.popleft()) + b"\n"
        while ahead:
            yield _encoder.encode(await ahead.popleft()) + b"\n"
    finally:
        for task in ahead:
            task.cancel()


async def _one(
    edge: Edge, number: int, letter: Letter, sender: Principal, before: asyncio.Task[BatchLine] | None
) -> BatchLine:
    if before is not None and _is_open(await before):
        # Else it could be decided without what it builds on, and for ever.
        return BatchLine(line=number, problem=told(NotYet("A line before it, of the same reference, is not decided.")))
    try:
        return BatchLine(line=number, receipt=await _decide(edge, letter, sender))
    except Refused as refused:
        return BatchLine(line=number, problem=told(refused))
    except NotReadyYet:
        return BatchLine(line=number, problem=told(NotYet()))
    except psycopg.OperationalError:
        return BatchLine(line=number, problem=told(DatabaseUnreachable()))
    except Exception:
        return BatchLine(line=number, problem=told(Fault()))


def _is_open(answer: BatchLine) -> bool:
    """Whether a line was left undecided: nothing is wrong with it, and it may be handed in again."""
    return bool(answer.problem.get("status", 0) >= 500)


async def _refused(number: int, refused: Refused) -> BatchLine:
    return BatchLine(line=number, problem=told(refused))


async def _decide(edge: Edge, letter: Letter, sender: Principal) -> Receipt:
    try:
        return await edge.decide(letter, sender)
    except TicketMovedOn:
        # Nobody named a version: others were too fast, and trying again is all there is to do.
        raise NotYet("Too many others are changing this ticket at the moment.") from None


def _at_the_door(edge: Edge, caller: Principal, department: str) -> Principal:
    try:
        return at_the_door(caller, department)
    except DepartmentNotFound as refused:
        edge.refusals.of(caller, refused, SEND)
        raise
