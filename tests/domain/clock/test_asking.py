"""A ticket's clocks from its events: what changed their target, and why."""

from datetime import timedelta

from berlin import Desk, named, wall
from domain.clock.asking import explanations_of
from domain.clock.wording import render
from domain.ticket import events as e

HOUR = timedelta(hours=1)


def test_a_changed_target_is_told_with_its_cause_and_both_due_times() -> None:
    desk = Desk()
    silver, gold = desk.policy("silver", resolution=480), desk.policy("gold", resolution=240)
    desk.opened("2026-03-30 09:00", silver)
    desk.then(e.SlaRetargeted, "2026-03-30 15:00", **named(gold), cause="prioritise")
    resolution = explanations_of(desk.events, wall("2026-03-30 16:00"), desk.policies)[-1]
    (change,) = resolution.changes
    assert (change.cause, change.elapsed) == ("prioritise", 6 * HOUR)
    assert (change.old_policy, change.old_target, change.policy, change.target) == (silver, 8 * HOUR, gold, 4 * HOUR)
    assert (change.old_due_at, change.due_at) == (wall("2026-03-30 17:00"), wall("2026-03-30 13:00"))
    told = render(resolution).splitlines()
    assert told[-2:] == [
        "  retargeted Mon 2026-03-30 15:00 (prioritise) at 6:00: 8:00 by silver version 1 → 4:00 by gold version 1; "
        "due Mon 2026-03-30 17:00 → Mon 2026-03-30 13:00",
        "  breached Mon 2026-03-30 15:00: target 4:00, due Mon 2026-03-30 13:00, by the change of target",
    ]


def test_coming_under_the_first_policy_at_the_start_is_no_change() -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("silver", resolution=480))
    assert all(not one.changes for one in explanations_of(desk.events, wall("2026-03-30 16:00"), desk.policies))


def test_a_change_is_not_known_before_it_happened() -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("silver", resolution=480))
    gold = desk.policy("gold", resolution=240)
    desk.then(e.SlaRetargeted, "2026-03-30 15:00", **named(gold), cause="prioritise")
    resolution = explanations_of(desk.events, wall("2026-03-30 14:59"), desk.policies)[-1]
    assert (resolution.changes, resolution.target) == ((), 8 * HOUR)
