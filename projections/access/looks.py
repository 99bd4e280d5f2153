"""Who looked: a row for each time that somebody was shown something personal, or was refused it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.access.events import AccessRead, AccessRefused, GlassBroken
from domain.ticket.events import TicketOpened, TicketTransferred
from projections.engine import View

access = View("access", 2, for_analysts=False)


def _is(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Look(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row each time that somebody was shown something personal, or was refused it."""

    at: Annotated[datetime, _is("When it was recorded, by the store's clock; the answer left after that.")]
    actor_kind: Annotated[str, _is("requester, agent, service or system.")]
    actor: Annotated[str, _is("The handle of whoever looked; of the desk itself where nobody said who they were.")]
    on_behalf_of: Annotated[str, _is("For whom they said they looked; empty if for themselves.")]
    allowed: Annotated[bool, _is("Whether it was shown, rather than refused.")]
    break_glass: Annotated[bool, _is("Whether they gave a reason to see what is none of their departments'.")]
    operation: Annotated[str, _is("What they asked for, by its id in the API's description; empty if refused.")]
    question: Annotated[str, _is("Its parameters, without values that could tell of a person.")]
    permission: Annotated[str, _is("The right that it rested on, or that was missing.")]
    departments: Annotated[tuple[str, ...], _is("Departments of what was shown, on that day.")]
    tickets: Annotated[int, _is("How many tickets were shown, or reached for.")]
    persons: Annotated[int, _is("Of how many persons something was shown.")]
    code: Annotated[str, _is("Why it was refused; empty if it was not.")]
    times: Annotated[int, _is("How often; more than once only for requests without a valid token, within a minute.")]
    origin: Annotated[str, _is("The door, and from where; addresses are blinded, the same one always alike.")]
    key: Annotated[str, _is("The id of the API key; empty if it was another token.")]


class TicketLooked(msgspec.Struct, frozen=True, gc=False):
    """One row per ticket that somebody was shown or refused."""

    ticket: Annotated[UUID, _is("The ticket's stream.")]


class PersonLooked(msgspec.Struct, frozen=True, gc=False):
    """One row per person of whom somebody was shown something."""

    person: Annotated[UUID, _is("The person's stream.")]


class TicketToday(msgspec.Struct, frozen=True):
    """One row per ticket: what looks at it are found and scoped by."""

    ticket: Annotated[UUID, _is("The ticket's stream.")]
    number: Annotated[int, _is("The number people know it by.")]
    department: Annotated[str, _is("The department responsible for it now.")]


looks = access.journal(
    "looks",
    Look,
    indexes=(
        "(actor, position)",
        "(position) WHERE break_glass",
        # It grows with the position, so that a summary per range of pages finds it.
        "USING brin (at)",
    ),
)
tickets_looked = access.journal("tickets_looked", TicketLooked, indexes=("(ticket, position)",))
persons_looked = access.journal("persons_looked", PersonLooked, indexes=("(person, position)",))
tickets = access.table("tickets", TicketToday, key="ticket", indexes=("(number)", "(department)"))


@looks.on(AccessRead)
def read(event: AccessRead) -> Look:
    return _shown(event, event.departments, len(event.tickets) + event.more)


@looks.on(GlassBroken)
def glass_broken(event: GlassBroken) -> Look:
    return replace(_shown(event, (event.department,), 1), break_glass=True)


def _shown(event: AccessRead | GlassBroken, departments: tuple[str, ...], count: int) -> Look:
    return Look(
        at=event.recorded_at,
        actor_kind=event.act.actor.kind,
        actor=event.act.actor.id,
        on_behalf_of=event.act.on_behalf_of,
        allowed=True,
        break_glass=False,
        operation=event.operation,
        question=event.question,
        permission=event.permission,
        departments=departments,
        tickets=count,
        persons=len(event.persons),
        code="",
        times=1,
        origin=event.origin,
        key=event.key,
    )


@looks.on(AccessRefused)
def refused(event: AccessRefused) -> Look:
    return Look(
        at=event.recorded_at,
        actor_kind=event.act.actor.kind,
        actor=event.act.actor.id,
        on_behalf_of=event.act.on_behalf_of,
        allowed=False,
        break_glass=False,
        operation="",
        question="",
        permission=event.permission,
        departments=(event.department,) if event.department else (),
        tickets=int(event.ticket is not None),
        persons=0,
        code=event.code,
        times=event.count,
        origin=event.origin,
        key="",
    )


@tickets_looked.on(AccessRead)
def tickets_read(event: AccessRead) -> Iterator[TicketLooked]:
    return map(TicketLooked, event.tickets)


@tickets_looked.on(GlassBroken, AccessRefused)
def ticket_reached_for(event: GlassBroken | AccessRefused) -> TicketLooked | None:
    return None if event.ticket is None else TicketLooked(event.ticket)


@persons_looked.on(AccessRead, GlassBroken)
def persons_read(event: AccessRead | GlassBroken) -> Iterator[PersonLooked]:
    return map(PersonLooked, event.persons)


@tickets.on(TicketOpened)
def open_file(row: TicketToday | None, event: TicketOpened) -> TicketToday:
    return TicketToday(event.stream, event.number, event.department)


@tickets.on(TicketTransferred)
def hand_file_over(row: TicketToday, event: TicketTransferred) -> TicketToday:
    return replace(row, department=event.new)
