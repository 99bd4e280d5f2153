"""Every refusal as problem+json (RFC 9457): which status it has, and what its reader can do about it.

``type`` is ``/problems/<code>``, which is served as a page; ``code`` is stable. A problem never repeats what was sent:
it names the field and the rule.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, get_type_hints

import msgspec
from starlette.responses import Response

from domain import errors as e
from domain.errors import MalformedBody as MalformedBody
from domain.errors import NotValid as NotValid
from domain.parsing import not_valid as not_valid

MEDIA_TYPE = "application/problem+json"


class EdgeRefused(e.Refused):
    """The request was refused before it reached the desk."""

    headers: Mapping[str, str] = {}


class BodyTooLarge(EdgeRefused):
    """The body is larger than this server takes."""


class HeadTooLarge(EdgeRefused):
    """Address and headers together are larger than this server takes."""

    headers = {"Connection": "close"}


class TooSlow(EdgeRefused):
    """The request did not arrive in time."""

    headers = {"Connection": "close"}


class UnsupportedMediaType(EdgeRefused):
    """The body is not of a kind that this address takes."""


class NotAcceptable(EdgeRefused):
    """There is no representation of the kind you accept."""


class NoSuchPage(EdgeRefused):
    """There is nothing at this address."""


class MethodNotAllowed(EdgeRefused):
    """This address does not take this method."""


class BadRequest(EdgeRefused):
    """The request could not be read."""


class KeyIssuedAlready(EdgeRefused):
    """A key was issued for this idempotency key already; its secret was shown then, once."""


class NotYet(EdgeRefused):
    """The answer is not there yet; try again shortly."""

    headers = {"Retry-After": "1"}


class DatabaseUnreachable(EdgeRefused):
    """The database cannot be reached; it is not known whether the request was carried out."""

    headers = {"Retry-After": "2"}


class TooManyAtOnce(EdgeRefused):
    """Too many files of yours are under way at once."""

    headers = {"Retry-After": "1"}


class PartTooSmall(EdgeRefused):
    """A part of an upload is too small to be kept, unless it is the last."""


class RangeNotThere(EdgeRefused):
    """The file has no such bytes."""


class FileDamaged(EdgeRefused):
    """The file is missing or damaged where it lies, and is not handed out."""


class Fault(EdgeRefused):
    """Something went wrong here; it is not your fault."""


class Meaning(msgspec.Struct, frozen=True):
    """The status of a kind of refusal, and what to do about it."""

    status: int
    advice: str


MEANINGS: dict[type[e.Refused], Meaning] = {
    e.Refused: Meaning(409, "See 'detail'; the same request will be refused again unless something changes."),
    e.NotUnderstood: Meaning(422, "Correct the field named and send the request again."),
    e.NotKnown: Meaning(404, "Check the address: it names something that is not there, or that you may not see."),
    e.TicketNotFound: Meaning(
        404,
        "Compare the number or UUID; it may be one that you may not see. A request of a department's software that"
        " names no ticket is about the one opened under its reference: open that first.",
    ),
    e.PersonNotFound: Meaning(422, "Name the person by e-mail address or handle instead of an id."),
    e.DepartmentNotFound: Meaning(422, "Name a department in which you may do this."),
    e.GroupNotFound: Meaning(422, "Name a group of this department."),
    e.AgentNotFound: Meaning(422, "Name an agent of this desk."),
    e.RequestTypeNotFound: Meaning(422, "Name a request type of this department."),
    e.UploadNotFound: Meaning(404, "Upload the file again at POST /uploads, then attach it."),
    e.AttachmentNotFound: Meaning(404, "GET /tickets/{ref}/attachments lists the ticket's attachments."),
    e.UploadTooLarge: Meaning(413, "Send a smaller file; 'limit' is the most, in bytes."),
    e.UploadLengthWrong: Meaning(422, "Announce the file's true length, or none, and upload it again."),
    e.MediaTypeNotTaken: Meaning(415, "'known' lists the types that this desk takes; name the file's own type."),
    e.ContentNotAsDeclared: Meaning(
        415, "Declare the type that it has; application/octet-stream promises none, if this desk takes that."
    ),
    e.NotAllowed: Meaning(403, "Ask for the permission named, or let somebody act who has it. This was recorded."),
    e.NotAuthenticated: Meaning(401, "Send 'Authorization: Bearer <token>' with a valid API key or OIDC token."),
    e.NotPossible: Meaning(409, "The rules forbid it now; 'possible' lists the commands that are possible."),
    e.RequestKindNotKnown: Meaning(422, "'known' lists the kinds of requests; use one of them."),
    e.ReferenceTaken: Meaning(409, "Reply to the ticket of this reference, or open one under another reference."),
    e.CouldNotBeTaken: Meaning(409, "Look into the desk's log, then hand the letter in again."),
    e.UnderLegalHold: Meaning(409, "Have the holds lifted that 'holds' names, if whoever placed them agrees."),
    e.TooManyWebhooks: Meaning(409, "Retire one that is not needed any more; 'limit' is how many there may be."),
    e.TooManyUploads: Meaning(409, "Attach some of your uploads, or give them up with DELETE; 'limit' is the most."),
    e.UploadNotComplete: Meaning(409, "Send the rest with PATCH /uploads/{upload} from 'received' on."),
    e.UploadIsComplete: Meaning(409, "Attach it, or give it up with DELETE and upload another."),
    e.AlreadyAttached: Meaning(409, "Nothing is left to do."),
    e.TooManyAttachments: Meaning(409, "Put several files into one, or open a follow-up."),
    e.AttachmentKeptBack: Meaning(409, "Ask a supervisor of the department to look at it and release it."),
    e.AttachmentErased: Meaning(410, "It is gone for good; that it was there stays in the ticket's history."),
    e.OutOfDate: Meaning(412, "Read the ticket again, then decide whether the command still makes sense."),
    e.CosignatureNotValid: Meaning(422, "Cosign what GET /record/checkpoint/offered gives, and hand in that line."),
    e.CosignedFurther: Meaning(409, "'size' is the newest checkpoint cosigned; cosign the one that is offered now."),
    e.WrongOffset: Meaning(409, "Go on from 'received', which HEAD /uploads/{upload} tells as Upload-Offset."),
    e.KeyUsedDifferently: Meaning(422, "Use a new idempotency key for a new request."),
    e.SecretShownAlready: Meaning(409, "If it was lost, ask for another one under another idempotency key."),
    EdgeRefused: Meaning(400, "Correct the request and send it again."),
    e.MalformedBody: Meaning(400, "Send one JSON object in UTF-8."),
    e.NotValid: Meaning(422, "'faults' names each field and the rule that it breaks."),
    BodyTooLarge: Meaning(413, "Send less; 'limit' is the most, in bytes."),
    HeadTooLarge: Meaning(431, "Send fewer or shorter headers; 'limit' is the most, in bytes."),
    TooSlow: Meaning(408, "Send the whole request at once, on a new connection."),
    UnsupportedMediaType: Meaning(
        415, "Say in Content-Type that it is one of 'known', and send it as it is, in UTF-8."
    ),
    NotAcceptable: Meaning(406, "Accept one of the media types that the OpenAPI document names."),
    NoSuchPage: Meaning(404, "Compare the address with the OpenAPI document at /openapi.json."),
    MethodNotAllowed: Meaning(405, "'Allow' names the methods."),
    BadRequest: Meaning(400, "Compare the request with the OpenAPI document at /openapi.json."),
    KeyIssuedAlready: Meaning(409, "Revoke that key if its secret was lost, and ask for another one."),
    NotYet: Meaning(503, "Repeat the request after the time in 'Retry-After'."),
    DatabaseUnreachable: Meaning(
        503, "Repeat the request with the same Idempotency-Key: it is carried out once, whatever happened."
    ),
    TooManyAtOnce: Meaning(429, "Repeat the request when one of them has come to its end; 'limit' is the most."),
    PartTooSmall: Meaning(400, "Send at least 'limit' bytes from 'received' on, or the rest of the file."),
    RangeNotThere: Meaning(416, "Ask for bytes before 'length', or for the whole file."),
    FileDamaged: Meaning(500, "Tell whoever runs this desk; a backup of the place where attachments lie may have it."),
    Fault: Meaning(500, "Report the 'incident' to whoever runs this desk; the log says more under it."),
}
"""By class; a class that is not here has the meaning of the nearest above it."""

_RENAMED = {"status": "ticket_status"}
"""Particulars whose name means something else in a problem document."""


def meaning_of(kind: type[e.Refused]) -> Meaning:
    """What a kind of refusal means over HTTP."""
    return next(MEANINGS[above] for above in kind.__mro__ if above in MEANINGS)


def kinds(kind: type[e.Refused] = e.Refused) -> list[type[e.Refused]]:
    """Every kind of refusal there is."""
    return [kind, *(below for narrower in kind.__subclasses__() for below in kinds(narrower))]


def _codes() -> str:
    """The codes of the domain, one a line, each with what it means."""
    own = sorted({kind for kind in kinds() if kind.__module__ == e.__name__}, key=lambda kind: kind.code)
    return "".join(f"\n* `{kind.code}` ({meaning_of(kind).status}): {kind().title}" for kind in own)


_ALWAYS = [
    ("type", Annotated[str, msgspec.Meta(description="`/problems/<code>`: at the desk, a page that says what to do.")]),
    ("title", Annotated[str, msgspec.Meta(description="What every problem of this code begins with.")]),
    ("status", Annotated[int, msgspec.Meta(ge=400, le=599, description="As in HTTP.")]),
    ("code", Annotated[str, msgspec.Meta(description=f"Stable: tell problems apart by it.\n{_codes()}")]),
]
_AT_TIMES = [
    ("detail", Annotated[str, msgspec.Meta(description="What is particular here, in words.")], ""),
    *(
        (_RENAMED.get(name, name), said, msgspec.UNSET)
        for name, said in get_type_hints(e.Particulars, include_extras=True).items()
    ),
]
_ADVICE = ("advice", Annotated[str, msgspec.Meta(description="The way out.")])

Problem, ProblemTold = (
    msgspec.defstruct(
        name,
        [*_ALWAYS, _ADVICE, *_AT_TIMES],
        kw_only=True,
        namespace={"__doc__": "Why a request was refused (RFC 9457), and what to do about it."},
    )
    for name in ("Problem", "ProblemTold")
)
"""The shape of ``told``: as the answer to a request, and as a part of another answer."""

Told = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/components/schemas/ProblemTold"})]
"""What ``told`` gives, as a field of an answer."""


def told(refused: e.Refused, status: int = 0) -> dict[str, Any]:
    """A refusal as a problem document, with what to do about it."""
    meaning = meaning_of(type(refused))
    return {
        "type": f"/problems/{refused.code}",
        "title": refused.title,
        "status": status or meaning.status,
        "code": refused.code,
        **({"detail": refused.detail} if refused.detail else {}),
        **{_RENAMED.get(name, name): value for name, value in refused.particulars.items()},
        "advice": meaning.advice,
    }


def said_of(refused: e.Refused) -> str:
    """A refusal in a line, for a terminal: which field, and why."""
    particulars = refused.particulars
    field = particulars.get("field", "")
    said = f"{field}: {refused}" if field else str(refused)
    faults = "; ".join(f"{fault['field']} {fault['rule']}" for fault in particulars.get("faults", ()))
    known = ", ".join(particulars.get("known", ()))
    return said + (f" {faults}." if faults else "") + (f" There is {known}." if known else "")


def problem(refused: e.Refused, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a refused request."""
    body = told(refused, status or 0)
    sent = {**getattr(refused, "headers", {}), **(headers or {})}
    if isinstance(refused, e.NotAuthenticated):
        sent["WWW-Authenticate"] = 'Bearer realm="acta"'
    return Response(msgspec.json.encode(body), body["status"], sent, MEDIA_TYPE)


def page(kind: type[e.Refused]) -> str:
    """The page behind a problem's ``type``."""
    meaning = meaning_of(kind)
    title = kind().title
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{kind.code}</title><h1>{title}</h1>"
        f"<p><code>{kind.code}</code>, status {meaning.status} {HTTPStatus(meaning.status).phrase}.</p>"
        f"<p>{meaning.advice}</p></html>"
    )
