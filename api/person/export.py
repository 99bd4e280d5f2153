"""What the desk holds of one person, for them: who they are to it, their requests, what is done with it, who looked.

It is put together request by request while it is sent, so that it may be as long as it is.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from starlette.requests import Request

from api.edge import Edge, edge_of
from api.evidence.attached import suffix_of
from api.gate import looking
from api.person.shapes import SCHEMA, ContactTold, FactTold, LookTold, Processing, RequestTold
from api.tickets import events_shown
from api.visibility import ActorShown, EventTold, Sight, attachments_shown, sight_of
from domain.access.principal import ROLES, Principal
from domain.desk.forgetting import touched
from domain.desk.preserving import holds_over
from domain.envelope import Actor, Event
from domain.errors import NotKnown, PersonNotFound
from domain.person.events import ContactChanged, PersonEvent, PersonRegistered
from domain.setup.events import EVERYWHERE
from domain.setup.retention import kept_until, rule_for
from domain.setup.state import Setup
from domain.ticket.events import AttachmentAdded
from domain.ticket.state import Ticket, fold
from projections import access
from projections.audit import Names
from projections.queue.queries import requests_of

PURPOSES = [
    "to deal with what people ask of the desk, and to answer them",
    "to show later who did what, when, and whether it was in time",
]
CATEGORIES = [
    "name, e-mail address, handle, department, tier and language",
    "what the person wrote, and what was written on their requests",
    "what was done on their requests, by whom and when",
    "files that were put to their requests",
    "who was shown any of it",
]
SOURCES = ["the person, or whoever asked on their behalf", "records of an earlier desk, where they were imported"]
_LOOKS = 500


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """What is told beside the requests and the looks, and what is needed to go on with those.

    ``subjects`` are those for whom what concerns the person is sealed; ``reader`` is in whose eyes requests are told:
    the person's, or for a full export the caller's.
    """

    person: UUID
    subjects: frozenset[UUID]
    made_at: datetime
    position: int
    full: bool
    contacts: list[ContactTold]
    processing: Processing
    reader: Principal
    tickets: list[Ticket]
    setup: Setup
    names: Names | None
    looks: list[LookTold]
    next_looks: int | None


async def disclose(
    request: Request, caller: Principal, person: UUID, permission: str, *, elsewhere: bool, full: bool
) -> Disclosure:
    """Find what there is of a person and say that it is shown; raises ``NotKnown`` if nobody knows them.

    ``elsewhere``: also what they wrote on requests that never were theirs, for which every key there is is looked at.
    """
    edge = edge_of(request)
    setup = await edge.callers.setup()
    position = await edge.read(edge.desk.store.head)
    streams = await edge.view("queue", lambda connection: requests_of(connection, person), position)
    if elsewhere:
        streams += [stream for stream in await edge.read(lambda: _written_on(edge, person)) if stream not in streams]
    looks, following = await _looks(edge, person, None, full, position)

    def ask() -> Disclosure:
        history = [event for event in edge.desk.history(person) if isinstance(event, PersonEvent)]
        if not history:
            raise NotKnown("Nobody is known by this id.")
        now = edge.desk.now()
        today = edge.tickets_today.of(streams)
        tickets = [today[stream] for stream in streams if stream in today]
        told_of = edge.desk.store.subjects_of([ticket.ticket for ticket in tickets])
        looking(request).shows(permission, tickets, {person, *told_of})
        return Disclosure(
            person=person,
            made_at=now,
            position=position,
            full=full,
            contacts=[_contact(event) for event in history if isinstance(event, PersonRegistered | ContactChanged)],
            processing=_processing(setup, person, tickets, now, full=full),
            subjects=frozenset({person, edge.desk.keys.sealing(person)}),
            reader=caller if full else _themselves(person),
            tickets=tickets,
            setup=setup,
            names=edge.names.of(setup, history) if full else None,
            looks=looks,
            next_looks=following,
        )

    return await edge.read(ask)


async def requests(edge: Edge, told: Disclosure, zone: ZoneInfo) -> AsyncIterator[RequestTold]:
    """The person's requests, oldest first, one read after the other."""
    for ticket in told.tickets:
        yield await edge.read(lambda ticket=ticket: _request(edge, told, ticket, zone))  # type: ignore[misc]


async def looks(edge: Edge, told: Disclosure) -> AsyncIterator[LookTold]:
    """Who was shown something of the person, oldest first, a page read after the other."""
    page, following = told.looks, told.next_looks
    while True:
        for look in page:
            yield look
        if following is None:
            return
        page, following = await _looks(edge, told.person, following, told.full)


def head_of(told: Disclosure) -> dict[str, Any]:
    """What stands before the requests."""
    return {
        "schema": SCHEMA,
        "person": told.person,
        "made_at": told.made_at,
        "position": told.position,
        "full": told.full,
        "contacts": told.contacts,
        "processing": told.processing,
    }


def _written_on(edge: Edge, person: UUID) -> list[UUID]:
    """The tickets on which anything is sealed for the person."""
    try:
        return [one.stream for one in touched(edge.desk, person) if one.number is not None]
    except PersonNotFound:
        return []


def _themselves(person: UUID) -> Principal:
    """The person, as one who may see no more than their own."""
    return Principal(
        actor=Actor(kind="requester", id=""),
        person=person,
        grants=((ROLES["requester"], frozenset({EVERYWHERE})),),
    )


def _contact(event: PersonRegistered | ContactChanged) -> ContactTold:
    return ContactTold(
        recorded_at=event.recorded_at,
        recorded_by=_actor(event),
        name=event.name,
        email=event.email,
        handle=event.handle if isinstance(event, PersonRegistered) else "",
        department=event.department,
        tier=event.tier,
        language=event.language,
        withheld=event.withheld,
    )


def _processing(setup: Setup, person: UUID, tickets: list[Ticket], now: datetime, *, full: bool) -> Processing:
    holds = {hold.hold for hold in setup.holds_on(now, persons=(person,))}
    holds |= {hold.hold for ticket in tickets for hold in holds_over(setup, ticket, now)}
    places = {place for ticket in tickets for place in (ticket.department, *ticket.former_departments)}
    return Processing(
        purposes=PURPOSES,
        categories=CATEGORIES,
        sources=SOURCES,
        recipients=sorted(f"the agents of {_name_of(setup, place)}" for place in places),
        held=bool(holds),
        holds=sorted(holds) if full else [],
    )


def _name_of(setup: Setup, department: str) -> str:
    known = setup.departments.get(department)
    return known.name if known is not None else department


class _Known(NamedTuple):
    """What is told of a request: the ticket as of now, the events that may be told, and in whose sight."""

    today: Ticket
    history: list[Event]
    sight: Sight
    theirs: bool


def _known(edge: Edge, told: Disclosure, ticket: Ticket) -> _Known:
    history = list(edge.desk.history(ticket.ticket))
    today = fold(history)
    theirs = today.requester == told.person
    if not theirs and not (told.full and told.person in today.former_requesters):
        # What is another person's request is told as far as it tells of this one.
        history = [event for event in history if event.seal is not None and event.seal.subject in told.subjects]
    return _Known(today, history, "all" if told.full else (sight_of(today, told.reader) or "own"), theirs)


def files(edge: Edge, told: Disclosure) -> dict[str, AttachmentAdded]:
    """The files that were put to the person's requests, by where they are in an archive: number and version.

    Those are left out that are erased or in quarantine. Raises ``Unreachable`` if there are some, and not their place.
    """
    found: dict[str, AttachmentAdded] = {}
    for ticket in told.tickets:
        known = _known(edge, told, ticket)
        shown = {one.attachment for one in attachments_shown(known.today, known.sight) if not one.quarantined}
        for event in known.history:
            if isinstance(event, AttachmentAdded) and event.attachment in shown and not event.withheld:
                found[f"files/{known.today.number}-{event.version}{suffix_of(event.name)}"] = event
    if found:
        edge.settings.attachments.must_be_there()
    return found


def _request(edge: Edge, told: Disclosure, ticket: Ticket, zone: ZoneInfo) -> RequestTold:
    today, history, sight, theirs = _known(edge, told, ticket)
    by_position = {event.position: event for event in history}
    shown = events_shown(edge, told.reader, history, sight, told.names, zone)
    return RequestTold(
        ticket=today.ticket,
        number=today.number,
        department=_name_of(told.setup, today.department),
        status=today.status,
        theirs=theirs,
        opened_at=today.opened_at,
        updated_at=today.updated_at,
        closed_at=today.closed_at,
        kept_until=_kept_until(told.setup, today),
        held=bool(holds_over(told.setup, today, told.made_at)),
        facts=[_fact(event, by_position[event.position], told) for event in shown],
    )


def _kept_until(setup: Setup, ticket: Ticket) -> datetime | None:
    rule = rule_for(setup, ticket.department, ticket.request_type)
    return None if rule is None or ticket.closed_at is None else kept_until(rule, ticket.closed_at)


def _fact(shown: EventTold, event: Event, told: Disclosure) -> FactTold:
    own = event.seal is None or event.seal.subject in told.subjects
    return FactTold(
        version=shown.version,
        type=shown.type,
        at=shown.effective_at,
        recorded_at=shown.recorded_at,
        by=shown.actor,
        by_person=own and shown.actor.kind == "requester",
        withheld=shown.withheld,
        data=shown.data,
        sentence=shown.sentence,
    )


async def _looks(
    edge: Edge, person: UUID, after: int | None, full: bool, wait_for: int | None = None
) -> tuple[list[LookTold], int | None]:
    wanted = access.Wanted(person=person, allowed=True)

    def ask(connection: psycopg.Connection[Any]) -> access.Page:
        return access.looks(connection, wanted, after=after, limit=_LOOKS)

    page = await edge.view("access", ask, wait_for)
    shown = [
        LookTold(
            at=row["at"],
            kind=row["actor_kind"],
            operation=row["operation"],
            permission=row["permission"],
            break_glass=row["break_glass"],
            who=row["actor"] if full else "",
        )
        for row in page.looks
    ]
    return shown, page.next


def _actor(event: Event) -> ActorShown:
    return ActorShown(event.act.actor.kind, event.act.actor.id)
