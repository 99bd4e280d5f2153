"""Whether an agent is answerable for their own request: nobody waits for an answer then, and no response clock runs."""

from uuid import UUID

import msgspec

from domain.access.principal import Principal
from domain.envelope import NOWHERE
from domain.setup.state import Setup
from domain.store.keys import SubjectKeys
from domain.ticket.events import RequesterChanged, TicketAssigned, TicketClaimed, TicketEvent
from domain.ticket.state import Ticket


def with_owner(fact: TicketEvent, ticket: Ticket, caller: Principal, setup: Setup, keys: SubjectKeys) -> TicketEvent:
    """The fact, saying whether it makes assignee and requester of ``ticket`` the same person."""
    match fact:
        case TicketAssigned() | TicketClaimed():
            assignee, requester = fact.assignee, ticket.requester
        case RequesterChanged():
            assignee, requester = ticket.assignee, fact.new
        case _:
            return fact
    own = bool(assignee) and requester in _persons(assignee, caller, setup, keys)
    return msgspec.structs.replace(fact, own=own) if own else fact


def _persons(agent: str, caller: Principal, setup: Setup, keys: SubjectKeys) -> set[UUID]:
    """The pseudonyms under which an agent asks: by handle, by configured address, and as whom they have signed in."""
    persons = {keys.person("agent", agent)}
    known = setup.agents.get(agent)
    if known is not None and known.person != NOWHERE:
        persons.add(known.person)
    if caller.actor.id == agent and caller.person is not None:
        persons.add(caller.person)
    return persons
