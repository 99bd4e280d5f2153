"""The register of processing (GDPR Art. 30), as the desk itself knows it: computed from what events hold, what roles
permit and what is configured, so that it cannot fall behind. Legal grounds and contacts are the operator's to add.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, openapi
from api.edge import edge_of
from api.gate import permitted
from api.person.export import CATEGORIES, PURPOSES, SOURCES
from domain.access.events import AccessEvent
from domain.access.principal import ROLES, Principal
from domain.envelope import EVENT_TYPES, Event, personal_fields
from domain.person.events import PersonEvent
from domain.request.events import LetterEvent, RequestDecided
from domain.setup.events import EVERYWHERE, SetupEvent
from domain.setup.state import Setup
from domain.ticket.events import AttachmentAdded, RequesterReplied, TicketEvent, TicketSigned

router = APIRouter(tags=["record"])
Discloser = Annotated[Principal, permitted("record.disclose", personal=False)]

READING = ("ticket.read", "ticket.break-glass", "record.disclose")
"""What it takes to be shown personal data of others."""

MEASURES = [
    "every personal field is encrypted (AES-256-GCM) before it is stored or sent, with a key per event, wrapped"
    " by a key per person, wrapped by a key that is not in the database",
    "files that are attached are encrypted in parts (AES-256-GCM) before they are stored, with a key per file that is"
    " sealed in their event",
    "no event is changed or removed; a transparency log shows it if one was",
    "whoever is shown personal data is recorded before they see it",
    "a person is erased by destroying their key, and removing their files; a legal hold forbids it and says so",
]

_CONCERNED: tuple[tuple[type[Event], str], ...] = (
    (TicketSigned, "the signer"),
    (RequesterReplied, "whoever wrote it"),
    (AttachmentAdded, "whoever put it there for themselves, else the requester"),
    (TicketEvent, "the requester"),
    (PersonEvent, "the person"),
    (SetupEvent, "the agent"),
    (AccessEvent, "whoever looked"),
    (RequestDecided, "the requester, or the service that was refused"),
    (LetterEvent, "the service whose letter it was"),
)
"""Whose key seals the personal fields of an event; the first that fits."""


class PersonalFact(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event that holds personal data: what it tells, in which fields, and of whom."""

    type: str
    tells: str
    fields: list[str]
    of: str


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a role that lets them read personal data of others; ``rights`` are those of it that do."""

    principal: str
    role: str
    rights: list[str]


class KeptFor(msgspec.Struct, frozen=True, kw_only=True):
    """How long what tickets hold of persons is kept after closing: ``years`` and ``days``, or for ever if neither.

    ``request_type``: only of that type. ``persons``: whoever has nothing left then is forgotten as well.
    """

    request_type: str
    years: int
    days: int
    persons: bool
    version: int


class DepartmentProcessing(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured in a department: who may read, and how long is kept what; without a rule, for ever."""

    department: str
    name: str
    readers: list[Holder]
    kept: list[KeptFor]


class ProcessingRegister(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of whom, for what, who may read it, and what protects it, as configured at a version of the setup.

    ``outside``: what the register cannot know.
    """

    made_at: datetime
    setup_version: int
    purposes: list[str]
    categories: list[str]
    sources: list[str]
    facts: list[PersonalFact]
    departments: list[DepartmentProcessing]
    measures: list[str]
    outside: str


OUTSIDE = (
    "Legal grounds, contacts of controller and data protection officer, transfers to others, and roles that an identity"
    " provider states in its tokens."
)
SHAPES: list[type[msgspec.Struct]] = [ProcessingRegister]


@router.get(
    "/record/processing",
    operation_id="get-register-of-processing",
    response_model=None,
    openapi_extra=openapi.answer(ProcessingRegister, "The register of processing, as of now."),
)
async def get_register(request: Request, caller: Discloser) -> Response:
    """The register of processing: which events hold personal data, whose, who may read it, and what protects it."""
    edge = edge_of(request)
    setup = await edge.callers.setup()
    return answers.json(
        ProcessingRegister(
            made_at=edge.desk.now(),
            setup_version=setup.version,
            purposes=PURPOSES,
            categories=CATEGORIES,
            sources=SOURCES,
            facts=list(_facts()),
            departments=[_department(setup, department) for department in sorted(setup.departments)],
            measures=MEASURES,
            outside=OUTSIDE,
        )
    )


def _facts() -> Iterator[PersonalFact]:
    for name, kind in sorted(EVENT_TYPES.items()):
        fields = personal_fields(kind)
        if fields:
            whose = next(whose for base, whose in _CONCERNED if issubclass(kind, base))
            tells = (kind.__doc__ or "").strip().split("\n\n")[0]
            yield PersonalFact(type=name, tells=" ".join(tells.split()), fields=list(fields), of=whose)


def _department(setup: Setup, department: str) -> DepartmentProcessing:
    readers = [
        Holder(principal=principal, role=grant.role, rights=rights)
        for principal, grants in sorted(setup.grants.items())
        for grant in grants
        if {department, EVERYWHERE}.intersection(grant.departments)
        and (rights := sorted(ROLES[grant.role].intersection(READING)))
    ]
    kept = [
        KeptFor(
            request_type=rule.request_type,
            years=rule.years,
            days=rule.days,
            persons=rule.persons,
            version=rule.retention_version,
        )
        for _, rule in sorted(setup.retention_in_force.items())
        if department in (rule.department, _department_of(setup, rule.request_type))
    ]
    return DepartmentProcessing(
        department=department, name=setup.departments[department].name, readers=readers, kept=kept
    )


def _department_of(setup: Setup, request_type: str) -> str:
    known = setup.request_types_in_force.get(request_type)
    return known.department if known is not None else ""
