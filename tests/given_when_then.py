"""Domain tests that read aloud: given these facts, when this is asked, then that follows, or is refused."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from domain.access.principal import Principal, principal_of
from domain.envelope import Actor
from domain.errors import Refused
from domain.setup import state as setup_state
from domain.setup.events import AgentDefined, DepartmentDefined, GroupDefined, RoleGranted
from domain.setup.state import Setup
from domain.ticket import state as ticket_state
from domain.ticket.commands import (
    COMMANDS,
    Command,
    Elsewhere,
    Situation,
    decide,
    must_be_where_it_is_possible,
)
from domain.ticket.events import TicketEvent, TicketOpened
from domain.ticket.file import File
from domain.ticket.state import Ticket
from examples import MONDAY, PERSON, TICKET, placed

DESK: Setup = setup_state.fold(
    (
        DepartmentDefined(department="it", name="IT", default_group="service-desk"),
        DepartmentDefined(department="hr", name="HR", default_group="people"),
        GroupDefined(group="service-desk", name="Service desk", department="it"),
        GroupDefined(group="network", name="Network", department="it", skills=("vpn",)),
        GroupDefined(group="people", name="People", department="hr"),
        AgentDefined(agent="alice", groups=("service-desk", "network")),
        AgentDefined(agent="bob", groups=("service-desk",)),
        RoleGranted(grantee="alice", role="agent", departments=("it",)),
        RoleGranted(grantee="bob", role="supervisor", departments=("it",)),
        RoleGranted(grantee="petra", role="requester", departments=("*",)),
    )
)
FRESH = UUID("7a000000-0000-4000-8000-0000000000ff")


def agent(handle: str = "alice") -> Principal:
    """An agent with the grants of the example desk."""
    return principal_of(DESK, Actor(kind="agent", id=handle))


def requester() -> Principal:
    """The person who opened the example ticket."""
    return principal_of(DESK, Actor(kind="requester", id="petra"), person=PERSON)


def opened(**changes: object) -> TicketOpened:
    """The ticket that the tests begin with."""
    facts = {"number": 3847, "department": "it", "requester": PERSON, "priority": 5, "group": "service-desk"}
    return TicketOpened(**(facts | changes))  # type: ignore[arg-type]


def ticket_after(*facts: TicketEvent, stream: UUID = TICKET, every: timedelta = timedelta(minutes=1)) -> Ticket:
    """The ticket after facts that happened a minute apart from Monday on."""
    return ticket_state.fold(
        placed(fact, version, version, MONDAY + every * version, stream) for version, fact in enumerate(facts, start=1)
    )


class Given:
    """Facts of one ticket, and others by the name that the command gives them."""

    def __init__(self, *facts: TicketEvent, others: dict[str, Ticket] | None = None) -> None:
        self.ticket = ticket_after(*facts)
        self.others = others or {}
        self.now = MONDAY + timedelta(days=1)
        self.principal: Principal = agent()
        self.setup = DESK
        self.command: Command | None = None
        self.file: File | None = None

    def at(self, now: datetime) -> "Given":
        """The time of the command, in UTC."""
        self.now = now
        return self

    def by(self, principal: Principal) -> "Given":
        """Who gives the command; else Alice, an agent of IT."""
        self.principal = principal
        return self

    def with_file(self, file: File) -> "Given":
        """The file that the caller has uploaded."""
        self.file = file
        return self

    def when(self, command: Command) -> "Given":
        """The command."""
        self.command = command
        return self

    def _decided(self) -> list[TicketEvent | Elsewhere]:
        assert self.command is not None
        must_be_where_it_is_possible(self.command, self.ticket, COMMANDS)
        situation = Situation(
            now=self.now,
            setup=self.setup,
            principal=self.principal,
            others=self.others,
            fresh=FRESH,
            number=4000,
            requester=PERSON,
            file=self.file,
        )
        return list(decide(self.command, self.ticket, situation))

    def then(self, *facts: TicketEvent | Elsewhere) -> None:
        """Exactly these facts follow."""
        assert self._decided() == list(facts)

    def then_refused(self, why: type[Refused], **particulars: object) -> None:
        """The command is refused for this reason, with these particulars among others."""
        with pytest.raises(why) as refused:
            self._decided()
        assert type(refused.value) is why
        assert particulars.items() <= refused.value.particulars.items()

    def becomes(self) -> Ticket:
        """The ticket after what follows in its own stream."""
        own = [fact for fact in self._decided() if not isinstance(fact, Elsewhere)]
        first = self.ticket.version + 1
        events = [placed(fact, version, version, self.now) for version, fact in enumerate(own, start=first)]
        return ticket_state.fold(events, self.ticket)


def given(*facts: TicketEvent, others: dict[str, Ticket] | None = None) -> Given:
    """Facts of the ticket so far."""
    return Given(*facts, others=others)
