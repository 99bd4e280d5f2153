"""The rows of the view: a ticket with what its clocks need for the next event, and each of its clocks by itself.

The clocks of a ticket depend on each other (a next response is asked for only after the first), so they are folded
as one row; each clock is then shown as a row of its own, which is what lists and figures read.
"""

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


class ClockEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
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


class Entries(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The clocks of one ticket as they are shown, in the order of ``Clocks``."""

    each: tuple[ClockEntry, ...] = ()


class TicketClocks(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All clocks of one ticket, with what the next event needs to know.

    ``alarm_at`` is the next instant at which a warning or a breach is to be recorded, whether it lies ahead or was
    missed; None where nothing is owed, and for a ticket that was brought over from another desk, which warns nobody.
    """

    ticket: UUID
    number: int
    requester: UUID
    imported: bool
    alarm_at: datetime | None
    circumstances: Circumstances
    clocks: Clocks
    entries: Entries


def entries_of(row: TicketClocks) -> tuple[ClockEntry, ...]:
    """Each clock of a ticket as a row of its own."""
    return row.entries.each


def shown(row: TicketClocks, clocks: Clocks, circumstances: Circumstances, cause: str | None = None) -> Entries:
    """The entries of a ticket whose clocks and circumstances were those of ``row`` and are these now.

    A clock that ended stays in the circumstances it ended in. ``cause``: why targets change, if that is what happens.
    """
    before = {id(clock): entry for clock, entry in zip(row.clocks, row.entries.each, strict=True)}
    settled = circumstances is row.circumstances
    return Entries(
        tuple(
            entry
            if (entry := before.get(id(clock))) is not None and (settled or not clock.unfinished)
            else _anew(row, clock, circumstances, cause)
            for clock in clocks
        )
    )


def _anew(row: TicketClocks, clock: Clock, circumstances: Circumstances, cause: str | None) -> ClockEntry:
    kind, known = str(clock.kind), None
    for entry in row.entries.each:
        if entry.clock == kind and entry.instance == clock.instance:
            known = entry
    if known is None:
        return _entry(row, clock, circumstances, "")
    if known.stopped_at is not None and not clock.unfinished:
        names = Circumstances.__struct_fields__
        circumstances = Circumstances(*(getattr(known, name) for name in names))
    changed = cause is not None and clock.targeted_at != known.targeted_at
    return _entry(row, clock, circumstances, cause if changed and cause is not None else known.target_cause)


def _entry(row: TicketClocks, clock: Clock, where: Circumstances, cause: str) -> ClockEntry:
    turn, ref = clock.turns[-1], clock.policy
    said = verdict(clock, clock.counted_to)
    return ClockEntry(
        ticket=row.ticket,
        clock=str(clock.kind),
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
        unit=None if clock.unit is None else str(clock.unit),
        target=clock.target,
        targeted_at=clock.targeted_at,
        target_cause=cause,
        stage=str(turn.stage),
        since=turn.at,
        reason=turn.detail,
        verdict=str(said),
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
        f"(stage, verdict, {_ORDER}) WHERE {PROMISED}",
        f"(department, stage, verdict, {_ORDER}) WHERE {PROMISED}",
        f'("group", stage, verdict, {_ORDER}) WHERE {PROMISED}',
        f"(assignee, stage, verdict, {_ORDER}) WHERE {PROMISED} AND assignee <> ''",
        f"(verdict, {_ORDER}) WHERE verdict IN ('met', 'breached')",
        f"(at_risk_from) WHERE {PROMISED} AND verdict = 'undecided'",
        "(breaches_after) WHERE verdict = 'undecided' AND breaches_after IS NOT NULL",
    ),
)
