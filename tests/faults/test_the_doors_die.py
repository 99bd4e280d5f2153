"""Intake and outcomes are killed in the middle: each request is done once and has one outcome; what is none is kept."""

from random import Random

from door_stage import decided, doors_of, must_be_done_once, send, settle
from stages import Stage
from traffic import traffic

DEPARTMENTS = ("it", "hr")


def test_outcomes_are_killed_in_the_middle_of_a_transaction(stage: Stage, topics: str) -> None:
    doors = doors_of(stage, topics, DEPARTMENTS)
    made = traffic(Random(8), 100, DEPARTMENTS)
    send(stage, doors, made)
    intake = stage.start("intake")
    first = stage.start("outcomes", stop_in_transaction=3)
    stage.until(lambda: first.has_said("stopping in a transaction"), intake, first)
    second = stage.start("outcomes")
    stage.until(lambda: second.has_said("state=active"), intake, second)
    first.wake()
    settle(stage, doors, made, intake, second, first)
    must_be_done_once(stage, doors, made)


def test_two_intakes_share_and_one_dies(stage: Stage, topics: str) -> None:
    doors = doors_of(stage, topics, DEPARTMENTS)
    made = traffic(Random(9), 400, DEPARTMENTS)
    first, second, telling = stage.start("intake"), stage.start("intake"), stage.start("outcomes")
    stage.until(lambda: first.has_said("partitions=3 of=6") and second.has_said("partitions=3 of=6"), first, second)
    send(stage, doors, made)
    stage.until(lambda: decided(stage) >= 100, first, second, telling)
    first.kill()
    settle(stage, doors, made, second, telling)
    must_be_done_once(stage, doors, made)
