"""Persons: found by their address, and told what is held of them."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import answers, openapi, parameters
from api.archives import packed
from api.edge import Edge, edge_of
from api.evidence.attached import streamed
from api.gate import Witnessed, looking, permitted
from api.person import page as person_page
from api.person.export import Disclosure, disclose, files, head_of, looks, requests
from api.person.shapes import PersonExport, PersonFound, PersonsFound
from api.setup import must_be_allowed_everywhere
from domain.access.principal import Principal
from domain.errors import Altered, NotKnown
from domain.person.events import PersonRegistered
from domain.ticket.events import AttachmentAdded

router = APIRouter(tags=["persons"], route_class=Witnessed)
Steward = Annotated[Principal, permitted("record.disclose")]
Themselves = Annotated[Principal, permitted("ticket.read-own")]
_Format = Annotated[
    Literal["json", "html", "zip"],
    Query(description="For software, or for people: a page to print; or both, and the files, as one archive."),
]
_encoder = msgspec.json.Encoder()


def _described() -> dict[str, Any]:
    told = openapi.answer(PersonExport, "All that is held of the person.")
    content = told["responses"]["200"]["content"]
    content["text/html"] = {"schema": {"type": "string"}}
    content["application/zip"] = {"schema": {"type": "string", "format": "binary"}}
    return told


@router.get(
    "/persons",
    operation_id="find-person",
    response_model=None,
    openapi_extra=openapi.answer(PersonsFound, "The person, if the desk knows one by this address."),
)
async def find_person(
    request: Request,
    caller: Steward,
    email: Annotated[
        str, Query(min_length=3, max_length=254, description="The whole address.", examples=["petra@example.org"])
    ],
) -> Response:
    """Find the person of a whole e-mail address. Nobody gets a list of them; that one was looked for is recorded."""
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.disclose")

    def ask() -> PersonsFound:
        person = edge.desk.keys.person("email", email.strip().casefold())
        first = edge.desk.sealing.closed(edge.desk.store.events_of(person, until=1))
        looking(request).shows("record.disclose", (), (person,) if first else ())
        met = [event.recorded_at for event in first if isinstance(event, PersonRegistered)]
        return PersonsFound(persons=[PersonFound(person=person, met_at=at) for at in met])

    return answers.json(await edge.read(ask))


@router.get("/persons/{person}/export", operation_id="export-person", response_model=None, openapi_extra=_described())
async def export_person(
    request: Request,
    caller: Steward,
    person: Annotated[UUID, Path(description="The person, as tickets name their requester.")],
    format: _Format = "json",
    full: Annotated[bool, Query(description="Internal notes, too, and who looked; no person sees these.")] = False,
    timezone: parameters.Timezone = "UTC",
) -> Response:
    """All that is held of a person, to be handed to them (GDPR Art. 15 and 20).

    Their requests are told as they themselves may see them; with `full` as those see them who decide what of that is
    handed out as well.
    """
    must_be_allowed_everywhere(edge_of(request), caller, "record.disclose")
    zone = parameters.must_be_zone(timezone, "timezone")
    told = await disclose(request, caller, person, "record.disclose", elsewhere=True, full=full)
    return await _sent(request, told, format, zone)


@router.get("/me/export", operation_id="export-me", response_model=None, openapi_extra=_described())
async def export_me(
    request: Request, caller: Themselves, format: _Format = "json", timezone: parameters.Timezone = "UTC"
) -> Response:
    """All that is held of the caller: who they are to the desk, their requests, what is done with it, who looked.

    What they wrote on the requests of others is in the export that the desk makes for them.
    """
    zone = parameters.must_be_zone(timezone, "timezone")
    if caller.person is None:
        raise NotKnown("You have asked nothing here.")
    told = await disclose(request, caller, caller.person, "ticket.read-own", elsewhere=False, full=False)
    return await _sent(request, told, format, zone)


async def _sent(request: Request, told: Disclosure, format: str, zone: ZoneInfo) -> Response:
    edge = edge_of(request)
    if format == "zip":
        attached = await edge.files.read(lambda: files(edge, told))
        headers = {"Content-Disposition": 'attachment; filename="export.zip"'}
        members = _members(edge, told, zone, attached)
        return StreamingResponse(packed(edge.files, members), media_type="application/zip", headers=headers)
    if format == "json":
        return StreamingResponse(_as_json(edge, told, zone), media_type="application/json")
    headers = {"Content-Security-Policy": person_page.POLICY}
    return StreamingResponse(_as_page(edge, told, zone), media_type="text/html", headers=headers)


async def _members(
    edge: Edge, told: Disclosure, zone: ZoneInfo, attached: dict[str, AttachmentAdded]
) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """Both forms of the export, and the files but those that are damaged where they lie."""
    yield "export.json", _as_json(edge, told, zone)
    yield "export.html", (piece.encode() async for piece in _as_page(edge, told, zone))
    for name, event in attached.items():
        try:
            # Read once to its end before its name is written, so that a damaged one is not there at all.
            file, _ = await edge.files.read(lambda event=event: streamed(edge.settings.attachments, event))  # type: ignore[misc]
        except Altered:
            continue
        yield name, _read(edge, file.pieces())


async def _read(edge: Edge, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await edge.files.read(lambda: next(pieces, b"")):
        yield piece


async def _as_json(edge: Edge, told: Disclosure, zone: ZoneInfo) -> AsyncIterator[bytes]:
    yield _encoder.encode(head_of(told))[:-1]
    for name, things in (("requests", requests(edge, told, zone)), ("looks", looks(edge, told))):
        yield f',"{name}":['.encode()
        comma = b""
        async for thing in things:
            yield comma + _encoder.encode(thing)
            comma = b","
        yield b"]"
    yield b"}"


async def _as_page(edge: Edge, told: Disclosure, zone: ZoneInfo) -> AsyncIterator[str]:
    yield person_page.head(told, zone)
    async for request in requests(edge, told, zone):
        yield person_page.request(request, zone)
    yield person_page.between()
    async for look in looks(edge, told):
        yield person_page.look(look, zone)
    yield person_page.foot()
