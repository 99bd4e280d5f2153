"""The transparency log, handed out as c2sp.org/tlog-tiles has it: its tiles, and the key. Checkpoints have a file of
their own.

Entries tell nothing personal and no content. Still they need a permission: how much happens is a desk's own affair, and
a digest tells whoever guesses the few fields of an event without text whether the guess is right. To publish the
log is the desk's decision; it issues a key with a role that may read the record, and whoever has the key may pass on.
"""

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import parameters
from api.edge import edge_of
from api.gate import permitted
from api.problems import NoSuchPage
from domain.access.principal import Principal
from domain.record.tiles import tile_at
from projections.ledger import KEY, Cosignatures, Folder, proof_at

router = APIRouter(tags=["record"])
Reader = Annotated[Principal, permitted("record.read", personal=False)]

FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""A tile never changes; private, since whoever fetched it was allowed to, and a shared cache asks nobody."""

_TEXT, _BYTES = "text/plain", "application/octet-stream"


def text_answer(text: str, example: str) -> dict[str, Any]:
    """What a route answers as plain text, for ``openapi_extra``."""
    return _answer(text, _TEXT, {"schema": {"type": "string"}, "example": example})


def _answer(text: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"responses": {"200": {"description": text, "content": {kind: content}}}}


@router.get(
    "/record/key",
    operation_id="get-record-key",
    response_model=None,
    openapi_extra=text_answer("The verifier key.", "acta.example/record+80feb02e+AQOhB7…\n"),
)
async def get_key(request: Request, caller: Reader) -> Response:
    """The verifier key of the log's signatures. Whoever checks them should have it from somewhere else as well."""
    folder = folder_of(request)
    text = await edge_of(request).read(lambda: Folder(folder).text(KEY))
    if not text:
        raise NoSuchPage()
    return PlainTextResponse(text)


@router.get(
    "/record/tile/{place:path}",
    operation_id="get-record-tile",
    response_model=None,
    openapi_extra=_answer("The tile's bytes.", _BYTES, {"schema": {"type": "string", "format": "binary"}}),
)
async def get_tile(
    request: Request,
    caller: Reader,
    place: Annotated[
        str,
        Path(
            description="`<L>/<N>[.p/<W>]` for hashes of level L, `entries/<N>[.p/<W>]` for entries.",
            max_length=64,
            examples=["0/000.p/1"],
        ),
    ],
) -> Response:
    """A tile of the transparency log, as the newest checkpoint signs it; it never changes."""
    tile = tile_at(f"tile/{place}")
    folder = folder_of(request)

    def read() -> bytes | None:
        with Folder(folder) as log:
            return log.tile(tile) if tile is not None and tile.is_within(log.signed_size()) else None

    found = await edge_of(request).read(read)
    if found is None:
        raise NoSuchPage()
    return Response(found, headers=FOR_EVER, media_type=_BYTES)


@router.get(
    "/record/proofs/{position}",
    operation_id="get-record-proof",
    response_model=None,
    openapi_extra=text_answer(
        "The proof file.",
        "c2sp.org/tlog-proof@v1\nextra eyJhY3Rh…\nindex 2\ngSKyXo…\n\nacta.example/record\n3\n…\n",
    ),
)
async def get_proof(
    request: Request,
    caller: Reader,
    position: Annotated[int, Path(ge=1, le=parameters.LARGEST, description="The event's position.", examples=[1])],
) -> Response:
    """The proof that an event is in the log, as a file that anybody can check offline (c2sp.org/tlog-proof). Its extra
    data is the entry, which names the event by the digest of its stored bytes. Its checkpoint is the newest, or one a
    little older that witnesses have cosigned.
    """
    folder, cosignatures = folder_of(request), cosignatures_of(request)

    def read() -> tuple[int, str]:
        with Folder(folder) as log:
            proof = proof_at(log, position, cosignatures)
            return log.signed_size(), proof.text if proof is not None else ""

    size, text = await edge_of(request).read(read)
    if not text:
        raise NoSuchPage(f"The newest checkpoint signs the events up to position {size}.")
    return PlainTextResponse(text, headers={"Content-Disposition": f'attachment; filename="{position}.tlog-proof"'})


def cosignatures_of(request: Request) -> Cosignatures:
    """What witnesses have signed."""
    settings = edge_of(request).settings
    return Cosignatures(settings.cosignatures, settings.witnesses)


def folder_of(request: Request) -> FilePath:
    """Where the log is; a desk that keeps none has nothing here."""
    folder = edge_of(request).settings.ledger
    if folder is None:
        raise NoSuchPage()
    return folder
