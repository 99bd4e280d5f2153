"""Evidence bundles: a ticket with all that proves it, as one file that is checked without the desk."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import parameters
from api.archives import sent
from api.edge import Edge, edge_of
from api.evidence.archive import Archive
from api.evidence.making import NotSigned, make
from api.evidence.selecting import requesters
from api.gate import Witnessed, looking, permitted
from api.looks import Look
from api.outermost import HEADS_ONLY
from api.problems import NoSuchPage, NotYet
from api.visibility import sight_of
from domain.access.principal import Principal
from domain.errors import NotAllowed, TicketNotFound
from domain.ticket import state as ticket_state
from domain.ticket.state import Ticket
from projections.access import positions_of
from projections.ledger import Cosignatures, Folder

router = APIRouter(tags=["record"], route_class=Witnessed)
_PERMISSION = "record.evidence"
_PAUSE_S = 0.1
_ZIP = "application/zip"

_ANSWER: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "The bundle, a zip file.",
            "content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}


@router.get(
    "/record/tickets/{ref}/bundle",
    operation_id="get-ticket-bundle",
    response_model=None,
    openapi_extra=_ANSWER,
)
async def get_bundle(
    request: Request,
    ref: parameters.Ref,
    caller: Annotated[Principal, permitted(_PERMISSION)],
    timezone: parameters.Timezone = "UTC",
    kept: Annotated[
        list[int] | None,
        Query(description="Sizes of older checkpoints from which the log is to be shown to go on.", max_length=20),
    ] = None,
) -> Response:
    """The evidence bundle of a ticket: its stored events, entries, proofs, the signed checkpoint, the keys of its own
    messages, its files, the configuration that applies, who looked, and a document for people. `acta verify-bundle`
    checks it.

    For whoever has `record.evidence` in the ticket's department and reads its notes.
    """
    edge = edge_of(request)
    zone = parameters.must_be_zone(timezone, "timezone").key
    look = looking(request)
    head = await edge.read(edge.desk.store.head)
    ticket = await edge.read(lambda: _shown(edge, ref, look))
    accesses = await edge.view("access", lambda connection: positions_of(connection, ticket.ticket), head)

    def made() -> Archive | None:
        return _made(edge, ticket.ticket, look, zone, accesses, kept or [])

    until = monotonic() + edge.settings.wait_seconds
    while (packed := await edge.files.read(made)) is None:
        if monotonic() > until:
            raise NotYet("No checkpoint signs the newest events yet.")
        await asyncio.sleep(_PAUSE_S)
    headers = {
        "Content-Disposition": f'attachment; filename="evidence-{ticket.number}.zip"',
        "Content-Length": str(packed.length),
    }
    if request.scope.get(HEADS_ONLY):
        return Response(headers=headers, media_type=_ZIP)
    return StreamingResponse(sent(edge, packed), headers=headers, media_type=_ZIP)


def _shown(edge: Edge, ref: str, look: Look) -> Ticket:
    """A ticket of which the caller may have a bundle, and that it is shown; refusals are recorded."""
    try:
        stream = edge.desk.find(ref)
    except TicketNotFound:
        raise look.not_found() from None
    history = edge.desk.history(stream)
    today = ticket_state.fold(history)
    sight = sight_of(today, look.caller)
    if sight is None:
        raise look.not_found(today if today.version else None)
    needed = _PERMISSION if sight == "all" else "ticket.read-notes"
    if not look.caller.may(needed, today.department):
        refused = NotAllowed(permission=needed)
        look.refuse(refused, needed, stream)
        raise refused
    sealed = {event.seal.subject for event in history if event.seal is not None}
    look.shows(_PERMISSION, (today,), sealed | requesters(history))
    return today


def _made(
    edge: Edge, ticket: UUID, look: Look, zone: str, accesses: Sequence[int], kept: Sequence[int]
) -> Archive | None:
    """The bundle; None while no checkpoint signs all of the ticket."""
    folder = edge.settings.ledger
    if folder is None or not folder.is_dir():
        raise NoSuchPage("This desk keeps no transparency log.")
    with Folder(folder) as log:
        try:
            return make(
                edge.desk,
                log,
                ticket,
                at=edge.desk.now(),
                by=look.caller.actor,
                zone=zone,
                place=edge.settings.attachments,
                accesses=accesses,
                kept=kept,
                cosignatures=Cosignatures(edge.settings.cosignatures, edge.settings.witnesses),
            )
        except NotSigned:
            return None
