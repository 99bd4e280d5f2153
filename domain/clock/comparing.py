"""Two histories of the same tickets side by side: which clocks were kept, and whose verdict is another."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

import msgspec

from domain.clock.clocks import Clock, Clocks, Verdict, verdict
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.clock.policy import Kind, Policies
from domain.envelope import Event
from domain.ticket.events import TicketEvent, TicketFact
from domain.ticket.state import Ticket, evolve

Dimension = Literal["department", "group", "priority", "month"]
Name = tuple[Kind, int]


class Judged(msgspec.Struct, frozen=True):
    """A clock with its verdict, and where its ticket was when the clock ended, or is."""

    policy: str
    verdict: Verdict
    department: str
    group: str
    priority: int


class Tally(msgspec.Struct):
    """How many clocks were met, breached, or are undecided yet."""

    met: int = 0
    breached: int = 0
    undecided: int = 0

    @property
    def decided(self) -> int:
        return self.met + self.breached

    @property
    def share(self) -> float | None:
        """Met of those decided; None when none is."""
        return self.met / self.decided if self.decided else None


class Line(msgspec.Struct):
    """The clocks with something in common, as recorded and as supposed."""

    recorded: Tally = msgspec.field(default_factory=Tally)
    supposed: Tally = msgspec.field(default_factory=Tally)


class Changed(NamedTuple):
    """A clock whose verdict would be another; None where that history has no such clock."""

    number: int
    clock: Kind
    instance: int
    recorded: Verdict | None
    supposed: Verdict | None


class Turned(NamedTuple):
    """From one verdict to another."""

    clock: Kind
    recorded: Verdict | None
    supposed: Verdict | None


class Comparison:
    """What has been compared so far: ``lines`` by clock, policy and the dimensions asked for, and what changes.

    Of the changed clocks the first ``limit`` are kept by name, of all of them the counts.
    """

    def __init__(self, by: Sequence[Dimension] = (), *, zone: ZoneInfo, limit: int = 20) -> None:
        self.by = tuple(dict.fromkeys(by))
        self.tickets = 0
        self.tickets_changed = 0
        self.lines: dict[tuple[str, ...], Line] = {}
        self.changed: list[Changed] = []
        self.turned: Counter[Turned] = Counter()
        self._zone = zone
        self._limit = limit

    def add(
        self, number: int, opened_at: datetime, recorded: Mapping[Name, Judged], supposed: Mapping[Name, Judged]
    ) -> None:
        """Count one ticket."""
        self.tickets += 1
        month = f"{opened_at.astimezone(self._zone):%Y-%m}"
        for name, judged in recorded.items():
            _count(self._line(name, judged, month).recorded, judged.verdict)
        for name, judged in supposed.items():
            _count(self._line(name, judged, month).supposed, judged.verdict)
        changes = [
            Changed(number, *name, *verdicts)
            for name in sorted(recorded.keys() | supposed.keys())
            if len(set(verdicts := [_verdict(judged.get(name)) for judged in (recorded, supposed)])) > 1
        ]
        self.tickets_changed += bool(changes)
        self.turned.update(Turned(change.clock, change.recorded, change.supposed) for change in changes)
        self.changed += changes[: max(0, self._limit - len(self.changed))]

    def _line(self, name: Name, judged: Judged, month: str) -> Line:
        dimensions = {
            "department": judged.department,
            "group": judged.group,
            "priority": str(judged.priority),
            "month": month,
        }
        key = (name[0].value, judged.policy, *(dimensions[dimension] for dimension in self.by))
        return self.lines.setdefault(key, Line())


def judged(events: Iterable[Event], at: datetime, policies: Policies) -> dict[Name, Judged]:
    """The clocks of the ticket whose events these are, each with its verdict as of ``at``.

    As in the view of clocks, one that ended stays where its ticket was then. Raises UnknownPolicy.
    """
    clocks, ticket = Clocks(), Ticket()
    places: dict[Name, tuple[Clock, Ticket]] = {}
    for event in events:
        if not isinstance(event, TicketEvent) or event.effective_at > at:
            continue
        ticket = evolve(ticket, cast(TicketFact, event))
        mark = mark_of(event, ticket.requester)
        if mark is None:
            continue
        clocks = advance(clocks, mark, policies)
        for clock in clocks:
            name = (clock.kind, clock.instance)
            known = places.get(name)
            if known is None or known[0].unfinished or clock.unfinished:
                places[name] = (clock, ticket)
            elif known[0] is not clock:
                places[name] = (clock, known[1])
    return {name: _judged(clock, ticket if clock.unfinished else place, at) for name, (clock, place) in places.items()}


def _judged(clock: Clock, ticket: Ticket, at: datetime) -> Judged:
    policy = "" if clock.policy is None else clock.policy.policy
    return Judged(policy, verdict(clock, at), ticket.department, ticket.group, ticket.priority)


def _verdict(judged: Judged | None) -> Verdict | None:
    return None if judged is None else judged.verdict


def _count(tally: Tally, said: Verdict) -> None:
    match said:
        case Verdict.MET:
            tally.met += 1
        case Verdict.BREACHED:
            tally.breached += 1
        case Verdict.UNDECIDED:
            tally.undecided += 1
        case Verdict.NONE:
            pass
