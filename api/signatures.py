"""The electronic signatures of a ticket: who signed what, and whether that still stands as it was signed."""

from datetime import datetime

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi, parameters
from api.edge import edge_of
from api.gate import Witnessed, looking
from api.tickets import Reader, found, seen
from domain.desk.signatures import Checked, checked

router = APIRouter(tags=["tickets"], route_class=Witnessed)


class SignatureShown(msgspec.Struct, kw_only=True):
    """A signature. It covers every event of the ticket up to version ``signs``, of which ``digest`` is the digest.

    ``fits``: what is stored is what was signed. ``genuine``: the signature itself is as this desk has made it, for this
    place. ``since``: how many events the ticket has had since, which the signature does not cover. ``withheld`` says
    why ``name`` and ``comment`` are blank. ``command`` is the act that it signs, empty if it stands by itself.
    """

    version: int
    signs: int
    signer: str
    name: str
    meaning: str
    command: str
    comment: str
    means: str
    credential: str
    signed_in_at: datetime
    signed_at: datetime
    recorded_at: datetime
    digest: str
    fits: bool
    genuine: bool
    since: int
    withheld: str


class Signatures(msgspec.Struct, kw_only=True):
    """The signatures of a ticket, oldest first. ``version`` is what it is at now."""

    number: int
    version: int
    signatures: list[SignatureShown]


SHAPES: list[type[msgspec.Struct]] = [Signatures]


@router.get(
    "/tickets/{ref}/signatures",
    operation_id="get-ticket-signatures",
    response_model=None,
    openapi_extra=openapi.answer(Signatures, "Every signature, compared with what is stored now."),
)
async def get_ticket_signatures(request: Request, ref: parameters.Ref, caller: Reader) -> Response:
    """Who signed the ticket, as what, and whether what they signed is still stored as it was.

    The digest is the SHA-256 of a text: `acta record 1`, the stream, then for each event up to `signs` its version, its
    type and the SHA-256 of its stored bytes, a line each. All of these stand in the entries of the transparency log.
    """
    edge = edge_of(request)

    def ask() -> Signatures:
        look = looking(request)
        stored = edge.desk.store.events_of(found(edge, ref, look))
        # Seals stay closed but for those of signatures: one that is broken must not keep the others from being told.
        ticket = seen(edge.desk.sealing.closed(stored), look, beyond_own="ticket.read").today
        shown = [_shown(one) for one in checked(stored, edge.desk.sealing)]
        return Signatures(number=ticket.number, version=ticket.version, signatures=shown)

    return answers.json(await edge.read(ask))


def _shown(one: Checked) -> SignatureShown:
    signed = one.signed
    return SignatureShown(
        version=signed.version,
        signs=signed.version - 1,
        signer=signed.signer,
        name=signed.name,
        meaning=signed.meaning,
        command=signed.command,
        comment=signed.comment,
        means=signed.means,
        credential=signed.credential,
        signed_in_at=signed.signed_in_at,
        signed_at=signed.signed_at,
        recorded_at=signed.recorded_at,
        digest=signed.digest,
        fits=one.fits,
        genuine=one.genuine,
        since=one.since,
        withheld=signed.withheld,
    )
