"""Made lives of a desk: any number of events, in order of position, as a random walk that a seed fixes.

The walk is plausible rather than legal: views must not mind what decisions would have refused.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from domain.access.events import AccessRead, AccessRefused, GlassBroken
from domain.clock.policy import Policy, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.envelope import Act, Actor, Event
from domain.person.events import ContactChanged, PersonRegistered
from domain.setup.events import SETUP, AgentDefined, DepartmentDefined, GroupDefined, GroupRetired
from domain.ticket import events as e

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
DEPARTMENTS = ("it", "hr")
GROUPS = ("desk", "network", "payroll")
AGENTS = ("alice", "bob", "carol")
WORDS = (
    "printer",
    "laptop",
    "salary",
    "broken",
    "password",
    "holiday",
    "leaking",
    "network",
    "slow",
    "again",
    "urgent",
)

_WEEK = {day: [("09:00", "17:00")] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
_TERMS: dict[str, Any] = {"targets": {"first_response": {"minutes": 240}, "resolution": {"minutes": 960}}}
NORMAL = policy_from("normal", 1, calendar_from("office", 1, "Europe/Berlin", _WEEK), _TERMS)
URGENT = policy_from(
    "urgent", 1, calendar_from("office", 1, "Europe/Berlin", _WEEK), {"targets": {"resolution": {"minutes": 120}}}
)
POLICIES: dict[PolicyRef, Policy] = {policy.ref: policy for policy in (NORMAL, URGENT)}
SIGNED = {"signer": "alice", "name": "Alice", "meaning": "approved", "means": "oidc", "credential": "issuer"}


class Desk:
    """A desk whose events are made one after another."""

    def __init__(self, seed: int, tickets: int, *, step: timedelta = timedelta(minutes=7)) -> None:
        self.random = Random(seed)
        self.tickets = [UUID(int=self.random.getrandbits(128)) for _ in range(tickets)]
        self.people = [UUID(int=self.random.getrandbits(128)) for _ in range(5)]
        self.access = UUID(int=self.random.getrandbits(128))
        self._step = step
        self._position = 0
        self._now = START
        self._versions: dict[UUID, int] = {}
        self._effective: dict[UUID, datetime] = {}

    def events(self, count: int) -> Iterator[Event]:
        """The next ``count`` events."""
        beginning = self._beginning() if not self._position else iter(())
        for _ in range(count):
            event = next(beginning, None)
            yield event if event is not None else self._next()

    def _beginning(self) -> Iterator[Event]:
        for department in DEPARTMENTS:
            yield self.make(DepartmentDefined, SETUP, department=department, name=department.upper())
        for group in GROUPS:
            yield self.make(GroupDefined, SETUP, group=group, name=group.title(), department="it")
        for agent in AGENTS:
            yield self.make(AgentDefined, SETUP, agent=agent, groups=GROUPS[:2], name=agent.title())
        for person in self.people:
            yield self.make(PersonRegistered, person, name=f"Person {person.int % 100}", email="p@example.org")

    def make(self, kind: type[Event], stream: UUID, /, **fields: Any) -> Event:
        """One event, stamped as the store would; now and then it happened before it was recorded."""
        self._position += 1
        self._now += self._step * self.random.random()
        version = self._versions.get(stream, 0) + 1
        self._versions[stream] = version
        happened = self._now - self._step * self.random.choice((0, 0, 0, 3))
        effective = max(happened, self._effective.get(stream, happened))
        self._effective[stream] = effective
        return kind(
            stream=stream,
            version=version,
            position=self._position,
            recorded_at=self._now,
            occurred_at=happened,
            effective_at=effective,
            act=Act(actor=Actor(kind="agent", id=self.random.choice(AGENTS))),
            **fields,
        )

    def _next(self) -> Event:
        pick = self.random.choice
        if self.random.random() < 0.03:
            return self._look()
        if self.random.random() < 0.01:
            person = pick(self.people)
            return pick(
                (
                    lambda: self.make(ContactChanged, person, name=self.words(2), email="new@example.org"),
                    lambda: self.make(GroupDefined, SETUP, group=pick(GROUPS), name=self.words(1), department="hr"),
                    lambda: self.make(GroupRetired, SETUP, group=pick(GROUPS)),
                )
            )()
        ticket = pick(self.tickets)
        if ticket not in self._versions:
            return self._open(ticket)
        if self._versions[ticket] == 1:
            return self._attach(ticket, NORMAL)
        kind, fields = pick(self._choices())
        return self.make(kind, ticket, **fields)

    def _look(self) -> Event:
        pick, some = self.random.choice, self.random.sample
        who = {"operation": "list-tickets", "permission": "ticket.read", "origin": "http"}
        shown = {"tickets": tuple(some(self.tickets, 1)), "persons": tuple(some(self.people, 2))}
        broken = {"ticket": pick(self.tickets), "department": pick(DEPARTMENTS), "reason": self.words(3)}
        missing = {"permission": "ticket.read", "code": "ticket-not-found", "ticket": pick([None, *self.tickets])}
        kind, fields = pick(
            ((AccessRead, who | shown), (GlassBroken, who | broken), (AccessRefused, missing), (AccessRead, who))
        )
        return self.make(kind, self.access, **fields)

    def _open(self, ticket: UUID) -> Event:
        pick = self.random.choice
        return self.make(
            e.TicketOpened,
            ticket,
            number=len(self._versions) * 7,
            department=pick(DEPARTMENTS),
            requester=pick(self.people),
            title=self.words(3),
            description=self.words(12),
            priority=pick((1, 2, 3, 4)),
            group=pick((*GROUPS, "")),
            tags=tuple(pick(WORDS) for _ in range(self.random.randrange(3))),
        )

    def _attach(self, ticket: UUID, policy: Policy) -> Event:
        return self.make(e.SlaAttached, ticket, **_terms(policy))

    def _choices(self) -> list[tuple[type[Event], dict[str, Any]]]:
        pick = self.random.choice
        other = {"target": pick(self.tickets), "number": 7}
        return [
            (e.RequesterChanged, {"old": self.people[0], "new": pick(self.people)}),
            (e.TitleChanged, {"title": self.words(3)}),
            (e.CategoryChanged, {"old": "", "new": pick(WORDS)}),
            (e.PriorityOverridden, {"old": 3, "new": pick((1, 2, 3, 4)), "reason": "because"}),
            (e.TicketTagged, {"tag": pick(WORDS)}),
            (e.TicketUntagged, {"tag": pick(WORDS)}),
            (e.TicketTransferred, {"old": "it", "new": pick(DEPARTMENTS)}),
            (e.TicketRouted, {"old": "", "new": pick(GROUPS)}),
            (e.TicketAssigned, {"assignee": pick(AGENTS)}),
            (e.TicketClaimed, {"assignee": pick(AGENTS)}),
            (e.TicketReleased, {"old": "alice"}),
            (e.RequesterReplied, {"text": self.words(8)}),
            (e.AgentReplied, {"text": self.words(8), "automatic": pick((True, False))}),
            (e.TicketNoted, {"text": self.words(5) + " confidential"}),
            (e.WorkStarted, {}),
            (e.TicketPutOnHold, {"reason": pick(("requester", "vendor")), "until": self._now + timedelta(days=1)}),
            (e.TicketResumed, {}),
            (e.TimeLogged, {"entry": 1, "minutes": 5}),
            (e.TicketEscalated, {"kind": "hierarchical", "level": 2, "reason": "late"}),
            (e.TicketDeescalated, {"old_level": 2, "level": 0}),
            (e.TicketResolved, {"code": "done"}),
            (e.TicketClosed, {}),
            (e.TicketReopened, {"was": "resolved"}),
            (e.TicketCancelled, {}),
            (e.TicketMarkedSpam, {}),
            (e.TicketUnmarkedSpam, {}),
            (e.TicketMergedInto, other),
            (e.MergeReversed, other),
            (e.SlaRetargeted, {**_terms(pick((NORMAL, URGENT))), "cause": "priority"}),
            (e.SlaRecalculated, {**_terms(pick((NORMAL, URGENT))), "reason": "a new contract"}),
            (e.SlaExempted, {"clocks": (pick(("next_response", "resolution")),), "reason": "an outage"}),
            (e.SlaWarned, {**self._of_a_clock(), "share": 0.75}),
            (e.SlaBreached, self._of_a_clock()),
            (e.SlaBreachWithdrawn, {**self._of_a_clock(), "breached_at": START, "claimant": "bob", "claim_version": 2}),
            (e.SlaChainStepTaken, {**self._of_a_clock(), "step": "at 50 %", "notify": ("alice",)}),
            (e.ReminderSet, {"reminder": 1, "at": self._now + timedelta(days=1), "agent": "alice", "text": "look"}),
            (e.ReminderCancelled, {"reminder": 1}),
            (e.ReminderDue, {"reminder": 1, "at": self._now, "agent": "alice"}),
            (e.TicketSigned, {**SIGNED, "signed_in_at": self._now, "signed_at": self._now}),
            (e.TicketCorrected, {"old": {"status": "closed"}, "new": {"status": "in_progress"}, "why": "source"}),
            (e.TicketCorrected, {"old": {"opened_at": ""}, "new": {"opened_at": self._before()}, "why": "phoned"}),
        ]

    def _before(self) -> str:
        return (self._now - timedelta(minutes=self.random.randrange(3000))).isoformat()

    def _of_a_clock(self) -> dict[str, Any]:
        target = timedelta(minutes=self.random.choice((120, 960)))
        kind = self.random.choice(("first_response", "resolution"))
        return {**_terms(NORMAL), "clock": kind, "instance": 1, "target": target, "elapsed": target, "due_at": START}

    def words(self, count: int) -> str:
        """So many words of a small vocabulary."""
        return " ".join(self.random.choice(WORDS) for _ in range(count))


def _terms(policy: Policy) -> dict[str, Any]:
    ref = policy.ref
    return {
        "policy": ref.policy,
        "policy_version": ref.version,
        "calendar": ref.calendar,
        "calendar_version": ref.calendar_version,
    }
