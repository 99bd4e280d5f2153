"""Two histories of the same tickets side by side: which promises were kept, and whose verdict is another."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

import msgspec

from domain.clock.clocks import Clock, Clocks, Stage, Verdict, verdict
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.clock.policy import Kind, Policies
from domain.envelope import Event
from domain.ticket.events import TicketEvent, TicketFact
from domain.ticket.state import Ticket, evolve

Dimension = Literal["department", "group", "priority", "month"]


class Judged(msgspec.Struct, frozen=True):
    """A clock with its verdict, and where its ticket was when the clock ended, or is.

    ``round`` counts what was promised of its kind: a clock that another replaced is of the same round as that one.
    """

    clock: Kind
    round: int
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
    """A promise whose verdict would be another; where a history does not know it, there is no verdict."""

    number: int
    clock: Kind
    round: int
    recorded: Verdict
    supposed: Verdict


class Turned(NamedTuple):
    """From one verdict to another."""

    clock: Kind
    recorded: Verdict
    supposed: Verdict


class Comparison:
    """What has been compared so far: ``lines`` by clock, policy and the dimensions asked for, and what changes.

    Of what changes the first ``limit`` are kept by name, of all of it the counts.
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

    def add(self, number: int, opened_at: datetime, recorded: Sequence[Judged], supposed: Sequence[Judged]) -> None:
        """Count one ticket."""
        self.tickets += 1
        month = f"{opened_at.astimezone(self._zone):%Y-%m}"
        for one in recorded:
            _count(self._line(one, month).recorded, one.verdict)
        for one in supposed:
            _count(self._line(one, month).supposed, one.verdict)
        before, after = _rounds(recorded), _rounds(supposed)
        changes = [
            Changed(number, *name, was, would)
            for name in sorted(before.keys() | after.keys())
            if (was := before.get(name, Verdict.NONE)) is not (would := after.get(name, Verdict.NONE))
        ]
        self.tickets_changed += bool(changes)
        self.turned.update(Turned(change.clock, change.recorded, change.supposed) for change in changes)
        self.changed += changes[: max(0, self._limit - len(self.changed))]

    def _line(self, judged: Judged, month: str) -> Line:
        dimensions = {
            "department": judged.department,
            "group": judged.group,
            "priority": str(judged.priority),
            "month": month,
        }
        key = (judged.clock.value, judged.policy, *(dimensions[dimension] for dimension in self.by))
        return self.lines.setdefault(key, Line())


def judged(events: Iterable[Event], at: datetime, policies: Policies) -> list[Judged]:
    """The clocks of the ticket whose events these are, each with its verdict as of ``at``.

    As in the view of clocks, one that ended stays where its ticket was then. Raises UnknownPolicy.
    """
    clocks, ticket = Clocks(), Ticket()
    places: dict[tuple[Kind, int], tuple[Clock, Ticket]] = {}
    for event in events:
        if not isinstance(event, TicketEvent) or event.effective_at > at:
            continue
        ticket = evolve(ticket, cast(TicketFact, event))
        mark = mark_of(event)
        if mark is None:
            continue
        clocks = advance(clocks, mark, policies)
        for clock in clocks:
            known = places.get((clock.kind, clock.instance))
            settled = known is not None and not known[0].unfinished and not clock.unfinished
            places[clock.kind, clock.instance] = (clock, known[1] if known is not None and settled else ticket)
    rounds: Counter[Kind] = Counter()
    found = []
    for _, (clock, place) in sorted(places.items(), key=lambda item: item[0]):
        found.append(_judged(clock, rounds[clock.kind] + 1, ticket if clock.unfinished else place, at))
        rounds[clock.kind] += clock.stage is not Stage.REPLACED
    return found


def _judged(clock: Clock, number: int, ticket: Ticket, at: datetime) -> Judged:
    policy = "" if clock.policy is None else clock.policy.policy
    said = verdict(clock, at)
    return Judged(clock.kind, number, policy, said, ticket.department, ticket.group, ticket.priority)


def _rounds(judged: Iterable[Judged]) -> dict[tuple[Kind, int], Verdict]:
    """The verdict of each round: that of its last clock, unless one before was breached."""
    verdicts: dict[tuple[Kind, int], Verdict] = {}
    for one in judged:
        if verdicts.get((one.clock, one.round)) is not Verdict.BREACHED:
            verdicts[one.clock, one.round] = one.verdict
    return verdicts


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
