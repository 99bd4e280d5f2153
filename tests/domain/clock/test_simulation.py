"""Every figure of every clock is what counting step by step gives, for any calendar and any life of a ticket."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berlin import Desk
from domain.clock.asking import clocks_of, explanations_of
from domain.clock.clocks import Clock, Clocks, Verdict, elapsed, verdict
from domain.clock.policy import Policies
from drawn_lives import MINUTE, Life, lives, told
from simulation import Simulation, Watch, up_to

INSTANT = timedelta(microseconds=1)
DAYS_AHEAD = 6


def by_name(clocks: Clocks) -> Mapping[tuple[str, int], Clock]:
    return {(str(clock.kind), clock.instance): clock for clock in clocks}


def by_name_of(simulation: Simulation) -> Mapping[tuple[str, int], Watch]:
    return {(watch.kind, watch.instance): watch for watch in simulation.all}


def must_agree(life: Life) -> None:
    """The folded clocks say of the present and of what is to come what the simulation counts."""
    desk = Desk()
    told(life, desk)
    clocks = by_name(clocks_of(desk.events, desk.policies))
    simulation = Simulation(life.step).lived(life.moves, life.until)
    watches = by_name_of(simulation)
    assert clocks.keys() == watches.keys()
    for name, watch in watches.items():
        clock = clocks[name]
        assert (clock.stage, clock.started_at, clock.target) == (watch.stage, watch.started, watch.target), name
        assert elapsed(clock, life.until, desk.policies) == simulation.elapsed(watch), name
        assert verdict(clock, life.until) == simulation.verdict(watch), name
    must_foresee(clocks, simulation, desk.policies)


def must_foresee(clocks: Mapping[tuple[str, int], Clock], simulation: Simulation, policies: Policies) -> None:
    """Due times, breaches and warnings, past and to come, are where counting on reaches them."""
    for watch, counted in simulation.ahead(DAYS_AHEAD):
        clock = clocks[watch.kind, watch.instance]
        now = simulation.now
        assert now is not None
        assert elapsed(clock, now, policies) == counted
        due = clock.due_at if watch.stage == "running" else clock.reached
        assert (due if due is None or due <= now else None) == watch.reached
        shown = [(breach.target, breach.at, breach.due_at, str(breach.cause)) for breach in clock.breaches]
        ahead = clock.breaches_after
        if ahead is not None and ahead < now and clock.target not in [target for target, *_ in shown]:
            assert clock.due_at is not None
            shown.append((watch.target, ahead, clock.due_at, "time"))
        assert shown == watch.breaches
        warned = [*clock.warned, *clock.warn_at]
        told = [(warning.share, warning.target, warning.at) for warning in warned if warning.at < now]
        assert told == watch.warned


@settings(max_examples=40, deadline=None)
@given(lives())
def test_every_figure_is_what_counting_gives(life: Life) -> None:
    must_agree(life)


@pytest.mark.soak
@settings(max_examples=4_000, deadline=None)
@given(lives())
def test_every_figure_is_what_counting_gives_in_many_more_lives(life: Life) -> None:
    must_agree(life)


@settings(max_examples=25, deadline=None)
@given(lives(), st.integers(0, 10_000))
def test_a_replay_up_to_any_moment_is_what_was_counted_then(life: Life, share: int) -> None:
    begin = life.moves[0].at
    moment = begin + (life.until - begin) // MINUTE * share // 10_000 * MINUTE
    desk = Desk()
    told(life, desk)
    explained = explanations_of(desk.events, moment, desk.policies)
    simulation = Simulation(life.step).lived(up_to(life.moves, moment), moment)
    figures = {(part.kind, part.instance): (part.elapsed, str(part.verdict)) for part in explained}
    counted = {(w.kind, w.instance): (simulation.elapsed(w), simulation.verdict(w)) for w in simulation.all}
    assert figures == counted


def test_the_simulation_itself_knows_the_worked_examples() -> None:
    """A second opinion is worth something only if it is right where the answer is known."""
    from simulation import Hours, Move, Terms

    office = Hours("Europe/Berlin", (((540, 1020),),) * 5 + ((), ()))
    policy = Terms("p", office, {"first_response": 240, "next_response": 240, "resolution": 480})
    opened = datetime(2026, 3, 27, 15, tzinfo=UTC)
    simulation = Simulation(MINUTE).lived([Move(opened, "open", policy)], opened)
    first = next(watch for watch, _ in simulation.ahead(5) if watch.kind == "first_response")
    assert first.reached == datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert [at for _, _, at in first.warned] == [
        datetime(2026, 3, 30, 9, tzinfo=UTC),
        datetime(2026, 3, 30, 9, 36, tzinfo=UTC),
    ]
    assert [at for _, at, _, _ in first.breaches] == [datetime(2026, 3, 30, 10, tzinfo=UTC)]


assert Verdict.NONE == "none"
