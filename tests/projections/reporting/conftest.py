"""A made history of a few hundred tickets over a daylight-saving change, and the reporting view of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from domain.envelope import Act, Actor, Event
from domain.ticket import events as e
from lives import AGENTS, GROUPS, NORMAL, POLICIES, URGENT
from projections.engine import Projector, install
from projections.reporting import reporting

CATEGORIES = ("", "network", "hardware")


class Life:
    """One ticket's life: legal steps at random times, several of them at the same instant now and then."""

    def __init__(self, random: Random, number: int, begins: datetime) -> None:
        self.random = random
        self.stream = UUID(int=random.getrandbits(128))
        self.number = number
        self.now = begins
        self.events: list[Event] = []
        self.group = random.choice((*GROUPS, ""))
        self.assignee = ""
        self.status = "new"
        self.department = random.choice(("it", "hr"))
        self.entries: list[int] = []

    def live(self) -> list[Event]:
        """Everything that happens to it."""
        pick = self.random.choice
        self.add(
            e.TicketOpened,
            number=self.number,
            department=self.department,
            requester=UUID(int=self.random.randrange(20)),
            group=self.group,
            category=pick(CATEGORIES),
            priority=pick((1, 2, 3, 4)),
            request_type=pick(("", "access")),
            imported_from=pick(("", "", "servicenow")),
        )
        if self.random.random() < 0.8:
            self.attach(e.SlaAttached)
        for _ in range(self.random.randrange(14)):
            if self.random.random() < 0.85:
                self.now += timedelta(seconds=self.random.randrange(3 * 86400) // pick((1, 10, 100)))
            self.step()
        return self.events

    def add(self, kind: type[Event], **fields: Any) -> None:
        act = Act(
            actor=Actor(kind="agent", id=self.random.choice(AGENTS)), channel=self.random.choice(("mail", "form"))
        )
        place = {"stream": self.stream, "version": len(self.events) + 1, "act": act}
        times = {"occurred_at": self.now, "effective_at": self.now, "recorded_at": self.now}
        self.events.append(kind(**place, **times, **fields))

    def attach(self, kind: type[Event], **more: Any) -> None:
        ref = self.random.choice((NORMAL, URGENT)).ref
        named = {"policy": ref.policy, "policy_version": ref.version}
        self.add(kind, **named, calendar=ref.calendar, calendar_version=ref.calendar_version, **more)

    def step(self) -> None:
        """One thing that is possible now."""
        possible = [self.talk, self.talk, self.classify, self.spend]
        if self.status in ("new", "in_progress", "on_hold"):
            possible += [self.own, self.own, self.work, self.finish, self.finish]
        else:
            possible += [self.after, self.after]
        self.random.choice(possible)()

    def talk(self) -> None:
        if self.random.random() < 0.5:
            self.add(e.RequesterReplied, text="Again.")
        else:
            automatic = self.random.random() < 0.2
            self.add(e.AgentReplied, text="Done.", automatic=automatic)
            self.status = "in_progress" if self.status == "new" and not automatic else self.status

    def classify(self) -> None:
        pick = self.random.choice
        kind = self.random.randrange(6)
        if kind == 0:
            self.add(e.CategoryChanged, old="", new=pick(CATEGORIES))
        elif kind == 1:
            self.add(e.PriorityOverridden, old=3, new=pick((1, 2, 3, 4)), reason="because")
        elif kind == 2:
            new = "hr" if self.department == "it" else "it"
            self.add(e.TicketTransferred, old=self.department, new=new)
            self.department = new
        elif kind == 3:
            self.attach(e.SlaRetargeted, cause="prioritise")
        elif kind == 4:
            self.add(pick((e.TicketMarkedSpam, e.TicketUnmarkedSpam)))
        else:
            self.add(pick((e.TicketMergedInto, e.MergeReversed)), target=UUID(int=5), number=5)

    def spend(self) -> None:
        if self.entries and self.random.random() < 0.4:
            entry = self.random.choice(self.entries)
            self.add(e.TimeCorrected, entry=entry, old_minutes=10, minutes=self.random.randrange(60))
            self.entries.remove(entry)
        else:
            entry = len(self.events)
            self.add(e.TimeLogged, entry=entry, minutes=10, billable=self.random.random() < 0.5)
            self.entries.append(entry)

    def own(self) -> None:
        pick = self.random.choice
        if self.random.random() < 0.5:
            new = pick([group for group in GROUPS if group != self.group])
            self.add(e.TicketRouted, old=self.group, new=new)
            self.group = new
        elif self.assignee and self.random.random() < 0.3:
            self.add(e.TicketReleased, old=self.assignee)
            self.assignee = ""
        else:
            new = pick([agent for agent in AGENTS if agent != self.assignee])
            self.add(e.TicketAssigned, old=self.assignee, assignee=new)
            self.assignee = new
            self.status = "in_progress" if self.status == "new" else self.status

    def work(self) -> None:
        if self.status == "on_hold":
            self.add(e.TicketResumed)
            self.status = "in_progress"
        else:
            self.add(e.TicketPutOnHold, reason="vendor")
            self.status = "on_hold"

    def finish(self) -> None:
        kind = self.random.randrange(5)
        if kind < 3:
            self.add(e.TicketResolved, code="done")
            self.status = "resolved"
        elif kind == 3:
            new = self.random.choice(("resolved", "closed"))
            self.add(e.TicketCorrected, old={"status": self.status}, new={"status": new}, why="source")
            self.status = new
        else:
            self.status = "closed"
            self.add(e.TicketClosed) if self.random.random() < 0.5 else self.add(e.TicketCancelled)

    def after(self) -> None:
        kind = self.random.randrange(4)
        if kind == 0:
            self.add(e.TicketReopened, was="closed" if self.status == "closed" else "resolved")
            self.status = "in_progress"
        elif kind == 1 and self.status == "resolved":
            self.add(e.TicketClosed)
            self.status = "closed"
        elif kind == 2:
            earlier = (self.events[0].effective_at - timedelta(hours=self.random.randrange(40))).isoformat()
            self.add(e.TicketCorrected, old={"opened_at": ""}, new={"opened_at": earlier}, why="source")
        else:
            self.add(e.TicketRated, score=self.random.randrange(1, 6))


def lives(seed: int, tickets: int, begins: datetime, days: int) -> list[Event]:
    """The events of so many tickets opened within so many days, in the order in which they happened."""
    random = Random(seed)
    found = [
        event
        for number in range(1, tickets + 1)
        for event in Life(random, number, begins + timedelta(seconds=random.randrange(days * 86400))).live()
    ]
    found.sort(key=lambda event: event.effective_at)
    return [replace(event, position=position) for position, event in enumerate(found, 1)]


@pytest.fixture(scope="session")
def history() -> list[Event]:
    """Three hundred tickets, opened around the changes of March and April 2026."""
    return lives(20260329, 300, datetime(2026, 3, 20, 5, tzinfo=UTC), 21)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as fresh:
        install(fresh, (reporting,))
        yield fresh


@pytest.fixture
def desk(connection: psycopg.Connection[Any], history: list[Event]) -> psycopg.Connection[Any]:
    """A connection to the reporting view of ``history``."""
    Projector(connection, reporting, versions=POLICIES).apply(history)
    return connection
