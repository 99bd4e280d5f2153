"""Requests of departments' software over HTTP: the same as on its topic, one by one or many at once."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api import asking, bodies, openapi
from api.commands import answered
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
"""How many requests of a batch are being decided at once,"""
_AHEAD_BYTES = 8 * 1024 * 1024
"""and of how many bytes."""

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
    openapi_extra={
        "requestBody": openapi.body("CloudEvent", asking.EXAMPLE),
        "responses": {**_RECEIPT, **_OPENED},
    },
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
                        "description": "A `CloudEvent` in each line, as large as one alone; 10,000 lines, 32 MiB at"
                        " most. Each line is answered for itself; what follows a limit or an interruption is not"
                        " decided, and the last answer says so."
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
    bodies.must_be_lines(request)
    bodies.must_not_exceed(request, MOST_BATCH_BYTES)
    longest = edge.settings.max_body_bytes
    lines = bodies.lines(request, edge.settings, longest=longest, limit=MOST_BATCH_BYTES)
    return _Answers(_Batch(edge, department, sender, longest).answers(lines), media_type=bodies.LINES)


class _Answers(StreamingResponse):
    """Answers that are sent while the request is still being read.

    The library's own would listen meanwhile for the end of the connection, and so take lines of the request away.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


class _Batch:
    """Lines that are read, decided and answered beside one another.

    Lines wait to be read while much is undecided, but never for their sender to fetch answers: who first sends all and
    then reads would wait for us, and we for them. So no more than the answers is held of what is decided.
    """

    def __init__(self, edge: Edge, department: str, sender: Principal, longest: int) -> None:
        self._edge = edge
        self._department = department
        self._sender = sender
        self._longest = longest
        self._answers: asyncio.Queue[asyncio.Task[BatchLine] | None] = asyncio.Queue()
        self._last: dict[str, asyncio.Task[BatchLine]] = {}
        self._undecided: dict[asyncio.Task[BatchLine], int] = {}

    async def answers(self, lines: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
        """An answer for each line, in order, as soon as it is decided."""
        reading = asyncio.create_task(self._hand_in(lines))
        try:
            while (answer := await self._answers.get()) is not None:
                yield _encoder.encode(await answer) + b"\n"
            await reading
        finally:
            for task in (reading, *self._undecided):
                task.cancel()

    async def _hand_in(self, lines: AsyncIterator[bytes | None]) -> None:
        number = handed_in = 0
        try:
            async for line in lines:
                number += 1
                if line is not None and not line.strip():
                    continue
                if handed_in == MOST_LINES:
                    too_many = BodyTooLarge(f"A batch has at most {MOST_LINES:,} lines.", limit=MOST_LINES)
                    self._answer(_refused(number, too_many), 0)
                    break
                handed_in += 1
                await self._take(number, line)
        except Refused as refused:
            self._answer(_refused(number + 1, refused), 0)
        finally:
            self._answers.put_nowait(None)

    async def _take(self, number: int, line: bytes | None) -> None:
        try:
            if line is None:
                raise BodyTooLarge(limit=self._longest)
            letter = structured(self._department, line)
        except Refused as refused:
            self._answer(_refused(number, refused), 0)
            return
        before = self._last.get(letter.reference)
        deciding = _one(self._edge, number, letter, self._sender, before)
        self._last[letter.reference] = self._answer(deciding, len(letter.data))
        while len(self._undecided) >= _AHEAD or sum(self._undecided.values()) > _AHEAD_BYTES:
            await asyncio.wait(self._undecided, return_when=asyncio.FIRST_COMPLETED)

    def _answer(self, deciding: Coroutine[Any, Any, BatchLine], size: int) -> asyncio.Task[BatchLine]:
        task = asyncio.create_task(deciding)
        self._undecided[task] = size
        task.add_done_callback(self._undecided.pop)
        self._answers.put_nowait(task)
        return task


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
