"""The clock is killed at the worst moment, or two work at once: each warning and breach exactly once, and true."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest

from consumers.follow import follow
from consuming import Running, running
from desks import ACT, open_desk
from domain.desk import Desk
from levels import HOUR, MINUTE, kinds, levels, opened_ago, quiet
from projections.sla import sla
from stages import Stage

TICKETS = 150


@pytest.fixture
def desk(stage: Stage) -> Iterator[Desk]:
    with open_desk(stage.owner) as desk:
        desk.configure(lambda setup: levels(), ACT)
        yield desk


@pytest.fixture
def tickets(desk: Desk) -> list[UUID]:
    return [opened_ago(desk, 2 * HOUR + number * MINUTE) for number in range(TICKETS)]


@pytest.fixture
def feed(stage: Stage, desk: Desk) -> Iterator[Running]:
    with running(follow, desk, stage.world.views, [sla]) as feed:
        yield feed


def told(desk: Desk, tickets: list[UUID]) -> bool:
    """Whether the clock has told any of the tickets."""
    return any(kinds(desk, ticket)["sla.breached.v1"] for ticket in tickets)


def must_be_true(desk: Desk, tickets: list[UUID]) -> None:
    for ticket in tickets:
        opened, *rest = desk.history(ticket)
        found = [(event.TYPE, event.occurred_at) for event in rest if event.act.actor.id == "clock"]
        assert found == [
            ("sla.warned.v1", opened.occurred_at + 45 * MINUTE),
            ("sla.breached.v1", opened.occurred_at + HOUR),
        ]


def test_a_clock_is_killed_between_its_reading_and_its_command(
    stage: Stage, desk: Desk, tickets: list[UUID], feed: Running
) -> None:
    first = stage.start("clock", stop_after_reading=True)
    stage.until(lambda: first.has_said("stopping after reading"), first)
    first.kill()
    assert not told(desk, tickets)
    second = stage.start("clock")
    stage.until(lambda: quiet(stage.world.views, desk), second)
    must_be_true(desk, tickets)


def test_a_clock_that_slept_with_what_it_had_read_finds_it_told_when_it_wakes(
    stage: Stage, desk: Desk, tickets: list[UUID], feed: Running
) -> None:
    sleeper = stage.start("clock", stop_after_reading=True)
    stage.until(lambda: sleeper.has_said("stopping after reading"), sleeper)
    other = stage.start("clock")
    stage.until(lambda: quiet(stage.world.views, desk), other)
    other.kill()
    later = opened_ago(desk, 2 * HOUR)
    sleeper.wake()
    sleeper.end()
    third = stage.start("clock")
    stage.until(lambda: kinds(desk, later)["sla.breached.v1"] == 1, third)
    must_be_true(desk, tickets)


def test_clocks_are_killed_one_after_the_other_while_they_work(
    stage: Stage, desk: Desk, tickets: list[UUID], feed: Running
) -> None:
    for share in (1, 50, 100):
        clock = stage.start("clock")
        early = tickets[share - 1 :][:50]
        stage.until(partial(told, desk, early), clock)
        clock.kill()
        tickets += [opened_ago(desk, 3 * HOUR + number * MINUTE) for number in range(20)]
    last = stage.start("clock")
    stage.until(lambda: quiet(stage.world.views, desk), last)
    must_be_true(desk, tickets)
