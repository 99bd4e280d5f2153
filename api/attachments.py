"""Attachments: which files a ticket has, and a file itself, checked and opened chunk by chunk as it leaves.

A file is never shown in place: it leaves as something to be saved, in no origin of ours, and with a type that runs
nothing. To whom it is handed out is recorded before the first byte leaves, as with everything personal.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api import answers, file_headers, openapi, parameters
from api.edge import Edge, edge_of
from api.gate import Witnessed, looking, permitted
from api.outermost import HEADS_ONLY
from api.problems import FileDamaged, RangeNotThere, problem
from api.tickets import Seen, see
from api.visibility import attachments_shown
from domain.access.principal import Principal
from domain.envelope import Actor
from domain.errors import Altered, AttachmentErased, AttachmentKeptBack, AttachmentNotFound
from domain.store.handing_out import must_be_there, opened
from domain.ticket.events import AttachmentAdded
from domain.ticket.parts import Attachment

router = APIRouter(tags=["tickets"], route_class=Witnessed)
Reader = Annotated[Principal, permitted("ticket.read", "ticket.read-own")]
Named = Annotated[
    str,
    Path(description="The attachment's id, or the version of the ticket at which it was added.", max_length=36),
]
_log = logging.getLogger("acta.api")


class AttachmentShown(msgspec.Struct, kw_only=True):
    """A file of a ticket, added by the event at ``version``; its length in bytes, its SHA-256 in hexadecimal.

    One in quarantine is handed out to nobody; ``withheld`` says why name and digest are blank, if they are.
    """

    attachment: UUID
    version: int
    name: str
    media_type: str
    length: int
    sha256: str
    internal: bool
    quarantined: bool
    by: str
    at: datetime
    withheld: str = ""


class AttachmentList(msgspec.Struct, kw_only=True):
    """The files of a ticket, in the order in which they were added."""

    attachments: list[AttachmentShown]


SHAPES: list[type[msgspec.Struct]] = [AttachmentList]
_FILE: dict[str, Any] = {
    "responses": {
        status: {
            "description": text,
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
        for status, text in (("200", "The file."), ("206", "The part of it that `Range` asks for."))
    }
}


@router.get(
    "/tickets/{ref}/attachments",
    operation_id="list-attachments",
    response_model=None,
    openapi_extra=openapi.answer(AttachmentList, "The ticket's files."),
)
async def list_attachments(request: Request, ref: parameters.Ref, caller: Reader) -> Response:
    """The files of a ticket that exist for the caller."""
    edge = edge_of(request)

    def ask() -> AttachmentList:
        return AttachmentList(
            attachments=[_shown(one, event) for one, event in _files(see(edge, ref, looking(request)))]
        )

    return answers.json(await edge.read(ask))


@router.get(
    "/tickets/{ref}/attachments/{attachment}",
    operation_id="get-attachment",
    response_model=None,
    openapi_extra=_FILE,
)
async def get_attachment(request: Request, ref: parameters.Ref, attachment: Named, caller: Reader) -> Response:
    """A file of a ticket, or a part of it (`Range`); to be saved, never to be shown in place."""
    edge = edge_of(request)
    event = await edge.read(lambda: _file(see(edge, ref, looking(request)), attachment))
    etag = f'"{event.attachment}"'
    part = file_headers.part_asked_for(request, event.length, etag)
    start, end = part or (0, event.length)
    if part == (0, 0):
        return problem(RangeNotThere(length=event.length), headers={"Content-Range": f"bytes */{event.length}"})
    headers = {
        "Content-Type": event.media_type if event.media_type in file_headers.PASSIVE else file_headers.OCTETS,
        "Content-Length": str(end - start),
        "Content-Disposition": file_headers.disposition(event.name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Repr-Digest": file_headers.digest(event.sha256),
    }
    status = 200
    if part is not None:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{event.length}"
    pieces = opened(edge.settings.attachments, event, start, end)
    first = await _first(edge, event, pieces)
    if request.scope.get(HEADS_ONLY):
        return Response(status_code=status, headers=headers)
    edge.under_way.must_be_few(caller.actor)
    return _Leaving(edge, caller.actor, _rest(edge, first, pieces), status, headers)


class _Leaving(StreamingResponse):
    """A file that counts among its reader's while it leaves."""

    def __init__(
        self, edge: Edge, reader: Actor, pieces: AsyncIterator[bytes], status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(pieces, status, headers)
        self._edge = edge
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._edge.under_way.one_more(self._reader):
            await super().__call__(scope, receive, send)


def _files(seen: Seen) -> Iterator[tuple[Attachment, AttachmentAdded]]:
    """The files that exist for this sight, with the events that added them."""
    added = {event.attachment: event for event in seen.history if isinstance(event, AttachmentAdded)}
    return ((one, added[one.attachment]) for one in attachments_shown(seen.today, seen.sight))


def _shown(one: Attachment, event: AttachmentAdded) -> AttachmentShown:
    return AttachmentShown(
        attachment=one.attachment,
        version=one.version,
        name=event.name,
        media_type=event.media_type,
        length=event.length,
        sha256=event.sha256,
        internal=one.internal,
        quarantined=one.quarantined,
        by=one.by,
        at=one.at,
        withheld=event.withheld,
    )


def _file(seen: Seen, named: str) -> AttachmentAdded:
    """The file of that name that may be handed out."""
    for one, event in _files(seen):
        if named.lower() in (str(one.attachment), str(one.version)):
            if one.quarantined:
                raise AttachmentKeptBack()
            if event.withheld:
                raise AttachmentErased()
            return event
    raise AttachmentNotFound()


async def _first(edge: Edge, event: AttachmentAdded, pieces: Iterator[bytes]) -> bytes:
    """The first piece, once it is known that every part is there."""

    def ask() -> bytes:
        must_be_there(edge.settings.attachments, event)
        return next(pieces, b"")

    try:
        return await edge.files.read(ask)
    except Altered as fault:
        if await edge.read(lambda: _is_erased(edge, event)):
            raise AttachmentErased() from None
        _log.error("ticket=%s attachment=%s state=damaged reason=%r", event.stream, event.attachment, str(fault))
        raise FileDamaged() from None


def _is_erased(edge: Edge, event: AttachmentAdded) -> bool:
    """Whether a file was erased after its event had been opened."""
    again = (one for one in edge.desk.history(event.stream) if isinstance(one, AttachmentAdded))
    return any(one.withheld for one in again if one.attachment == event.attachment)


async def _rest(edge: Edge, piece: bytes | None, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A piece and all that follow; what is damaged ends the connection, since what was promised cannot be kept."""
    while piece is not None:
        yield piece
        piece = await edge.files.read(lambda: next(pieces, None))
