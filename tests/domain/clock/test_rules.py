"""The rules of the three clocks, one by one. Monday to Friday 09:00–17:00 UTC; days are those of March 2026."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.clock.calendar import Calendar
from domain.clock.clocks import Cause, Clock, Clocks, Stage, UnknownPolicy, Verdict, at_risk, left, verdict
from domain.clock.folding import fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policy, PolicyRef, Target, Unit

OFFICE = Calendar(name="office", version=1, zone="UTC", weekly=(((540, 1020),),) * 5 + ((), ()))
TARGETS = {Kind.FIRST_RESPONSE: Target(120), Kind.NEXT_RESPONSE: Target(240), Kind.RESOLUTION: Target(960)}
LATER = datetime(2026, 12, 1, tzinfo=UTC)


def policy(name: str = "standard", calendar: Calendar = OFFICE, **more: object) -> Policy:
    fields: dict[str, object] = {"targets": TARGETS} | more
    return Policy(name=name, version=1, calendar=calendar, **fields)  # type: ignore[arg-type]


def on(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of March 2026; the 2nd, 9th and 16th are Mondays."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def life(
    *facts: tuple[Fact, datetime] | tuple[Fact, datetime, dict[str, object]], under: Policy | None = None
) -> Clocks:
    """The clocks of a ticket opened on Monday the 2nd at 10:00, to which these facts then happened."""
    start = under or policy()
    marks = [
        Mark(fact=Fact.OPENED, at=on(2, 10), version=1),
        Mark(fact=Fact.ATTACHED, at=on(2, 10), version=2, policy=start.ref),
    ]
    known: dict[PolicyRef, Policy] = {start.ref: start}
    for fact, at, *rest in facts:
        more = dict(rest[0]) if rest else {}
        named = more.pop("under", None)
        if isinstance(named, Policy):
            known[named.ref] = named
            more["policy"] = named.ref
        marks.append(Mark(fact=fact, at=at, version=len(marks) + 1, **more))  # type: ignore[arg-type]
    return fold(marks, known)


def first(clocks: Clocks) -> Clock:
    assert clocks.first is not None
    return clocks.first


def following(clocks: Clocks) -> Clock:
    assert clocks.next is not None
    return clocks.next


def resolution(clocks: Clocks) -> Clock:
    assert clocks.resolution is not None
    return clocks.resolution


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


@pytest.mark.parametrize("fact", Fact)
def test_clocks_can_hear_of_every_fact(fact: Fact) -> None:
    assert life((fact, on(2, 11))).version == 3


def test_opening_starts_first_response_and_resolution_and_the_combined_due_is_the_earlier() -> None:
    clocks = life()
    assert clocks.next is None
    assert first(clocks).due_at == clocks.due_at == on(2, 12)
    assert resolution(clocks).due_at == on(4, 10)


def test_first_response_stops_at_the_first_public_reply_and_at_no_later_one() -> None:
    clocks = life((Fact.AGENT_REPLIED, on(2, 11)), (Fact.AGENT_REPLIED, on(2, 15)))
    assert first(clocks).stopped_at == on(2, 11)
    assert verdict(first(clocks), LATER) is Verdict.MET
    assert len(first(clocks).stops) == 1


def test_resolving_stops_every_clock() -> None:
    clocks = life((Fact.RESOLVED, on(2, 11)))
    assert [(clock.stage, verdict(clock, LATER)) for clock in clocks] == [(Stage.STOPPED, Verdict.MET)] * 2


def test_closing_unanswered_stops_resolution_and_credits_nobody_with_a_response() -> None:
    clocks = life((Fact.CLOSED, on(2, 11)))
    assert verdict(resolution(clocks), LATER) is Verdict.MET
    assert first(clocks).stage is Stage.CANCELLED
    assert verdict(first(clocks), LATER) is Verdict.NONE


def test_closing_what_is_resolved_changes_no_clock() -> None:
    closed = life((Fact.RESOLVED, on(2, 11)), (Fact.CLOSED, on(12, 11)))
    assert list(closed) == list(life((Fact.RESOLVED, on(2, 11))))


def test_next_response_counts_from_the_oldest_unanswered_message() -> None:
    clocks = life(
        (Fact.AGENT_REPLIED, on(2, 11)),
        (Fact.REQUESTER_REPLIED, on(2, 12)),
        (Fact.REQUESTER_REPLIED, on(2, 15)),
    )
    assert following(clocks).started_at == on(2, 12)
    assert following(clocks).due_at == on(2, 16)


def test_each_round_is_its_own_instance() -> None:
    clocks = life(
        (Fact.AGENT_REPLIED, on(2, 11)),
        (Fact.REQUESTER_REPLIED, on(2, 12)),
        (Fact.AGENT_REPLIED, on(2, 13)),
        (Fact.REQUESTER_REPLIED, on(3, 9)),
    )
    (earlier,) = clocks.past
    assert (earlier.instance, earlier.elapsed, earlier.stage) == (1, hours(1), Stage.STOPPED)
    assert (following(clocks).instance, following(clocks).due_at) == (2, on(3, 13))


def test_next_response_does_not_start_before_the_first_response() -> None:
    assert life((Fact.REQUESTER_REPLIED, on(2, 11))).next is None


def test_no_response_clock_runs_while_the_requester_is_the_assignee() -> None:
    clocks = life((Fact.ASSIGNED, on(2, 11), {"to_requester": True}))
    assert (first(clocks).stage, first(clocks).due_at) == (Stage.WAIVED, None)
    assert resolution(clocks).stage is Stage.RUNNING
    handed_over = life((Fact.ASSIGNED, on(2, 11), {"to_requester": True}), (Fact.ASSIGNED, on(2, 15)))
    assert first(handed_over).due_at == on(2, 16)
    resolved = life((Fact.ASSIGNED, on(2, 11), {"to_requester": True}), (Fact.RESOLVED, on(2, 15)))
    assert verdict(first(resolved), LATER) is Verdict.NONE


def test_only_the_reasons_that_the_policy_lists_pause() -> None:
    vendor = life((Fact.HELD, on(2, 11), {"reason": "vendor"}))
    assert resolution(vendor).stage is Stage.RUNNING
    requester = life((Fact.HELD, on(2, 11), {"reason": "requester"}))
    assert resolution(requester).stage is Stage.PAUSED
    assert first(requester).stage is Stage.RUNNING
    asked = policy(pauses={Kind.FIRST_RESPONSE: frozenset({"requester"})})
    assert first(life((Fact.HELD, on(2, 11), {"reason": "requester"}), under=asked)).stage is Stage.PAUSED


def test_a_hold_whose_reason_changes_stops_pausing_then() -> None:
    clocks = life((Fact.HELD, on(2, 11), {"reason": "requester"}), (Fact.HELD, on(2, 14), {"reason": "vendor"}))
    assert resolution(clocks).elapsed == hours(1)
    assert resolution(clocks).running_since == on(2, 14)


def test_a_warning_reached_at_closing_time_is_not_moved_by_a_hold_over_night() -> None:
    seven_hours_warn = policy(targets={Kind.RESOLUTION: Target(560)})
    held = life((Fact.HELD, on(2, 17), {"reason": "requester"}), under=seven_hours_warn)
    assert [warning.at for warning in resolution(held).warn_at] == [on(2, 17)]
    assert at_risk(resolution(held), on(2, 18))
    resumed = life((Fact.HELD, on(2, 17), {"reason": "requester"}), (Fact.RESUMED, on(3, 9)), under=seven_hours_warn)
    assert [warning.at for warning in resolution(resumed).warned] == [on(2, 17)]
    assert [warning.share for warning in resolution(resumed).warn_at] == [0.9]
    merged = life((Fact.HELD, on(2, 17), {"reason": "requester"}), (Fact.MERGED, on(2, 17)), under=seven_hours_warn)
    assert resolution(merged).warn_at == ()


def test_a_reopened_clock_may_start_afresh_if_the_policy_says_so() -> None:
    restart = policy(on_reopen=OnReopen.RESTART)
    clocks = life((Fact.RESOLVED, on(2, 11)), (Fact.REOPENED, on(3, 9)), under=restart)
    assert (resolution(clocks).instance, resolution(clocks).started_at) == (2, on(3, 9))
    (earlier,) = clocks.past
    assert verdict(earlier, LATER) is Verdict.MET


def test_a_message_that_reopens_starts_a_round_that_counts_from_the_reopening() -> None:
    clocks = life((Fact.RESOLVED, on(2, 11)), (Fact.REQUESTER_REPLIED, on(3, 9)), (Fact.REOPENED, on(3, 10)))
    assert following(clocks).started_at == on(3, 9)
    assert following(clocks).due_at == on(3, 14)
    assert first(clocks).stage is Stage.STOPPED


def test_a_breach_before_the_resolution_survives_reopening() -> None:
    clocks = life((Fact.RESOLVED, on(6, 10)), (Fact.REOPENED, on(9, 10)))
    assert resolution(clocks).breached
    assert resolution(clocks).due_at == on(4, 10)
    assert verdict(resolution(clocks), LATER) is Verdict.BREACHED


def test_retargeting_keeps_start_elapsed_and_pauses() -> None:
    urgent = policy("urgent", targets={Kind.RESOLUTION: Target(480)})
    clocks = life(
        (Fact.HELD, on(2, 12), {"reason": "requester"}),
        (Fact.RESUMED, on(2, 15)),
        (Fact.ATTACHED, on(2, 16), {"under": urgent}),
    )
    clock = resolution(clocks)
    assert (clock.started_at, clock.elapsed, len(clock.pauses)) == (on(2, 10), hours(3), 1)
    assert (clock.target, clock.due_at) == (hours(8), on(3, 13))


def test_a_policy_may_keep_or_restart_the_clocks_it_takes_over() -> None:
    keep = policy("keep", targets={Kind.RESOLUTION: Target(60)}, on_retarget=OnRetarget.KEEP)
    clocks = life((Fact.ATTACHED, on(2, 15), {"under": keep}))
    assert resolution(clocks).due_at == on(4, 10)
    assert clocks.policy == keep.ref
    by_decision = life((Fact.RECALCULATED, on(2, 15), {"under": keep}))
    assert [breach.cause for breach in resolution(by_decision).breaches] == [Cause.RETARGET]
    restart = policy("restart", on_retarget=OnRetarget.RESTART)
    again = life((Fact.ATTACHED, on(2, 11), {"under": restart}))
    assert [clock.stage for clock in again.past] == [Stage.REPLACED, Stage.REPLACED]
    assert (resolution(again).instance, resolution(again).due_at) == (2, on(4, 11))


def test_the_new_policy_judges_the_hold_the_ticket_is_in_and_no_earlier_one() -> None:
    patient = policy("patient", pauses={Kind.RESOLUTION: frozenset({"vendor"})})
    clocks = life((Fact.HELD, on(2, 11), {"reason": "vendor"}), (Fact.ATTACHED, on(2, 14), {"under": patient}))
    assert (resolution(clocks).stage, resolution(clocks).elapsed) == (Stage.PAUSED, hours(4))


def test_another_calendar_measures_the_whole_life_anew() -> None:
    longer = Calendar(name="longer", version=1, zone="UTC", weekly=(((480, 1080),),) * 5 + ((), ()))
    clocks = life((Fact.RECALCULATED, on(3, 10), {"under": policy(calendar=longer)}))
    assert resolution(clocks).elapsed == hours(10)


def test_finished_clocks_are_never_touched_by_a_change() -> None:
    before = life((Fact.AGENT_REPLIED, on(2, 11)))
    tiny = policy("tiny", targets={kind: Target(1) for kind in Kind})
    after = life((Fact.AGENT_REPLIED, on(2, 11)), (Fact.ATTACHED, on(2, 12), {"under": tiny}))
    assert first(after) == first(before)


def test_a_clock_that_pauses_with_a_change_of_policy_gives_a_warning_it_has_passed_when_it_goes_on() -> None:
    shorter = policy(
        "shorter",
        targets={Kind.FIRST_RESPONSE: Target(75)},
        pauses={Kind.FIRST_RESPONSE: frozenset({"approval"})},
    )
    waits = [(Fact.HELD, on(2, 10, 30), {"reason": "approval"}), (Fact.ATTACHED, on(2, 11), {"under": shorter})]
    paused = first(life(*waits))
    assert (paused.stage, paused.elapsed) == (Stage.PAUSED, hours(1))
    assert paused.warned + paused.warn_at == ()
    resumed = first(life(*waits, (Fact.RESUMED, on(2, 14))))
    assert [(warning.share, warning.at) for warning in resumed.warn_at] == [
        (0.75, on(2, 14)),
        (0.9, on(2, 14, 7) + timedelta(seconds=30)),
    ]


def test_a_ticket_that_gets_its_first_policy_late_is_judged_by_it_from_the_start() -> None:
    late = policy()
    marks = [
        Mark(fact=Fact.OPENED, at=on(2, 10), version=1),
        Mark(fact=Fact.HELD, at=on(2, 11), version=2, reason="requester"),
        Mark(fact=Fact.AGENT_REPLIED, at=on(2, 14), version=3),
        Mark(fact=Fact.RESUMED, at=on(2, 15), version=4),
        Mark(fact=Fact.ATTACHED, at=on(2, 16), version=5, policy=late.ref),
    ]
    clocks = fold(marks, {late.ref: late})
    assert resolution(clocks).elapsed == hours(2)
    assert verdict(first(clocks), LATER) is Verdict.BREACHED
    assert first(clocks).breaches[0].due_at == on(2, 12)


@pytest.mark.parametrize("fact", [Fact.MERGED, Fact.CANCELLED])
def test_merged_and_cancelled_tickets_are_neither_met_nor_breached(fact: Fact) -> None:
    clocks = life((fact, on(2, 11)))
    assert {clock.stage.value for clock in clocks} == {fact.value}
    assert {verdict(clock, LATER) for clock in clocks} == {Verdict.NONE}
    assert clocks.due_at is None


def test_undoing_a_merge_lets_the_clocks_go_on_without_the_time_between() -> None:
    clocks = life((Fact.MERGED, on(2, 11)), (Fact.MERGE_REVERSED, on(3, 9)))
    assert (first(clocks).elapsed, first(clocks).due_at) == (hours(1), on(3, 10))


def test_a_breach_stands_when_the_ticket_comes_under_no_policy_any_more() -> None:
    clocks = life((Fact.ATTACHED, on(6, 10)), (Fact.RESOLVED, on(6, 11)))
    assert (resolution(clocks).target, verdict(resolution(clocks), LATER)) == (None, Verdict.BREACHED)
    in_time = life((Fact.ATTACHED, on(2, 11)), (Fact.RESOLVED, on(6, 11)))
    assert verdict(resolution(in_time), LATER) is Verdict.NONE


def test_a_clock_that_never_had_a_policy_gets_the_one_the_ticket_has_when_it_goes_on() -> None:
    keep = policy("keep", on_retarget=OnRetarget.KEEP)
    marks = [
        Mark(fact=Fact.OPENED, at=on(2, 10), version=1),
        Mark(fact=Fact.MERGED, at=on(2, 11), version=2),
        Mark(fact=Fact.ATTACHED, at=on(2, 12), version=3, policy=keep.ref),
        Mark(fact=Fact.MERGE_REVERSED, at=on(2, 13), version=4),
    ]
    clocks = fold(marks, {keep.ref: keep})
    assert (resolution(clocks).policy, resolution(clocks).due_at) == (keep.ref, on(4, 12))


def test_undoing_the_merge_of_a_resolved_ticket_leaves_it_resolved() -> None:
    clocks = life((Fact.RESOLVED, on(2, 11)), (Fact.MERGED, on(2, 12)), (Fact.MERGE_REVERSED, on(3, 9)))
    assert {clock.stage for clock in clocks} == {Stage.STOPPED}


def test_merging_twice_is_undone_once() -> None:
    clocks = life((Fact.MERGED, on(2, 11)), (Fact.MERGED, on(2, 12)), (Fact.MERGE_REVERSED, on(3, 9)))
    assert {clock.stage for clock in clocks} == {Stage.RUNNING}


def test_no_fact_takes_effect_before_the_one_it_follows() -> None:
    clocks = life((Fact.HELD, on(2, 14), {"reason": "requester"}), (Fact.RESUMED, on(2, 12)))
    assert resolution(clocks).running_since == on(2, 14)


def test_clocks_that_started_with_the_ticket_start_when_it_was_opened_after_all() -> None:
    earlier = life((Fact.REDATED, on(2, 11), {"opened_at": on(2, 9)}))
    assert [(clock.started_at, clock.elapsed) for clock in earlier] == [(on(2, 9), hours(2))] * 2
    assert (first(earlier).due_at, resolution(earlier).due_at) == (on(2, 11), on(3, 17))
    later = life((Fact.REDATED, on(3, 10), {"opened_at": on(3, 9)}))
    assert (resolution(later).started_at, resolution(later).due_at) == (on(3, 9), on(4, 17))


def test_a_clock_that_starts_at_another_time_counts_again_from_the_turns_it_took_since() -> None:
    held = ((Fact.HELD, on(2, 12), {"reason": "requester"}), (Fact.RESUMED, on(2, 15)))
    before = life(*held, (Fact.REDATED, on(2, 16), {"opened_at": on(2, 9)}))
    assert (resolution(before).elapsed, len(resolution(before).pauses)) == (hours(4), 1)
    within = life(*held, (Fact.REDATED, on(2, 16), {"opened_at": on(2, 14)}))
    assert [(turn.at, turn.stage) for turn in resolution(within).turns] == [
        (on(2, 14), Stage.PAUSED),
        (on(2, 15), Stage.RUNNING),
    ]
    assert resolution(within).elapsed == hours(1)
    still = life(held[0], (Fact.REDATED, on(2, 16), {"opened_at": on(2, 9)}))
    assert (resolution(still).stage, resolution(still).elapsed) == (Stage.PAUSED, hours(3))


def test_finished_clocks_and_later_ones_stay_when_the_ticket_was_opened_at_another_time() -> None:
    answered = ((Fact.AGENT_REPLIED, on(2, 11)), (Fact.REQUESTER_REPLIED, on(2, 12)))
    clocks = life(*answered, (Fact.REDATED, on(2, 13), {"opened_at": on(2, 9)}))
    assert (first(clocks), following(clocks)) == (first(life(*answered)), following(life(*answered)))
    assert resolution(clocks).started_at == on(2, 9)
    restart = policy(on_reopen=OnReopen.RESTART)
    again = ((Fact.RESOLVED, on(2, 11)), (Fact.REOPENED, on(3, 9)))
    afresh = life(*again, (Fact.REDATED, on(3, 10), {"opened_at": on(2, 9)}), under=restart)
    assert list(afresh) == list(life(*again, under=restart))


def test_a_breach_that_only_the_true_opening_shows_is_found_at_the_correction() -> None:
    in_time = life((Fact.REDATED, on(2, 11), {"opened_at": on(1, 8)}))
    assert (first(in_time).elapsed, first(in_time).breaches) == (hours(2), ())
    late = life((Fact.REDATED, on(2, 11, 30), {"opened_at": on(2, 9)}))
    (breach,) = first(late).breaches
    assert (breach.cause, breach.at, breach.due_at) == (Cause.RETARGET, on(2, 11, 30), on(2, 11))
    silent = life((Fact.REDATED, on(2, 11, 30), {"opened_at": on(2, 9), "silent": True}))
    assert first(silent).breaches[0].recorded


def test_a_breach_stays_on_record_when_the_ticket_was_opened_later() -> None:
    clocks = life((Fact.REDATED, on(2, 15), {"opened_at": on(2, 14)}))
    assert (first(clocks).elapsed, first(clocks).due_at) == (hours(1), on(2, 16))
    assert [(breach.cause, breach.at) for breach in first(clocks).breaches] == [(Cause.TIME, on(2, 12))]
    assert verdict(first(clocks), LATER) is Verdict.BREACHED


def test_business_days_count_from_when_the_ticket_was_opened_after_all() -> None:
    days = policy(targets={Kind.RESOLUTION: Target(5, Unit.BUSINESS_DAYS)})
    clocks = life((Fact.REDATED, on(4, 10), {"opened_at": on(3, 15)}), under=days)
    assert resolution(clocks).due_at == on(10, 15)


def test_a_correction_may_say_at_once_when_the_ticket_was_opened_and_how_it_stands() -> None:
    clocks = life((Fact.RESOLVED, on(2, 11), {"opened_at": on(2, 9)}))
    assert [(clock.stage, clock.elapsed) for clock in clocks] == [(Stage.STOPPED, hours(2))] * 2


def test_calendar_minutes_count_through_the_night() -> None:
    plain = policy(targets={Kind.RESOLUTION: Target(1440, Unit.CALENDAR_MINUTES)})
    assert resolution(life(under=plain)).due_at == on(3, 10)


def test_business_days_are_reached_at_the_same_time_some_working_days_later() -> None:
    days = policy(targets={Kind.RESOLUTION: Target(5, Unit.BUSINESS_DAYS)})
    assert resolution(life(under=days)).due_at == on(9, 10)
    held = life((Fact.HELD, on(3, 10), {"reason": "requester"}), (Fact.RESUMED, on(3, 16)), under=days)
    assert resolution(held).due_at == on(9, 16)


def test_a_clock_without_a_target_is_followed_and_never_due() -> None:
    clocks = life((Fact.AGENT_REPLIED, on(3, 11)), under=policy(targets={Kind.RESOLUTION: Target(60)}))
    assert (first(clocks).elapsed, verdict(first(clocks), LATER)) == (hours(9), Verdict.NONE)


def test_left_and_at_risk() -> None:
    known = {policy().ref: policy()}
    clock = first(life())
    assert left(clock, on(2, 11), known) == hours(1)
    assert left(clock, on(2, 13), known) == hours(-1)
    assert [at_risk(clock, on(2, 11, minute)) for minute in (29, 30, 59)] == [False, True, True]
    assert not at_risk(clock, on(2, 12, 1))


def test_a_policy_that_was_not_handed_over_is_named() -> None:
    with pytest.raises(UnknownPolicy, match="'standard' version 1 with calendar 'office' version 1"):
        fold([Mark(fact=Fact.ATTACHED, at=on(2, 10), version=1, policy=policy().ref)], {})
    with pytest.raises(ValueError, match="has no time zone"):
        fold([Mark(fact=Fact.OPENED, at=datetime(2026, 3, 2), version=1)], {})  # noqa: DTZ001
