"""Dead letters: what came through a department's door and could not be taken, until somebody has taken care of it."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, asking, bodies, openapi
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.problems import Told, told
from api.scopes import departments
from api.setup import act_of
from domain.access.principal import Principal
from domain.desk import Receipt
from domain.desk.letters import correct, discard, found, redrive
from domain.errors import LetterNotFound
from domain.request.message import Message
from domain.store.letters import DeadLetter
from projections.engine.cursors import CursorNotValid, cursor_at, instant, place_of

OPERATE = "door.operate"
router = APIRouter(tags=["doors"], route_class=Witnessed)
Reader = Annotated[Principal, permitted(OPERATE)]
Operator = Annotated[Principal, permitted(OPERATE, personal=False)]
Letter = Annotated[UUID, Path(description="The letter's id.")]


class Discard(BaseModel):
    """Why a letter is given up."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=10_000, description="Stored sealed.")


class LetterPage(msgspec.Struct, kw_only=True):
    """Letters that wait, the oldest first; ``next`` is the cursor of the next page, null on the last one."""

    letters: list[DeadLetter]
    next: str | None


class LetterShown(msgspec.Struct, kw_only=True):
    """What a letter holds: its key, headers and value as text, or in base64 where they are none (``binary``)."""

    letter: DeadLetter
    key: str | None
    headers: list[tuple[str, str]]
    value: str | None
    binary: bool


class LetterHandedIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of handing a letter in again: it was accepted, refused as a request, or is kept as it was."""

    outcome: Literal["accepted", "refused", "kept"]
    receipt: Receipt | None = None
    problem: Told = {}


BODIES: tuple[type[BaseModel], ...] = (asking.CloudEvent, Discard)
SHAPES: list[type[msgspec.Struct]] = [DeadLetter, LetterPage, LetterShown, LetterHandedIn]


@router.get(
    "/dead-letters",
    operation_id="list-dead-letters",
    response_model=None,
    openapi_extra=openapi.answer(LetterPage, "The letters, without what they hold."),
)
async def list_letters(
    request: Request,
    caller: Operator,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=500, description="`next` of the page before.")] = "",
) -> Response:
    """The dead letters of the caller's departments: since when, and why they could not be taken."""
    edge = edge_of(request)
    scope = departments(caller, OPERATE)
    letters = await edge.read(lambda: edge.desk.drawer.page(scope, _place(cursor), limit))
    last = letters[-1] if len(letters) == limit else None
    return answers.json(LetterPage(letters=letters, next=cursor_at((last.kept_at, last.letter)) if last else None))


@router.get(
    "/dead-letters/{letter}",
    operation_id="get-dead-letter",
    response_model=None,
    openapi_extra=openapi.answer(LetterShown, "The letter and what it holds."),
)
async def get_letter(request: Request, letter: Letter, caller: Reader) -> Response:
    """What a dead letter holds, as it came. That it is shown is recorded."""
    edge = edge_of(request)
    kept, message = await edge.read(lambda: _found(edge, letter, caller))
    looking(request).shows(OPERATE)
    return answers.json(_shown(kept, message))


@router.put(
    "/dead-letters/{letter}",
    operation_id="correct-dead-letter",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("CloudEvent", asking.EXAMPLE),
        **openapi.answer(DeadLetter, "Corrected; it waits to be handed in again."),
    },
)
async def correct_letter(request: Request, letter: Letter, caller: Operator) -> Response:
    """Put a request as it should have come in place of what came, which is destroyed."""
    edge = edge_of(request)
    body = await bodies.read(request, edge.settings)

    def change() -> DeadLetter:
        kept, _ = _found(edge, letter, caller)
        correct(edge.desk, letter, body, act_of(caller))
        return kept

    return answers.json(await edge.read(change))


@router.post(
    "/dead-letters/{letter}/redrive",
    operation_id="redrive-dead-letter",
    response_model=None,
    openapi_extra=openapi.answer(LetterHandedIn, "Handed in; `outcome` says what came of it."),
)
async def redrive_letter(request: Request, letter: Letter, caller: Operator) -> Response:
    """Hand a dead letter in again, as it came or was corrected; what is decided has its outcome on the topic, too."""
    edge = edge_of(request)

    def again() -> LetterHandedIn:
        _found(edge, letter, caller)
        came = redrive(edge.desk, letter, act_of(caller))
        problem = told(came.refused) if came.refused is not None else {}
        outcome: Literal["accepted", "refused", "kept"] = (
            "kept" if came.kept else "accepted" if came.refused is None else "refused"
        )
        return LetterHandedIn(outcome=outcome, receipt=came.receipt, problem=problem)

    return answers.json(await edge.read(again))


@router.post(
    "/dead-letters/{letter}/discard",
    operation_id="discard-dead-letter",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Discard", {"reason": "A test of theirs."}),
        **openapi.answer(DeadLetter, "Given up; what it held is destroyed."),
    },
)
async def discard_letter(request: Request, letter: Letter, caller: Operator) -> Response:
    """Give a dead letter up and destroy what it holds."""
    edge = edge_of(request)
    wanted = bodies.parse(Discard, await bodies.read(request, edge.settings))

    def give_up() -> DeadLetter:
        kept, _ = _found(edge, letter, caller)
        discard(edge.desk, letter, wanted.reason, act_of(caller))
        return kept

    return answers.json(await edge.read(give_up))


def _found(edge: Edge, letter: UUID, caller: Principal) -> tuple[DeadLetter, Message]:
    """A letter of a department whose door the caller keeps; any other does not exist for them."""
    kept, message = found(edge.desk, letter)
    if not caller.may(OPERATE, kept.department):
        raise LetterNotFound()
    return kept, message


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    if not cursor:
        return None
    at, letter = place_of(cursor, tuple[str, UUID])
    moment = instant(at)
    if not isinstance(moment, datetime):
        raise CursorNotValid
    return moment, letter


def _shown(kept: DeadLetter, message: Message) -> LetterShown:
    pieces = [message.key, message.value, *(value for _, value in message.headers)]
    binary = not all(_is_text(piece) for piece in pieces)

    def as_text(piece: bytes | None) -> str | None:
        return None if piece is None else b64encode(piece).decode() if binary else piece.decode()

    headers = [(name, as_text(value) or "") for name, value in message.headers]
    return LetterShown(
        letter=kept, key=as_text(message.key), headers=headers, value=as_text(message.value), binary=binary
    )


def _is_text(piece: bytes | None) -> bool:
    try:
        return piece is None or piece.decode() is not None
    except UnicodeDecodeError:
        return False
