"""Durations in answers are minutes."""

from datetime import timedelta

import msgspec
import pytest

from api.clocks.shapes import (
    BreachShown,
    ChangeShown,
    ClockExplained,
    ClockListed,
    PartShown,
    StepShown,
    StopShown,
    TakenShown,
    WarningShown,
    minutes,
)
from domain.clock.clocks import Breach, StepDue, Stop, Taken, Warned
from domain.clock.explain import Change, Explanation, Part
from projections.sla.entries import ClockEntry


@pytest.mark.parametrize(
    ("duration", "told"),
    [
        (timedelta(days=1), b"1440"),
        (timedelta(seconds=90), b"1.5"),
        (timedelta(minutes=-7), b"-7"),
        (timedelta(seconds=-30), b"-0.5"),
        (timedelta(0), b"0"),
    ],
)
def test_durations_are_told_in_minutes(duration, told):
    assert msgspec.json.encode(minutes(duration)) == told


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        (ClockListed, {*ClockEntry.__struct_fields__, "at_risk", "left"}),
        (ClockExplained, {*Explanation.__struct_fields__}),
        (PartShown, {*Part.__struct_fields__}),
        (BreachShown, {*Breach.__struct_fields__}),
        (StopShown, {*Stop.__struct_fields__}),
        (WarningShown, {*Warned.__struct_fields__}),
        (TakenShown, {*Taken.__struct_fields__}),
        (StepShown, {*StepDue.__struct_fields__}),
        (ChangeShown, {*Change.__struct_fields__}),
    ],
)
def test_all_that_is_known_of_a_clock_is_told(shown, known):
    assert {name.removesuffix("_minutes") for name in shown.__struct_fields__} == known
