"""What a request may ask for: one kind per CloudEvents type, each a command in other words.

The body of a kind is that of its command, without the department, which the door decides, and with the ticket, which
the sender may name by number or UUID; else it is the one opened under the same reference. A file to be attached may be
enclosed.
"""

from base64 import b64decode, b64encode
from binascii import Error
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, create_model

from domain.envelope import NOWHERE
from domain.errors import NotValid, RequestKindNotKnown
from domain.parsing import parse
from domain.request.letter import Letter
from domain.request.message import MOST_BYTES
from domain.ticket.commands import Command
from domain.ticket.commands.attaching import Attach
from domain.ticket.commands.conversing import Note, Reply
from domain.ticket.commands.escalating import Escalate
from domain.ticket.commands.opening import Open
from domain.ticket.commands.resolving import Cancel

_NOT_HERE = frozenset({"department", "signature", "imported_from", "external_id", "automatic"})
"""What a command has and a request has not: the door says it, or it takes a person."""

_TICKET = Field(default="", max_length=64, description="The ticket's number or UUID, if not the one of this reference.")


_ENCLOSED: dict[str, Any] = {
    "upload": (
        Attach.model_fields["upload"].annotation,
        Field(default=NOWHERE, description="A complete upload of the sender's own (`POST /uploads`); it is used up."),
    ),
    "content": (
        str,
        Field(
            default="",
            max_length=MOST_BYTES,
            description="The file itself, in base64 (RFC 4648, 4), where it fits into a request.",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ),
    "name": (str, Field(default="", max_length=255, description="What the enclosed file is called.")),
    "media_type": (
        str,
        Field(default="application/octet-stream", max_length=255, description="Of which type the enclosed file is."),
    ),
}
"""What a request to attach has in place of the upload that its command names."""


class Enclosed(NamedTuple):
    """A file that came within a request."""

    name: str
    media_type: str
    content: bytes


class Asked(NamedTuple):
    """What a letter asks for: a command on a ticket as it names it ("": that of its reference).

    The upload of a file that is ``enclosed`` is still to be made.
    """

    command: Command
    ticket: str
    enclosed: Enclosed | None


def _body(name: str, command: type[Command]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field: (known.annotation, known) for field, known in command.model_fields.items() if field not in _NOT_HERE
    }
    if command is Attach:
        fields |= _ENCLOSED
    if command is not Open:
        fields["ticket"] = (str, _TICKET)
    config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    doc = _ATTACH if command is Attach else command.__doc__
    made: type[BaseModel] = create_model(f"Request{name}", __config__=config, __doc__=doc, **fields)
    return made


_ATTACH = """Put a file to the ticket: the one that is enclosed (`content`), or one that the sender uploaded (`upload`).

It moves nothing: who wants an answer writes a reply as well.
"""

COMMANDS_BY_KIND: dict[str, type[Command]] = {
    "open": Open,
    "reply": Reply,
    "note": Note,
    "escalate": Escalate,
    "withdraw": Cancel,
    "attach": Attach,
}

KINDS: dict[str, type[BaseModel]] = {
    f"acta.request.{kind}.v1": _body(kind.capitalize(), command) for kind, command in COMMANDS_BY_KIND.items()
}
"""The body of each kind of request, by CloudEvents type."""


def asked(letter: Letter) -> Asked:
    """What a letter asks for; raises ``Refused``."""
    kind = KINDS.get(letter.type)
    if kind is None:
        raise RequestKindNotKnown(known=sorted(KINDS), field="type")
    body = parse(kind, letter.data)
    command = COMMANDS_BY_KIND[letter.type.split(".")[2]]
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    ticket: str = given.pop("ticket", "")
    enclosed = None
    if command is Open:
        given["department"] = letter.department
    elif command is Attach:
        enclosed = _enclosed(given)
    return Asked(command(**given), ticket, enclosed)


def _enclosed(given: dict[str, Any]) -> Enclosed | None:
    """The file in the body of a request to attach, of which only what is of its command is left."""
    if ("content" in given) == ("upload" in given):
        raise _wrong("content", "or upload must be there, one of both", "missing")
    if "upload" in given:
        for name in ("name", "media_type"):
            if name in given:
                raise _wrong(name, "is that of the upload, and said there", "extra-forbidden")
        return None
    given["upload"] = NOWHERE
    content = _decoded(given.pop("content"))
    return Enclosed(given.pop("name", ""), given.pop("media_type", "application/octet-stream"), content)


def _decoded(text: str) -> bytes:
    """What a text in base64 says, which has no other form than its own."""
    try:
        encoded = text.encode("ascii")
        content = b64decode(encoded, validate=True)
    except (Error, UnicodeEncodeError):
        content, encoded = b"", b"?"
    if b64encode(content) != encoded:
        raise _wrong("content", "must be base64 as RFC 4648, 4 has it, without line breaks", "base64")
    return content


def _wrong(field: str, rule: str, code: str) -> NotValid:
    return NotValid(faults=[{"field": f"body/{field}", "rule": rule, "code": code}])
