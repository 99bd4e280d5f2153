"""Checkpoints of the transparency log, the newest and every older one, and the cosignatures that witnesses hand in.

The newest checkpoint changes about every second, too fast for several witnesses to sign the same one. So for some
seconds one is offered to all of them; it is served with what they signed, as are all older ones.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import answers, bodies, openapi, parameters
from api.edge import edge_of
from api.gate import permitted
from api.problems import NoSuchPage, NotYet
from api.record import Reader, cosignatures_of, folder_of, text_answer
from api.record_shapes import Cosigned
from domain.access.principal import Principal
from domain.errors import CosignatureNotValid, CosignedFurther
from domain.record.cosignature import Cosignature, Witness
from domain.record.note import NoteRefused
from projections.ledger import CHECKPOINT, OFFERED, Cosignatures, Folder, Overtaken, size_of

router = APIRouter(tags=["record"])

_PAUSE_S = 0.05
_EXAMPLE = "acta.example/record\n3\ncl1SMN…\n\n— acta.example/record gP6w…\n— witness.example/w1 IDJK…\n"


class NewCosignature(BaseModel):
    """A witness's signature over a checkpoint of this log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=1, le=parameters.LARGEST, description="The checkpoint's number of entries.")
    line: str = Field(
        min_length=1,
        max_length=512,
        description="The line that cosigns it, as c2sp.org/tlog-cosignature has it.",
    )


BODIES: tuple[type[BaseModel], ...] = (NewCosignature,)


@router.get(
    "/record/checkpoint",
    operation_id="get-record-checkpoint",
    response_model=None,
    openapi_extra=text_answer("The newest checkpoint.", _EXAMPLE),
)
async def get_checkpoint(
    request: Request,
    caller: Reader,
    cosigned: Annotated[
        int, Query(ge=0, le=64, description="The newest that so many witnesses have cosigned, instead.")
    ] = 0,
    wait_for: Annotated[
        int | None,
        Query(
            ge=0,
            le=parameters.LARGEST,
            description="Answer once a checkpoint covers this position ('Acta-Position' of a write).",
        ),
    ] = None,
) -> Response:
    """The newest checkpoint of the transparency log, a signed note: origin, size, root; then the cosignatures over it.
    Whoever keeps it can tell later whether anything before it was changed. Give the position of a receipt as `wait_for`
    and keep what proves that receipt.
    """
    edge, folder, kept = edge_of(request), folder_of(request), cosignatures_of(request)

    def read() -> str:
        with Folder(folder) as log:
            if cosigned:
                return kept.cosigned_note(log, cosigned)
            return (note := log.text(CHECKPOINT)) + kept.lines(size_of(note))

    until = monotonic() + edge.settings.wait_seconds
    while size_of(note := await edge.read(read)) < (wait_for or 0):
        if monotonic() > until:
            raise NotYet("No such checkpoint covers the position yet.")
        await asyncio.sleep(_PAUSE_S)
    if not note:
        raise NoSuchPage("So many witnesses have cosigned none yet." if cosigned else "")
    return PlainTextResponse(note)


@router.get(
    "/record/checkpoint/offered",
    operation_id="get-record-checkpoint-offered",
    response_model=None,
    openapi_extra=text_answer("The checkpoint to cosign.", _EXAMPLE),
)
async def get_offered(request: Request, caller: Reader) -> Response:
    """The checkpoint that witnesses are to cosign now: for some seconds the same to all, so that one gets the
    cosignatures of all.
    """
    folder = folder_of(request)
    return await _served(request, await edge_of(request).read(lambda: Folder(folder).text(OFFERED)))


@router.get(
    "/record/checkpoints/{size}",
    operation_id="get-record-checkpoint-of-size",
    response_model=None,
    openapi_extra=text_answer("The checkpoint.", _EXAMPLE),
)
async def get_checkpoint_of_size(
    request: Request,
    caller: Reader,
    size: Annotated[int, Path(ge=1, le=parameters.LARGEST, description="Its number of entries.", examples=[3])],
) -> Response:
    """A checkpoint that was signed once. Its text and the log's signature never change; cosignatures may be added."""
    folder = folder_of(request)

    def read() -> str:
        with Folder(folder) as log:
            note = log.note_from(size)
            return note if size_of(note) == size else ""

    return await _served(request, await edge_of(request).read(read))


@router.post(
    "/record/cosignatures",
    operation_id="add-record-cosignature",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body(
            "NewCosignature", {"size": 3, "line": "— witness.example/w1 IDJKvgAAAABlU/EAMzDE…"}
        ),
        **openapi.answer(Cosigned, "It is kept."),
    },
)
async def add_cosignature(
    request: Request, caller: Annotated[Principal, permitted("record.cosign", personal=False)]
) -> Response:
    """Hand in a cosignature, which must be by a witness that this desk is configured with, over a checkpoint of this
    log. It is on the disk before the answer. Repeating it changes nothing.
    """
    edge, folder, kept = edge_of(request), folder_of(request), cosignatures_of(request)
    given = bodies.parse(NewCosignature, await bodies.read(request, edge.settings))

    def keep() -> Cosigned:
        with Folder(folder) as log:
            note = log.note_from(given.size)
        if size_of(note) != given.size:
            raise CosignatureNotValid("This log has signed no checkpoint of that size.")
        witness, cosignature = _cosigned(f"{note}{given.line.rstrip()}\n", kept)
        try:
            kept.keep(witness, given.size, cosignature)
        except Overtaken as fault:
            raise CosignedFurther(size=fault.size) from None
        return Cosigned(witness=witness.name, size=given.size, at=cosignature.at)

    return answers.json(await edge.read(keep))


def _cosigned(note: str, kept: Cosignatures) -> tuple[Witness, Cosignature]:
    """The configured witness who has cosigned this note, and the cosignature."""
    for witness in kept.witnesses:
        with suppress(NoteRefused):
            return witness, witness.of(note)
    raise CosignatureNotValid("No witness of this desk has given it to that checkpoint; ACTA_WITNESSES names them.")


async def _served(request: Request, note: str) -> Response:
    """A checkpoint with its cosignatures."""
    if not note:
        raise NoSuchPage()
    kept = cosignatures_of(request)
    return PlainTextResponse(note + await edge_of(request).read(lambda: kept.lines(size_of(note))))
