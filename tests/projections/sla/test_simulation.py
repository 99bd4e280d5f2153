"""What the view shows, now and as of any past moment, is what counting step by step gives."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg.rows import dict_row

from berlin import LONG_AFTER, Connection, Desk
from drawn_lives import MINUTE, Life, lives, told
from projections.engine import current_edition, drop_edition, install, rebuild
from projections.sla import sla
from projections.sla.queries import Wanted, clocks_wanted
from simulation import Simulation, up_to

EVERY = ("running", "paused", "at_risk", "breached", "met")
COLUMNS = "number, clock, instance, stage, verdict, elapsed"
ENDED_OTHERWISE = "stage NOT IN ('running', 'paused') AND verdict NOT IN ('met', 'breached')"


@pytest.fixture
def installed(connection: Connection) -> Connection:
    install(connection, (sla,))
    return connection


def emptied(connection: Connection) -> None:
    """The view as on the first day."""
    before = current_edition(connection, sla).name
    rebuild(connection, sla, lambda position: ())
    drop_edition(connection, before)


Figures = dict[tuple[int, str, int], tuple[str, str, timedelta]]


def shown(connection: Connection, desk: Desk, moment: datetime, *, past: bool) -> Figures:
    """Stage, verdict and elapsed of every clock: from the lists, and from the rows of those that no list has."""
    at = moment if past else None
    now = LONG_AFTER if past else moment
    listed: list[dict[str, Any]] = []
    after = None
    while True:
        page = clocks_wanted(
            connection, None, Wanted(statuses=EVERY), now=now, at=at, policies=desk.policies, after=after, limit=4
        )
        listed.extend(page.rows)
        after = page.next
        if after is None:
            break
    source = "sla.clocks_at(%s)" if past else "sla.clocks"
    with connection.cursor(row_factory=dict_row) as cursor:
        query = f"SELECT {COLUMNS} FROM {source} WHERE {ENDED_OTHERWISE}"
        listed.extend(cursor.execute(query, (moment,) if past else None).fetchall())  # type: ignore[arg-type]
    found = {
        (row["number"], row["clock"], row["instance"]): (row["stage"], row["verdict"], row["elapsed"]) for row in listed
    }
    assert len(found) == len(listed)
    return found


def counted(tickets: list[Life], moment: datetime) -> Figures:
    """The same by counting, up to that moment."""
    figures: Figures = {}
    for number, life in enumerate(tickets, start=1):
        moves = up_to(life.moves, moment)
        if moves:
            simulation = Simulation(life.step).lived(moves, moment)
            for watch in simulation.all:
                name = (number, watch.kind, watch.instance)
                figures[name] = (watch.stage, simulation.verdict(watch), simulation.elapsed(watch))
    return figures


def must_agree(connection: Connection, tickets: list[Life], size: int, shares: list[int]) -> None:
    emptied(connection)
    desk = Desk()
    for number, life in enumerate(tickets, start=1):
        told(life, desk, number)
    in_order = sorted(desk.events, key=lambda event: event.recorded_at)
    desk.events = [replace(event, position=position) for position, event in enumerate(in_order, start=1)]
    desk.shown(connection, (size,))
    end = max(life.until for life in tickets)
    begin = min(life.moves[0].at for life in tickets)
    if end - begin < timedelta(days=20):
        assert shown(connection, desk, end, past=False) == counted(tickets, end)
    for number, (life, share) in enumerate(zip(tickets, shares, strict=False), start=1):
        start = life.moves[0].at
        moment = start + (life.until - start) // MINUTE * share // 1000 * MINUTE
        found = shown(connection, desk, moment, past=True)
        own = {(kind, instance): figure for (of, kind, instance), figure in found.items() if of == number}
        assert own == {(kind, instance): figure for (_, kind, instance), figure in counted([life], moment).items()}


several = st.lists(lives(), min_size=1, max_size=3)
moments = st.lists(st.integers(0, 1000), min_size=3, max_size=3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several, st.integers(1, 9), moments)
def test_elapsed_and_verdict_from_the_view_are_what_counting_gives(
    installed: Connection, tickets: list[Life], size: int, shares: list[int]
) -> None:
    must_agree(installed, tickets, size, shares)


@pytest.mark.soak
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several, st.integers(1, 9), moments)
def test_elapsed_and_verdict_from_the_view_are_what_counting_gives_in_many_more_lives(
    installed: Connection, tickets: list[Life], size: int, shares: list[int]
) -> None:
    must_agree(installed, tickets, size, shares)
