"""Retaining: tickets that were kept as long as their rule says are told to let go what they hold of persons.

The queue knows, behind an index, which closed tickets have not been let go. Each that is due gets one command,
``Expire``, and decides by its own events; what it orders, ``consumers.erasing`` carries out. So a pass may end
anywhere, or two may run at once. What a legal hold covers stays, and is told.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import psycopg

from consumers.loop import reason
from domain.access.principal import system
from domain.desk import Desk, Order
from domain.desk.forgetting import erase
from domain.desk.preserving import holds_over
from domain.envelope import Act
from domain.errors import NothingChanges, PersonNotFound, Refused, UnderLegalHold
from domain.setup.events import RetentionVersioned
from domain.setup.retention import closed_before, counts_from, kept_until
from domain.setup.state import Setup
from domain.ticket.commands.expiring import Expire
from domain.ticket.state import Ticket, fold
from projections.engine import ViewChanged, ViewMissing, complete_to, current_edition
from projections.queue import queue
from projections.queue.keeping import Kept, kept, kept_of

AT_ONCE = 128
RETAINER = system("retention")
_ACT = Act(actor=RETAINER.actor, channel="retention")
_log = logging.getLogger("acta.retention")


class Told(NamedTuple):
    """What became, or would become, of a ticket that was kept long enough: gone, held back, or failed.

    ``why`` are the holds, what failed, or from when on the rule counts.
    """

    ticket: Kept
    rule: RetentionVersioned
    outcome: Literal["due", "gone", "held", "failed"]
    why: str = ""


def due(
    connection: psycopg.Connection[Any], setup: Setup, now: datetime, *, young: bool = True
) -> Iterator[tuple[Kept, RetentionVersioned]]:
    """Every ticket that was kept long enough, with the rule that says so; by rule, the oldest first.

    ``young``: also by rules that do not count yet.
    """
    types = [request_type for _, request_type in setup.retention_in_force if request_type]
    for rule in setup.retention_in_force.values():
        if not (rule.years or rule.days) or (counts_from(rule) > now and not young):
            continue
        last: Kept | None = None
        while page := kept(
            connection,
            closed_before(rule, now),
            AT_ONCE,
            department=rule.department,
            request_type=rule.request_type,
            but_types=() if rule.request_type else types,
            after=last,
        ):
            last = page[-1]
            yield from ((one, rule) for one in page if kept_until(rule, one.closed_at) <= now)


def foreseen(desk: Desk, connection: psycopg.Connection[Any], now: datetime) -> Iterator[Told]:
    """What a pass would do now; nothing is recorded."""
    setup = desk.setup()
    for ticket, rule in due(connection, setup, now):
        holds = {hold for one, _ in _family(desk, ticket.ticket) for hold in _holds(desk, one, setup, now)}
        begins = f"the rule counts from {counts_from(rule):%Y-%m-%d %H:%M}Z" if counts_from(rule) > now else ""
        yield Told(ticket, rule, "held" if holds else "due", ", ".join(sorted(holds)) or begins)


def _holds(desk: Desk, ticket: Ticket, setup: Setup, now: datetime) -> set[str]:
    """The holds that keep a ticket, as the desk will find when it is told to let it go."""
    sealed_for = desk.keys.subjects_of(ticket.ticket, range(1, ticket.version + 1)) if setup.holds else ()
    return {hold.hold for hold in (*holds_over(setup, ticket, now), *setup.holds_on(now, persons=sealed_for))}


def shows(connection: psycopg.Connection[Any], head: int) -> bool:
    """Whether the queue shows everything up to a position: only then is it known what else is kept of a person."""
    try:
        current_edition(connection, queue)
    except (psycopg.errors.UndefinedTable, ViewMissing, ViewChanged):
        return False
    return complete_to(connection, queue.name) >= head


def retain(desk: Desk, connection: psycopg.Connection[Any], now: datetime) -> Iterator[Told]:
    """Let go what was kept long enough, ticket by ticket, as far as the queue ``shows``."""
    gone: set[UUID] = set()
    for ticket, rule in due(connection, desk.setup(), now, young=False):
        yield _let_go(desk, connection, ticket, rule, now, gone)


def _let_go(
    desk: Desk,
    connection: psycopg.Connection[Any],
    ticket: Kept,
    rule: RetentionVersioned,
    now: datetime,
    gone: set[UUID],
) -> Told:
    """A ticket with all that was merged into it; that goes first, so that the ticket is due until all of it is gone."""
    try:
        family = _family(desk, ticket.ticket)
        for person in _persons(family) if rule.persons else ():
            if not kept_of(connection, person) - gone - {one.ticket for one, _ in family}:
                _forget(desk, person, rule)
        for one, through in family:
            _expire(desk, one, through, now)
    except UnderLegalHold as held:
        return Told(ticket, rule, "held", ", ".join(held.particulars["holds"]))
    except Refused as refused:
        _log.error("consumer=retention state=failed ticket=%s reason=%r", ticket.ticket, reason(refused))
        return Told(ticket, rule, "failed", refused.code)
    gone |= {one.ticket for one, _ in family}
    return Told(ticket, rule, "gone")


def _expire(desk: Desk, ticket: Ticket, through: tuple[str, ...], now: datetime) -> None:
    command = Expire(as_of=now, through=through)
    try:
        desk.handle(Order(command=command, principal=RETAINER, ticket=str(ticket.ticket), channel="retention"))
    except NothingChanges:
        return


def _family(desk: Desk, ticket: UUID, through: tuple[str, ...] = ()) -> list[tuple[Ticket, tuple[str, ...]]]:
    """The tickets that were merged into one, and into those, at last itself; each with where it was merged into."""
    found = fold(desk.sealing.decoded(event) for event in desk.store.newer([(ticket, 0)]))
    into = (str(ticket), *through)
    merged = [one for source in sorted(found.absorbed) for one in _family(desk, source, into)]
    return [*merged, (found, through)]


def _persons(family: list[tuple[Ticket, tuple[str, ...]]]) -> set[UUID]:
    return {person for one, _ in family for person in (one.requester, *one.former_requesters)}


def _forget(desk: Desk, person: UUID, rule: RetentionVersioned) -> None:
    """Order that a person be forgotten of whom nothing else is kept; before their last ticket is let go."""
    of = rule.request_type or rule.department
    ground = f"Retention: nothing is kept of them any more ({of}, version {rule.retention_version} of the rule)"
    try:
        erase(desk, person, ground, _ACT)
    except (NothingChanges, PersonNotFound):
        return
