"""A ticket under a service level, event by event, and what the clock makes of it: decisions and folds, no store."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from domain.access.principal import system
from domain.clock.asking import clocks_of
from domain.clock.calendar import Calendar
from domain.clock.clocks import Clocks
from domain.clock.deciding import Timed
from domain.clock.policy import Policies, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.clock.striking import Strike
from domain.envelope import UNSTAMPED, Act, Actor
from domain.errors import NothingChanges
from domain.setup.events import AgentDefined, DepartmentDefined, GroupDefined
from domain.setup.state import Setup, fold
from domain.ticket import events as e
from domain.ticket.commands import Command, decide
from domain.ticket.state import Ticket
from domain.ticket.state import fold as fold_ticket
from examples import PERSON, TICKET


def office(opens: str = "09:00", closes: str = "17:00") -> Calendar:
    """Monday to Friday, UTC."""
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    return calendar_from("office", 1, "UTC", dict.fromkeys(days, ((opens, closes),)))


OFFICE = office()
DESK: Setup = fold(
    (
        DepartmentDefined(department="it", name="IT", default_group="service-desk", close_after_days=7),
        GroupDefined(group="service-desk", name="Service desk", department="it"),
        GroupDefined(group="network", name="Network", department="it"),
        AgentDefined(agent="alice", groups=("service-desk",)),
        AgentDefined(agent="bob", groups=("network",)),
    )
)
GOLD = PolicyRef("gold", 1, "office", 1)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of March 2026; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


START = on(2, 9)


def under(name: str = "gold", version: int = 1, calendar: Calendar = OFFICE, **terms: Any) -> Policies:
    """One policy version: by default resolution within 480 minutes of business time."""
    given = {"targets": {"resolution": {"minutes": 480}}} | terms
    policy = policy_from(name, version, calendar, given)
    return {policy.ref: policy}


class Struck:
    """One ticket. ``policies`` are those that its events may name; times are March 2026."""

    def __init__(self, policies: Policies, at: datetime = START, **opened: Any) -> None:
        self.policies: Mapping[PolicyRef, Any] = policies
        self.setup = DESK
        self.events: list[e.TicketEvent] = []
        facts = {"number": 1, "department": "it", "requester": PERSON, "priority": 3, "group": "service-desk"}
        self.then(e.TicketOpened(**(facts | opened)), at)  # type: ignore[arg-type]

    def attached(self, ref: PolicyRef = GOLD, at: datetime = START) -> "Struck":
        """The ticket comes under a policy."""
        names = ("policy", "policy_version", "calendar", "calendar_version")
        fields: dict[str, Any] = dict(
            zip(names, (ref.policy, ref.version, ref.calendar, ref.calendar_version), strict=True)
        )
        kind = e.SlaAttached(**fields) if self.ticket.sla is None else e.SlaRetargeted(**fields, cause="prioritise")
        return self.then(kind, at)

    def then(
        self, event: e.TicketEvent, at: datetime, *, by: str = "alice", recorded_at: datetime | None = None
    ) -> "Struck":
        """Something happened at a time, recorded then or later."""
        before = self.events[-1].effective_at if self.events else at
        happened = at if event.occurred_at is UNSTAMPED else event.occurred_at
        self.events.append(
            msgspec.structs.replace(
                event,
                stream=TICKET,
                version=len(self.events) + 1,
                recorded_at=recorded_at or at,
                occurred_at=happened,
                effective_at=max(before, happened),
                act=Act(actor=Actor(kind="agent", id=by)),
            )
        )
        return self

    @property
    def ticket(self) -> Ticket:
        return fold_ticket(self.events)

    @property
    def clocks(self) -> Clocks:
        return clocks_of(self.events, self.policies)

    def decide(self, command: Command, at: datetime) -> list[e.TicketEvent]:
        """What the ticket decides, recorded."""
        situation = Timed(
            now=at, setup=self.setup, principal=system("clock"), clocks=self.clocks, policies=self.policies
        )
        decided = cast(list[e.TicketEvent], list(decide(command, self.ticket, situation)))
        for event in decided:
            self.then(event, at, by="clock")
        return decided

    def struck(self, at: datetime, as_of: datetime | None = None) -> list[e.TicketEvent]:
        """What falls due at a stroke of the clock, recorded; nothing when nothing does."""
        try:
            return self.decide(Strike(as_of=as_of or at), at)
        except NothingChanges:
            return []
