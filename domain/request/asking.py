"""What a request may ask for: one kind per CloudEvents type, each a command in other words.

The body of a kind is that of its command, without the department, which the door decides, and with the ticket, which
the sender may name by number or UUID; else it is the one opened under the same reference.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from domain.errors import RequestKindNotKnown
from domain.parsing import parse
from domain.request.letter import Letter
from domain.ticket.commands import Command
from domain.ticket.commands.conversing import Note, Reply
from domain.ticket.commands.escalating import Escalate
from domain.ticket.commands.opening import Open
from domain.ticket.commands.resolving import Cancel

_NOT_HERE = frozenset({"department", "signature", "imported_from", "external_id", "automatic"})
"""What a command has and a request has not: the door says it, or it takes a person."""

_TICKET = Field(default="", max_length=64, description="The ticket's number or UUID, if not the one of this reference.")


def _body(name: str, command: type[Command]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field: (known.annotation, known) for field, known in command.model_fields.items() if field not in _NOT_HERE
    }
    if command is not Open:
        fields["ticket"] = (str, _TICKET)
    config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    made: type[BaseModel] = create_model(f"Request{name}", __config__=config, __doc__=command.__doc__, **fields)
    return made


COMMANDS_BY_KIND: dict[str, type[Command]] = {
    "open": Open,
    "reply": Reply,
    "note": Note,
    "escalate": Escalate,
    "withdraw": Cancel,
}

KINDS: dict[str, type[BaseModel]] = {
    f"acta.request.{kind}.v1": _body(kind.capitalize(), command) for kind, command in COMMANDS_BY_KIND.items()
}
"""The body of each kind of request, by CloudEvents type."""


def asked(letter: Letter) -> tuple[Command, str]:
    """The command that a letter asks for, and the ticket as it names it ("": that of its reference).

    Raises ``Refused``.
    """
    kind = KINDS.get(letter.type)
    if kind is None:
        raise RequestKindNotKnown(known=sorted(KINDS), field="type")
    body = parse(kind, letter.data)
    command = COMMANDS_BY_KIND[letter.type.split(".")[2]]
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    ticket: str = given.pop("ticket", "")
    if command is Open:
        given["department"] = letter.department
    return command(**given), ticket
