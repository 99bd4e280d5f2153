"""The shapes of what a person is told of themselves: a document to keep, in one piece, described for other software."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from api.visibility import ActorShown

SCHEMA = "acta.person-export.v1"


class PersonFound(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the desk knows, by the pseudonym under which it does."""

    person: UUID
    met_at: datetime


class PersonsFound(msgspec.Struct, frozen=True, kw_only=True):
    """Who was found: one, or nobody."""

    persons: list[PersonFound]


class ContactTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk knew of the person from a time on; ``withheld`` is "erased" where it is gone."""

    recorded_at: datetime
    recorded_by: ActorShown
    name: str
    email: str
    handle: str
    department: str
    tier: str
    language: str
    withheld: str


class FactTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a request. ``by_person``: they did it themselves; ``data`` is what it says.

    ``sentence`` is empty but in a full export.
    """

    version: int
    type: str
    at: datetime
    recorded_at: datetime
    by: ActorShown
    by_person: bool
    withheld: str
    data: dict[str, Any]
    sentence: str


class RequestTold(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the person. ``theirs``: it still is; else only what tells of them is here.

    ``kept_until``: what it holds of the person is erased then, if it is not null and the rule stays as it is; ``held``:
    a legal hold forbids to erase it.
    """

    ticket: UUID
    number: int
    department: str
    status: str
    theirs: bool
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    kept_until: datetime | None
    held: bool
    facts: list[FactTold]


class LookTold(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was shown something of the person; ``who`` they were only a full export tells."""

    at: datetime
    kind: str
    operation: str
    permission: str
    break_glass: bool
    who: str


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with it: for what, of what kind, from whom, and who receives it.

    ``holds`` are the legal holds over the person or their requests, in a full export only. The legal ground, contacts
    and how to complain are the operator's to add.
    """

    purposes: list[str]
    categories: list[str]
    sources: list[str]
    recipients: list[str]
    held: bool
    holds: list[str]


class PersonExport(msgspec.Struct, frozen=True, kw_only=True, rename={"schema_": "schema"}):
    """All that the desk holds of one person, as of a position of its record.

    ``full``: with internal notes, and with who looked; made for those who decide what of that is handed out.
    """

    schema_: Literal["acta.person-export.v1"]
    person: UUID
    made_at: datetime
    position: int
    full: bool
    contacts: list[ContactTold]
    processing: Processing
    requests: list[RequestTold]
    looks: list[LookTold]


SHAPES: list[type[msgspec.Struct]] = [PersonsFound, PersonExport]
