"""What the view keeps is what the whole stream gives, whatever the batches and wherever the process runs."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from berlin import BERLIN, Connection, Desk, named, wall
from clock_rows import must_show, rows
from domain.clock.asking import clocks_of, explanations_of
from domain.clock.clocks import elapsed
from domain.envelope import Event
from domain.ticket import events as e
from domain.ticket.events import TicketEvent
from lives import POLICIES
from lives import Desk as Walk
from projections.engine import Projector, current_edition, drop_edition, install, rebuild
from projections.sla import sla

ROOT = Path(__file__).parents[3]


@pytest.fixture
def installed(connection: Connection) -> Connection:
    install(connection, (sla,))
    return connection


def streams(events: Sequence[Event]) -> dict[UUID, list[Event]]:
    found: dict[UUID, list[Event]] = defaultdict(list)
    for event in events:
        if isinstance(event, TicketEvent):
            found[event.stream].append(event)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(30, 250), tickets=st.integers(1, 9), size=st.integers(1, 40))
def test_folding_event_by_event_gives_what_the_whole_stream_gives(
    installed: Connection, seed: int, count: int, tickets: int, size: int
) -> None:
    before = current_edition(installed, sla).name
    rebuild(installed, sla, lambda position: ())
    drop_edition(installed, before)
    events = list(Walk(seed, tickets).events(count))
    projector = Projector(installed, sla, versions=POLICIES, remember=seed % 5)
    for start in range(0, count, size):
        projector.apply(events[start : start + size])
    now = rows(installed)
    middle = events[count // 2].effective_at
    then = rows(installed, middle)
    for found, at in ((now, events[-1].recorded_at), (then, middle)):
        expected = {
            (ticket, str(clock.kind), clock.instance): clock
            for ticket, life in streams(events).items()
            for clock in clocks_of((event for event in life if event.effective_at <= at), POLICIES)
        }
        assert found.keys() == expected.keys()
        for key, clock in expected.items():
            must_show(found[key], clock, at)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(30, 120))
def test_the_explanation_of_every_clock_adds_up_to_its_figure(seed: int, count: int) -> None:
    events = list(Walk(seed, 2).events(count))
    at = events[-1].recorded_at
    for life in streams(events).values():
        clocks = sorted(clocks_of(life, POLICIES), key=lambda clock: clock.started_at)
        for clock, explanation in zip(clocks, explanations_of(life, at, POLICIES), strict=True):
            assert explanation.elapsed == elapsed(clock, at, POLICIES)
            assert sum((part.counted for part in explanation.parts), timedelta()) == explanation.elapsed
            assert all(part.reason for part in explanation.parts)


def test_a_clock_is_explained_as_of_a_past_moment() -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("p", resolution=480))
    desk.then(e.TicketPutOnHold, "2026-03-30 11:00", reason="requester")
    then, now = (explanations_of(desk.events, wall(at), desk.policies)[-1] for at in ("2026-03-30 10:00", NEXT_DAY))
    assert (then.stage, then.elapsed, then.due_at) == ("running", now.elapsed / 2, wall("2026-03-30 17:00"))
    assert [part.reason for part in now.parts] == ["counted", "on hold: requester"]


NEXT_DAY = "2026-03-31 10:00"

ASK_ELSEWHERE = """
import sys
import msgspec, psycopg
from datetime import datetime, timedelta
from test_recomputation import life
from projections.engine import Projector, install
from projections.sla import sla
from projections.sla.attainment import attainment
desk = life()
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    desk.shown(connection, (3,))
    connection.execute("SET TimeZone TO 'UTC'")
    columns = "clock, instance, number, stage, verdict, elapsed, target, started_at, due_at, breaches_after, decided_at"
    rows = connection.execute(f"SELECT ({columns})::text FROM sla.clocks ORDER BY number, clock, instance").fetchall()
    since, until = (datetime.fromisoformat(text) for text in sys.argv[2:])
    asked = {"now": until, "by": ("clock",), "bucket": "day", "zone": "Europe/Berlin"}
    found = attainment(connection, None, since, until, **asked)
    shares = [(share.of, share.period.timestamp(), share.met, share.decided) for share in found]
print(msgspec.json.encode([rows, shares]).decode())
"""


def life() -> Desk:
    """Tickets around a change of the clocks."""
    desk = Desk()
    policy = desk.policy("p", first_response=240, next_response=60, resolution=480)
    for number, opened in enumerate(("2026-03-27 16:00", "2026-03-28 13:00", "2026-10-23 16:30"), start=1):
        desk.opened(opened, policy, number)
    desk.then(e.AgentReplied, "2026-03-30 12:00", 1, text="yes").then(e.AgentReplied, "2026-03-30 16:00", 2, text="no")
    desk.then(e.RequesterReplied, "2026-03-30 16:30", 2, text="but").then(
        e.SlaRetargeted, "2026-03-30 16:45", 2, **_other(desk)
    )
    return desk.then(e.TicketResolved, "2026-10-26 12:00", 3, code="done")


def _other(desk: Desk) -> dict[str, Any]:
    return {**named(desk.policy("q", resolution=60)), "cause": "tier"}


def test_figures_do_not_depend_on_where_the_process_runs(databases: Any) -> None:
    answers = set()
    for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
        dsn = databases.fresh()
        path = os.pathsep.join((str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)))
        told = subprocess.run(
            [sys.executable, "-c", ASK_ELSEWHERE, dsn, "2026-03-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"],
            env={**os.environ, "TZ": zone, "PGTZ": zone, "PYTHONPATH": path},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        databases.drop(dsn)
        assert told.returncode == 0, told.stderr
        answers.add(told.stdout)
    (answer,) = answers
    shown, shares = msgspec.json.decode(answer)
    assert len(shown) == 7
    assert shares[0] == [{"clock": "first_response"}, datetime(2026, 3, 30, tzinfo=BERLIN).timestamp(), 1, 2]
