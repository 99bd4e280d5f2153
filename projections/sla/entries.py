"""The rows of the view: a ticket with what its clocks need for the next event, and each of its clocks by itself.

The clocks of a ticket depend on each other (a next response is asked for only after the first), so they are folded
as one row; each clock is then shown as a row of its own, which is what lists and figures read.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from domain.clock.clocks import Clock, Clocks, Stage, Verdict, verdict
from projections.engine import History, View

DUE = "coalesce(due_at, 'infinity'::timestamptz)"
"""What lists are sorted by: a clock that is on hold has no due time and comes last."""

PROMISED = "stage IN ('running', 'paused') AND target IS NOT NULL"
"""Clocks that go on and have a target: what somebody has to keep an eye on."""

sla = View("sla", 1)


class Circumstances(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a ticket is, and what kind of request it is: by these figures are told apart."""

    department: str
    group: str
    assignee: str
    priority: int
    request_type: str
    tier: str


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the next event needs. ``then``: the circumstances in which each finished clock ended, by ``name_of``.

    ``causes``: why each clock has the target it has, where that was changed.
    """

    now: Circumstances
    clocks: Clocks
    then: dict[str, Circumstances] = {}
    causes: dict[str, str] = {}


class TicketClocks(msgspec.Struct, frozen=True, kw_only=True):
    """All clocks of one ticket.

    ``alarm_at`` is the next instant at which a warning or a breach is to be recorded, whether it lies ahead or was
    missed; None where nothing is owed, and for a ticket that was brought over from another desk, which warns nobody.
    """

    ticket: UUID
    number: int
    requester: UUID
    imported: bool
    alarm_at: datetime | None
    standing: Standing


class ClockEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One clock of one ticket; ``instance`` counts the rounds of next responses, and clocks that started afresh.

    Department, group, assignee, priority, request type and tier are those of the ticket while the clock goes on, and
    stay as they were when it ended. ``stage`` has lasted since ``since``, for ``reason`` (why on hold, what ended it).
    ``elapsed`` is what had counted at ``counted_to``. ``due_at`` (while running: if nothing more happens),
    ``breaches_after`` (from then on elapsed exceeds the target), ``warns_at`` (next warning to come). From
    ``at_risk_from`` on the first warning has been reached. ``verdict`` is what the last event could tell: one that was
    undecided then is breached after ``breaches_after``; ``decided_at`` is when met or breached came true.
    ``target_cause`` says why the target was changed at ``targeted_at``; "" if it never was.
    """

    ticket: UUID
    clock: str
    instance: int
    number: int
    department: str
    group: str
    assignee: str
    priority: int
    request_type: str
    tier: str
    policy: str | None
    policy_version: int | None
    calendar: str | None
    calendar_version: int | None
    unit: str | None
    target: timedelta | None
    targeted_at: datetime
    target_cause: str
    stage: str
    since: datetime
    reason: str
    verdict: str
    started_at: datetime
    stopped_at: datetime | None
    elapsed: timedelta
    counted_to: datetime
    due_at: datetime | None
    breaches_after: datetime | None
    warns_at: datetime | None
    at_risk_from: datetime | None
    decided_at: datetime | None


def name_of(clock: Clock) -> str:
    """What tells a clock from the others of its ticket."""
    return f"{clock.kind.value} {clock.instance}"


def entries_of(row: TicketClocks) -> Iterator[ClockEntry]:
    """Each clock of a ticket as a row of its own."""
    standing = row.standing
    for clock in standing.clocks:
        name = name_of(clock)
        where = standing.now if clock.unfinished else standing.then[name]
        yield _entry(row, clock, where, standing.causes.get(name, ""))


def _entry(row: TicketClocks, clock: Clock, where: Circumstances, cause: str) -> ClockEntry:
    turn, ref = clock.turns[-1], clock.policy
    said = verdict(clock, clock.counted_to)
    return ClockEntry(
        ticket=row.ticket,
        clock=clock.kind.value,
        instance=clock.instance,
        number=row.number,
        department=where.department,
        group=where.group,
        assignee=where.assignee,
        priority=where.priority,
        request_type=where.request_type,
        tier=where.tier,
        policy=None if ref is None else ref.policy,
        policy_version=None if ref is None else ref.version,
        calendar=None if ref is None else ref.calendar,
        calendar_version=None if ref is None else ref.calendar_version,
        unit=None if clock.unit is None else clock.unit.value,
        target=clock.target,
        targeted_at=clock.targeted_at,
        target_cause=cause,
        stage=turn.stage.value,
        since=turn.at,
        reason=turn.detail,
        verdict=said.value,
        started_at=clock.started_at,
        stopped_at=clock.stopped_at,
        elapsed=clock.elapsed,
        counted_to=clock.counted_to,
        due_at=_due(clock),
        breaches_after=clock.breaches_after,
        warns_at=clock.warn_at[0].at if clock.warn_at else None,
        at_risk_from=_at_risk_from(clock),
        decided_at=_decided(clock, said),
    )


def _due(clock: Clock) -> datetime | None:
    """When the target was or will be reached; of a clock that was met, when it would have been."""
    if clock.stage is Stage.STOPPED and clock.stops:
        return clock.stops[-1].due_at or clock.reached
    return clock.due_at or clock.reached


def _at_risk_from(clock: Clock) -> datetime | None:
    given = [warning.at for warning in clock.warned if warning.target == clock.target]
    ahead = [warning.at for warning in clock.warn_at[:1]]
    return min((*given, *ahead), default=None)


def _decided(clock: Clock, said: Verdict) -> datetime | None:
    if said is Verdict.BREACHED:
        return min(breach.at for breach in clock.breaches if breach.stands)
    return clock.stopped_at if said is Verdict.MET else None


tickets = sla.table(
    "tickets", TicketClocks, key="ticket", indexes=("(alarm_at) WHERE alarm_at IS NOT NULL", "(number)")
)

_ORDER = f"({DUE}), number, clock, instance"
clocks = sla.parts(
    "clocks",
    ClockEntry,
    of=tickets,
    parts_of=entries_of,
    key=("ticket", "clock", "instance"),
    history=History(by=(("stage", "department"), ("decided_at",))),
    indexes=(
        f"({_ORDER}) WHERE {PROMISED}",
        f"(department, {_ORDER}) WHERE {PROMISED}",
        f'("group", {_ORDER}) WHERE {PROMISED}',
        f"(assignee, {_ORDER}) WHERE {PROMISED} AND assignee <> ''",
        f"(verdict, {_ORDER}) WHERE verdict IN ('met', 'breached')",
        "(breaches_after) WHERE breaches_after IS NOT NULL",
    ),
)
