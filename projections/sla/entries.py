"""The rows of the view: a ticket with what its clocks need for the next event, and each of its clocks by itself.

The clocks of a ticket depend on each other (a next response is asked for only after the first), so they are folded
as one row; each clock is then shown as a row of its own, which is what lists and figures read.
"""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from domain.clock.clocks import Clock, Clocks, Stage, Verdict, verdict
from projections.engine import History, View

DUE = "coalesce(due_at, 'infinity'::timestamptz)"
"""What lists are sorted by: a clock that is on hold has no due time and comes last."""

PROMISED = "stage IN ('running', 'paused') AND target IS NOT NULL"
"""Clocks that go on and have a target: what somebody has to keep an eye on."""

DEPARTMENT_TODAY = "(circumstances ->> 0)"
"""The department of a row of tickets; that of a row of clocks stays as it was when the clock ended."""

SCOPE = f"ticket IN (SELECT ticket FROM sla.tickets WHERE {DEPARTMENT_TODAY} = ANY(%(departments)s))"
"""The clocks that a caller may see: their ticket's department today decides, wherever it was then."""

sla = View("sla", 5)


class Circumstances(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a ticket is, and what kind of request it is: by these figures are told apart."""

    department: str
    group: str
    assignee: str
    priority: int
    request_type: str
    tier: str


def _is(text: str) -> msgspec.Meta:
    """What a column says, for the data dictionary."""
    return msgspec.Meta(description=text)


class ClockEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One row per clock of a ticket: what was promised, how it stands, and whether it was kept.

    All times are effective times. A row says what the events could tell: a clock that was undecided at its last event
    has been breached since once ``breaches_after`` is past. A clock that ended keeps the circumstances it ended in.
    """

    ticket: Annotated[UUID, _is("The ticket's stream.")]
    clock: Annotated[str, _is("first_response, next_response or resolution.")]
    instance: Annotated[int, _is("From 1: rounds of next responses are counted, and clocks that started afresh.")]
    number: Annotated[int, _is("The number people know the ticket by.")]
    department: Annotated[
        str, _is("The department responsible; of a clock that ended: then. So are the five that follow.")
    ]
    group: Annotated[str, _is("The group in whose queue the ticket is; empty if in none.")]
    assignee: Annotated[str, _is("The agent answerable for it; empty if nobody is.")]
    priority: Annotated[int, _is("1 (highest) to 5.")]
    request_type: Annotated[str, _is("The type of request; empty if none.")]
    tier: Annotated[str, _is("The requester's tier of service; empty if none.")]
    policy: Annotated[str | None, _is("The policy it goes by.")]
    policy_version: Annotated[int | None, _is("The version of that policy.")]
    calendar: Annotated[str | None, _is("The calendar it counts by.")]
    calendar_version: Annotated[int | None, _is("The version of that calendar.")]
    unit: Annotated[
        str | None, _is("business_minutes, calendar_minutes or business_days: what the target was given in.")
    ]
    target: Annotated[timedelta | None, _is("How long it may run; empty if nothing was promised.")]
    targeted_at: Annotated[datetime, _is("Since when it has this target.")]
    target_cause: Annotated[str, _is("Why the target was changed then; empty if it never was.")]
    stage: Annotated[str, _is("running, paused, waived, stopped, cancelled, merged, replaced or exempt.")]
    since: Annotated[datetime, _is("Since when it has been in this stage.")]
    reason: Annotated[str, _is("Why it is on hold, or what ended it.")]
    verdict: Annotated[
        str,
        _is(
            "What its last event could tell: met, breached, undecided, or none (nothing promised, cancelled or merged)."
        ),
    ]
    started_at: Annotated[datetime, _is("When it started.")]
    stopped_at: Annotated[datetime | None, _is("When it ended, however it did.")]
    elapsed: Annotated[timedelta, _is("What had counted at counted_to.")]
    counted_to: Annotated[datetime, _is("The last change; if it is running, more has counted since.")]
    due_at: Annotated[
        datetime | None,
        _is("When elapsed reaches the target if nothing more happens, or when it did or would have; empty on hold."),
    ]
    breaches_after: Annotated[
        datetime | None,
        _is("While it runs: after this instant elapsed exceeds the target, and an undecided clock is breached."),
    ]
    warns_at: Annotated[datetime | None, _is("The next warning to come.")]
    at_risk_from: Annotated[datetime | None, _is("When the first warning was or will be reached.")]
    decided_at: Annotated[
        datetime | None, _is("When met or breached came true; empty while undecided or without a verdict.")
    ]


class Entries(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The clocks of one ticket as they are shown, in the order of ``Clocks``."""

    each: tuple[ClockEntry, ...] = ()


class Reminder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reminder to come."""

    reminder: int
    at: datetime


class Reminders(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The reminders of one ticket that are to come."""

    each: tuple[Reminder, ...] = ()


class TicketClocks(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row per ticket, with what the next event needs to know of its clocks; it serves the fold and the alarms.

    A ticket that was brought over from another desk warns nobody: for it only what was asked for here falls due.
    """

    ticket: Annotated[UUID, _is("The ticket's stream.")]
    number: Annotated[int, _is("The number people know it by.")]
    imported: Annotated[bool, _is("Whether it was brought over from another desk.")]
    alarm_at: Annotated[
        datetime | None,
        _is("When something is next to be recorded, be it missed: a warning, the end of a hold …; empty if nothing."),
    ]
    held_until: Annotated[datetime | None, _is("When the hold ends by itself; empty if it does not.")]
    reminders: Annotated[Reminders, _is("The reminders to come.")]
    resolved_at: Annotated[
        datetime | None, _is("Since when it waits to be closed by itself; empty unless it is resolved.")
    ]
    circumstances: Annotated[Circumstances, _is("Where it is, and what kind of request.")]
    clocks: Annotated[Clocks, _is("Its clocks, as the next event needs them.")]
    entries: Annotated[Entries, _is("Its clocks, as the table of clocks shows them.")]


def entries_of(row: TicketClocks) -> tuple[ClockEntry, ...]:
    """Each clock of a ticket as a row of its own."""
    return row.entries.each


def shown(row: TicketClocks, clocks: Clocks, circumstances: Circumstances, cause: str | None = None) -> Entries:
    """The entries of a ticket whose clocks and circumstances were those of ``row`` and are these now.

    A clock that ended stays in the circumstances it ended in. ``cause``: why targets change, if that is what happens.
    """
    before = {id(clock): entry for clock, entry in zip(row.clocks, row.entries.each, strict=True)}
    moved = {} if circumstances is row.circumstances else msgspec.structs.asdict(circumstances)
    each = []
    for clock in clocks:
        entry = before.get(id(clock))
        if entry is None:
            entry = _anew(row, clock, circumstances, cause)
        elif moved and clock.unfinished:
            entry = msgspec.structs.replace(entry, **moved)
        each.append(entry)
    return Entries(tuple(each))


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
    ahead = clock.warn_at[0].at if clock.warn_at else None
    given = [warning.at for warning in clock.warned if warning.target == clock.target] if clock.warned else []
    return min(given if ahead is None else [*given, ahead], default=None)


def _decided(clock: Clock, said: Verdict) -> datetime | None:
    if said is Verdict.BREACHED:
        # Without a breach that stands it is one that nothing has noticed yet.
        return min((breach.at for breach in clock.breaches if breach.stands), default=clock.breaches_after)
    return clock.stopped_at if said is Verdict.MET else None


tickets = sla.table(
    "tickets",
    TicketClocks,
    key="ticket",
    indexes=(
        "(alarm_at) WHERE alarm_at IS NOT NULL",
        f"({DEPARTMENT_TODAY}, resolved_at) WHERE resolved_at IS NOT NULL",
        "(number)",
        f"({DEPARTMENT_TODAY}, ticket)",
    ),
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
