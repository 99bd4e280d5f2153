"""Names for showing: people who ask, departments, groups, agents; and whose requests a ticket has been."""

from operator import attrgetter
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.envelope import Personal
from domain.person.events import ContactChanged, PersonRegistered
from domain.setup.events import (
    AgentDefined,
    AgentRetired,
    DepartmentDefined,
    DepartmentRetired,
    GroupDefined,
    GroupRetired,
)
from domain.ticket.events import RequesterChanged, TicketOpened
from projections.queue.entries import queue


class Person(msgspec.Struct, frozen=True):
    """Somebody who asks."""

    person: UUID
    name: Personal[str]
    email: Personal[str]
    handle: Personal[str]
    department: str
    tier: str


class Department(msgspec.Struct, frozen=True):
    """A department; a retired one keeps its name, since old tickets show it."""

    department: str
    name: str
    retired: bool = False


class Group(msgspec.Struct, frozen=True):
    """A group of agents."""

    group: str
    name: str
    department: str
    retired: bool = False


class Agent(msgspec.Struct, frozen=True):
    """An agent."""

    agent: str
    name: Personal[str]
    email: Personal[str]
    groups: tuple[str, ...]
    available: bool
    retired: bool = False


class Requester(msgspec.Struct, frozen=True):
    """From some event on, the ticket was this person's request."""

    ticket: UUID
    requester: UUID


people = queue.table("people", Person, key="person")
departments = queue.table("departments", Department, key="department", key_of=attrgetter("department"))
groups = queue.table("groups", Group, key="group", key_of=attrgetter("group"))
agents = queue.table("agents", Agent, key="agent", key_of=attrgetter("agent"))
requesters = queue.journal("requesters", Requester, indexes=("(requester, ticket)",))


@people.on(PersonRegistered)
def meet(person: Person | None, event: PersonRegistered) -> Person:
    return Person(event.stream, event.name, event.email, event.handle, event.department, event.tier)


@people.on(ContactChanged)
def meet_anew(person: Person, event: ContactChanged) -> Person:
    return replace(person, name=event.name, email=event.email, department=event.department, tier=event.tier)


@departments.on(DepartmentDefined)
def found(department: Department | None, event: DepartmentDefined) -> Department:
    return Department(event.department, event.name)


@departments.on(DepartmentRetired)
def dissolve(department: Department, event: DepartmentRetired) -> Department:
    return replace(department, retired=True)


@groups.on(GroupDefined)
def gather(group: Group | None, event: GroupDefined) -> Group:
    return Group(event.group, event.name, event.department)


@groups.on(GroupRetired)
def disperse(group: Group, event: GroupRetired) -> Group:
    return replace(group, retired=True)


@agents.on(AgentDefined)
def welcome(agent: Agent | None, event: AgentDefined) -> Agent:
    return Agent(event.agent, event.name, event.email, event.groups, event.available)


@agents.on(AgentRetired)
def say_goodbye(agent: Agent, event: AgentRetired) -> Agent:
    return replace(agent, retired=True)


@requesters.on(TicketOpened)
def ask(event: TicketOpened) -> Requester:
    return Requester(event.stream, event.requester)


@requesters.on(RequesterChanged)
def ask_for(event: RequesterChanged) -> Requester:
    return Requester(event.stream, event.new)
