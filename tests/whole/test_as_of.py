"""What intervals say of a past moment is what a replay of everything that had happened by then says, for every view."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from consumers.importing import import_servicenow
from desks import as_role, open_desk
from domain.clock.configured import Configured
from domain.desk import Desk
from domain.envelope import Event
from projections.engine import current_edition, drop_edition, install, rebuild
from projections.queue import queue
from projections.queue.queries import Scope, Wanted, counts, tickets
from projections.reporting import REPORTS, Question, reporting, response_times
from projections.sla import sla
from projections.sla.attainment import attainment
from projections.sla.queries import Wanted as WantedClocks
from projections.sla.queries import clocks_wanted
from sla_check import ASKED_IN, STATUSES, configure

Connection = psycopg.Connection[Any]
VIEWS = (queue, sla, reporting)
STATES = ("new", "in_progress", "on_hold", "resolved", "closed", "cancelled")
SINCE, UNTIL = datetime(2016, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
BESIDE = {"valid_from", "from_position"}
MOMENTS = 8


@pytest.fixture
def desk(database: str, log: Path) -> Iterator[Desk]:
    """A desk under three policies that has imported the log."""
    configure(database)
    with open_desk(database, configured=False) as desk:
        import_servicenow(desk, log, ASKED_IN)
        yield desk


def moments_of(events: Sequence[Event]) -> list[datetime]:
    """Instants of events, instants just before and after one, and any between the first and the last."""
    dice = random.Random(46)
    happened = sorted(event.effective_at for event in events if event.TYPE.startswith("ticket."))
    span = happened[-1] - happened[0]
    instants = [dice.choice(happened) + dice.choice((-1, 0, 0, 1)) * timedelta(microseconds=1) for _ in range(MOMENTS)]
    return [*instants, *(happened[0] + span * dice.random() for _ in range(MOMENTS))]


def fill(connection: Connection, desk: Desk, events: Sequence[Event]) -> None:
    """The views anew, as they are when just these events have been recorded."""
    install(connection, VIEWS)
    for view in VIEWS:
        before = current_edition(connection, view).name
        rebuild(connection, view, lambda after: _beyond(events, after), versions=Configured(desk.setup))
        drop_edition(connection, before)


def _beyond(events: Sequence[Event], after: int) -> Iterator[list[Event]]:
    rest = [event for event in events if event.position > after]
    if rest:
        yield rest


def answers(connection: Connection, desk: Desk, moment: datetime, at: datetime | None) -> dict[str, Any]:
    """Every list, count, clock, share and report, as of a moment that is now, or that is past."""
    policies = Configured(desk.setup)
    everything = Wanted(states=STATES, merged=True, spam=True)
    told: dict[str, Any] = {
        "tickets": _all(
            lambda after: tickets(
                connection, Scope(departments=None), everything, sort="number", after=after, limit=500, at=at
            )
        ),
        "counts": counts(connection, Scope(departments=None), moment, states=STATES, at=at),
        "clocks": _all(
            lambda after: clocks_wanted(
                connection,
                None,
                WantedClocks(statuses=STATUSES),
                now=moment,
                at=at,
                policies=policies,
                after=after,
                limit=500,
            )
        ),
        "shares": attainment(
            connection, None, SINCE, UNTIL, now=moment, at=at, by=("policy", "clock"), bucket="month", zone=ASKED_IN
        ),
    }
    for by in ((), ("group", "priority")):
        question = Question(since=SINCE, until=UNTIL, bucket="month", zone=ASKED_IN, by=by, at=moment)
        told |= {f"{name} {by}": report(connection, question).rows for name, report in REPORTS.items()}
        told[f"next {by}"] = response_times(connection, question, "next").rows
    return told


def _all(ask: Any) -> list[dict[str, Any]]:
    """All pages of a list, without what tells since when a row has been as it is."""
    rows: list[dict[str, Any]] = []
    after = None
    while True:
        page = ask(after)
        rows += [{name: value for name, value in row.items() if name not in BESIDE} for row in page.rows]
        after = page.next
        if after is None:
            return rows


def test_every_list_clock_and_report_as_of_a_moment_is_what_a_replay_up_to_it_gives(desk: Desk, database: str) -> None:
    events = [event for page in desk.pages(0, 5_000) for event in page]
    moments = moments_of(events)
    with psycopg.connect(as_role(database, "acta_projector"), autocommit=True) as connection:
        fill(connection, desk, events)
        intervals = [answers(connection, desk, moment, at=moment) for moment in moments]
        assert any(one["clocks"] for one in intervals)
        for moment, told in zip(moments, intervals, strict=True):
            # The configuration is of today; what happened to tickets counts up to the moment.
            fill(connection, desk, [event for event in events if _counts(event, moment)])
            replayed = answers(connection, desk, moment, at=None)
            for name, answer in replayed.items():
                assert told[name] == answer, (name, moment)


def _counts(event: Event, moment: datetime) -> bool:
    return event.effective_at <= moment or (not event.TYPE.startswith("ticket.") and not event.TYPE.startswith("sla."))
