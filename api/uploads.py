"""Uploads: files come in, at once or resumably, and wait to be attached.

As "Resumable Uploads for HTTP" has it (draft-ietf-httpbis-resumable-upload), without its interim responses: whoever
wants to be able to go on begins with ``Upload-Complete: ?0`` and no content. The body is stored as it comes; a worker
holds no more of it than a few chunks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import answers, file_headers, openapi
from api.edge import Edge, edge_of
from api.gate import permitted
from api.problems import PartTooSmall, TooSlow, problem
from domain.access.principal import Principal
from domain.desk.doors import SEND, at_the_door, doorkeeper
from domain.errors import (
    ContentNotAsDeclared,
    DepartmentNotFound,
    MalformedBody,
    Refused,
    Unreachable,
    UploadIsComplete,
    UploadLengthWrong,
    UploadNotFound,
    UploadTooLarge,
    WrongOffset,
)
from domain.store.clearing import clear
from domain.store.receiving import Receiving, must_fit
from domain.store.uploads import Upload
from domain.ticket.file import media_type

router = APIRouter(tags=["uploads"])
Uploader = Annotated[Principal, permitted("ticket.attach", "ticket.attach-own", personal=False)]

LEAST_PART_BYTES = 65_536
"""Of a part that is not the last: what makes no chunk yet is sealed and written anew with each, up to a mebibyte."""
Department = Annotated[
    str,
    Query(
        max_length=64,
        description="For a request of this department's software, on its topic or over HTTP; else for the caller.",
        examples=["it"],
    ),
]


class UploadShown(msgspec.Struct, kw_only=True):
    """How far an upload has come: so many bytes ``received`` of its ``length`` (null: not said yet).

    Complete, it can be attached until it expires.
    """

    upload: UUID
    length: int | None
    received: int
    complete: bool
    expires_at: datetime


SHAPES: list[type[msgspec.Struct]] = [UploadShown]


def _header(name: str, text: str, example: Any, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": text,
        "schema": schema,
        "example": example,
    }


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
_FLAG: dict[str, Any] = {"type": "string", "enum": ["?0", "?1"]}
_COMPLETE = "`?1` if this ends the file, `?0` if more is to come."
_LENGTH = _header("Upload-Length", "The length of the whole file, in bytes, once it is known.", 1_048_576, _COUNT)
_STANDS = {
    "Upload-Offset": {"description": "So many bytes have come.", "schema": {"type": "integer"}},
    "Upload-Complete": {"description": "`?1` once the file is whole.", "schema": {"type": "string"}},
    "Upload-Limit": {
        "description": "Greatest length, least size of a part that is not the last, and remaining time.",
        "schema": {"type": "string"},
    },
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BEGIN: dict[str, Any] = {
    "requestBody": {"required": False, "content": {"*/*": _BYTES}},
    "parameters": [
        _header("Content-Disposition", "Names the file.", 'attachment; filename="a.png"', {"type": "string"}),
        _header("Upload-Complete", f"{_COMPLETE} Without it, it does.", "?1", _FLAG),
        _LENGTH,
    ],
    **openapi.answer(UploadShown, "The upload, as far as it has come.", 201, headers=_STANDS),
}
_APPEND: dict[str, Any] = {
    "requestBody": {"required": False, "content": {file_headers.PARTIAL: _BYTES}},
    "parameters": [
        _header("Upload-Offset", "From which byte on this goes on.", 524_288, _COUNT, required=True),
        _header("Upload-Complete", _COMPLETE, "?1", _FLAG, required=True),
        _LENGTH,
    ],
    **openapi.answer(UploadShown, "The upload, as far as it has come.", headers=_STANDS),
}


@router.post("/uploads", operation_id="begin-upload", response_model=None, status_code=201, openapi_extra=_BEGIN)
async def begin(request: Request, caller: Uploader, department: Department = "") -> Response:
    """Upload a file, whole or its beginning; attach it to a ticket then.

    The body is the file itself, declared with its own media type.
    """
    edge = edge_of(request)
    taking = edge.settings
    edge.under_way.must_be_few(caller.actor)
    file_headers.must_be_as_it_is(request)
    kind = media_type(request.headers.get("content-type", file_headers.OCTETS), taking.attachment_types)
    name = file_headers.name_of_file(request)
    ends = file_headers.completes(request, otherwise=True)
    length = _length(request, 0, ends)
    if length is not None and length > taking.max_attachment_bytes:
        return _refusal(UploadTooLarge(limit=taking.max_attachment_bytes), edge)
    now = edge.desk.now()
    sender = _sender(edge, caller, department)

    def opened() -> Upload:
        expires_at = now + timedelta(hours=taking.upload_hours)
        return edge.desk.uploads.begin(edge.desk.uploads.holder(sender), name, kind, length, now, expires_at)

    upload = await edge.read(opened)
    try:
        with edge.under_way.one_more(caller.actor):
            upload = await _received(request, edge, upload, ends)
    except (Refused, Unreachable) as fault:
        # Nobody has learned of it, so nobody can go on.
        await edge.files.read(lambda: _cleared(edge, upload))
        if isinstance(fault, Unreachable):
            raise
        return _refusal(fault, edge)
    location = f"/uploads/{upload.upload}" + (f"?department={department}" if department else "")
    return _answer(edge, upload, 201, {"Location": location})


@router.get(
    "/uploads/{upload}",
    operation_id="get-upload",
    response_model=None,
    openapi_extra=openapi.answer(UploadShown, "The upload, as far as it has come.", headers=_STANDS),
)
async def get_upload(request: Request, upload: UUID, caller: Uploader, department: Department = "") -> Response:
    """How far an upload of the caller's has come; `HEAD` tells it in `Upload-Offset`."""
    edge = edge_of(request)
    sender = _sender(edge, caller, department)
    return _answer(edge, await edge.read(lambda: _found(edge, upload, sender)))


@router.patch("/uploads/{upload}", operation_id="append-to-upload", response_model=None, openapi_extra=_APPEND)
async def append(request: Request, upload: UUID, caller: Uploader, department: Department = "") -> Response:
    """Go on with an upload from where it stands.

    A part that does not end the file has at least 65,536 bytes (`min-append-size` in `Upload-Limit`). One that breaks
    off is kept as far as it has come, from that size on.
    """
    edge = edge_of(request)
    edge.under_way.must_be_few(caller.actor)
    file_headers.must_be_as_it_is(request)
    file_headers.must_be_a_part(request)
    offset = file_headers.offset(request)
    ends = file_headers.completes(request)
    length = _length(request, offset, ends)
    sender = _sender(edge, caller, department)
    found = await edge.read(lambda: _found(edge, upload, sender))
    try:
        if found.complete:
            raise UploadIsComplete(received=found.received)
        if offset != found.received:
            raise WrongOffset(received=found.received)
        if length is not None:
            if found.length not in (None, length):
                raise UploadLengthWrong("Another length was announced before.", length=found.length)
            if length < found.received:
                raise UploadLengthWrong("More has come already.", length=length, received=found.received)
            must_fit(found, length, edge.settings.max_attachment_bytes)
            if found.length is None:
                found = await edge.read(lambda: edge.desk.uploads.say_length(found, length))
        with edge.under_way.one_more(caller.actor):
            return _answer(edge, await _received(request, edge, found, ends))
    except ContentNotAsDeclared as refused:
        await edge.files.read(lambda: _cleared(edge, found))
        return _refusal(refused, edge)
    except Refused as refused:
        return _refusal(refused, edge)


@router.delete("/uploads/{upload}", operation_id="give-up-upload", response_model=None, status_code=204)
async def give_up(request: Request, upload: UUID, caller: Uploader, department: Department = "") -> Response:
    """Give up an upload; what has come of it is removed."""
    edge = edge_of(request)
    sender = _sender(edge, caller, department)
    found = await edge.read(lambda: _found(edge, upload, sender))
    await edge.files.read(lambda: _cleared(edge, found))
    return Response(status_code=204)


def _sender(edge: Edge, caller: Principal, department: str) -> Principal:
    """Whose the upload is: the caller's own, or that of a door through which they may hand in requests."""
    if not department:
        return caller
    try:
        at_the_door(caller, department)
    except DepartmentNotFound as refused:
        edge.refusals.of(caller, refused, SEND)
        raise
    return doorkeeper(edge.desk.keys, department)


def _found(edge: Edge, upload: UUID, caller: Principal) -> Upload:
    return edge.desk.uploads.find(upload, edge.desk.uploads.holder(caller), edge.desk.now())


def _length(request: Request, offset: int, ends: bool) -> int | None:
    """The length of the whole file, as far as the request tells it."""
    said, body = file_headers.count(request, "Upload-Length"), file_headers.count(request, "Content-Length")
    if request.headers.get("content-length") is None and "transfer-encoding" not in request.headers:
        body = 0
    if body is None:
        return said
    follows = offset + body
    if said is not None and (follows > said or (ends and follows != said)):
        raise UploadLengthWrong(
            "The body does not fit the length that is announced with it.", length=said, received=follows
        )
    return follows if ends else said


async def _received(request: Request, edge: Edge, upload: Upload, ends: bool) -> Upload:
    """Take in what a request brings; what has come is kept, whatever becomes of the connection, unless it is little."""
    receiving = Receiving(
        edge.desk.uploads, edge.settings.attachments, upload, edge.settings.max_attachment_bytes, LEAST_PART_BYTES
    )
    pieces = request.stream()
    try:
        while True:
            async with asyncio.timeout(edge.settings.chunk_seconds):
                more = await _filled(receiving, pieces)
            await edge.files.read(receiving.store)
            if not more:
                break
    except TimeoutError:
        await edge.files.read(receiving.pause)
        raise TooSlow() from None
    except ClientDisconnect:
        await edge.files.read(receiving.pause)
        raise MalformedBody("The connection ended before the body did.") from None
    except (UploadLengthWrong, UploadTooLarge):
        await edge.files.read(lambda: _cleared(edge, upload))
        raise
    if ends:
        return await edge.files.read(receiving.finish)
    paused = await edge.files.read(receiving.pause)
    if paused.received < receiving.offset:
        raise PartTooSmall(limit=LEAST_PART_BYTES, received=paused.received)
    return paused


async def _filled(receiving: Receiving, pieces: AsyncIterator[bytes]) -> bool:
    """Fill up a chunk; whether more may come."""
    async for piece in pieces:
        receiving.fill(piece)
        if receiving.full:
            return True
    return False


def _cleared(edge: Edge, upload: Upload) -> None:
    """Give up an upload; what cannot be removed now, whoever clears removes later."""
    now = edge.desk.now()
    with suppress(UploadNotFound):
        edge.desk.uploads.give_up(upload.upload, upload.holder, now)
    with suppress(Unreachable):
        clear(edge.desk.uploads, edge.settings.attachments, now)


def _answer(edge: Edge, upload: Upload, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    shown = UploadShown(
        upload=upload.upload,
        length=upload.length,
        received=upload.received,
        complete=upload.complete,
        expires_at=upload.expires_at,
    )
    stands = {"Upload-Offset": str(upload.received), "Upload-Complete": f"?{upload.complete:d}"}
    if upload.length is not None:
        stands["Upload-Length"] = str(upload.length)
    rest = max(0, int((upload.expires_at - edge.desk.now()).total_seconds()))
    limit = {"Upload-Limit": f"{_limit(edge)}, max-age={rest}"}
    return answers.json(shown, status, {**stands, **limit, **(headers or {})})


def _refusal(refused: Refused, edge: Edge) -> Response:
    """A refusal that tells as well where the upload stands."""
    headers = {"Upload-Limit": _limit(edge)}
    if "received" in refused.particulars:
        headers["Upload-Offset"] = str(refused.particulars["received"])
    return problem(refused, headers=headers)


def _limit(edge: Edge) -> str:
    return f"max-size={edge.settings.max_attachment_bytes}, min-append-size={LEAST_PART_BYTES}"
