"""Bugs that other desks have had in their clocks, one of each class: ours must not.

Monday to Friday 09:00–17:00 in Berlin unless said; a target of eight hours is one working day.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from berlin import WEEKDAYS, Desk, named, office, wall
from domain.clock.asking import clocks_of, explanations_of
from domain.clock.clocks import Clock, Clocks, Stage, Verdict, elapsed, verdict
from domain.clock.policy import Kind, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.clock.recording import owed
from domain.ticket import events as e

LATER = wall("2026-12-01 12:00")
INSTANT = timedelta(microseconds=1)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def clocks(desk: Desk, at: datetime | None = None) -> Clocks:
    return clocks_of((event for event in desk.events if at is None or event.effective_at <= at), desk.policies)


def resolution(desk: Desk, at: datetime | None = None) -> Clock:
    clock = clocks(desk, at).resolution
    assert clock is not None
    return clock


def one_day(desk: Desk) -> PolicyRef:
    return desk.policy("day", resolution=480)


def held_over_a_weekend() -> Desk:
    desk = Desk()
    desk.opened("2026-03-20 15:00", one_day(desk))
    desk.then(e.TicketPutOnHold, "2026-03-20 16:00", reason="requester")
    return desk.then(e.TicketResumed, "2026-03-23 10:00")


# --- pauses -----------------------------------------------------------------------------------------------------------


def test_a_pause_is_not_counted_in_wall_clock_time() -> None:
    desk = held_over_a_weekend()
    assert resolution(desk).due_at == wall("2026-03-23 17:00")
    assert elapsed(resolution(desk), wall("2026-03-23 11:00"), desk.policies) == hours(2)


def test_a_pause_is_not_lost_when_the_priority_changes() -> None:
    desk = held_over_a_weekend()
    other = desk.policy("half", resolution=240)
    desk.then(e.SlaRetargeted, "2026-03-23 10:30", **named(other), cause="priority")
    assert (resolution(desk).elapsed, resolution(desk).due_at) == (hours(1.5), wall("2026-03-23 13:00"))


def test_a_pause_is_not_lost_when_resolved_from_hold() -> None:
    desk = Desk()
    desk.opened("2026-02-02 09:00", one_day(desk)).then(e.TicketPutOnHold, "2026-02-02 11:00", reason="requester")
    desk.then(e.TicketResolved, "2026-08-03 12:00", code="done")
    assert (resolution(desk).elapsed, verdict(resolution(desk), LATER)) == (hours(2), Verdict.MET)


def test_nothing_breaches_while_it_is_paused() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketPutOnHold, "2026-03-23 10:00", reason="requester")
    assert resolution(desk).due_at is None
    assert owed(clocks(desk), LATER) == ()
    assert verdict(resolution(desk), LATER) is Verdict.UNDECIDED


def test_a_pause_does_not_follow_what_a_hold_reason_means_today() -> None:
    """Which reasons pause is part of the policy version: a later version that sees it otherwise rewrites nothing."""
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketPutOnHold, "2026-03-23 10:00", reason="vendor")
    desk.then(e.TicketResumed, "2026-03-23 14:00")
    hours_now = calendar_from("of day", 1, **office())
    pausing = {"targets": {"resolution": {"minutes": 480}}, "pauses": {"resolution": ["vendor"]}}
    newer = policy_from("day", 2, hours_now, pausing)
    desk.policies[newer.ref] = newer
    assert elapsed(resolution(desk), wall("2026-03-23 14:00"), desk.policies) == hours(5)
    desk.then(e.SlaRetargeted, "2026-03-23 15:00", **named(newer.ref), cause="recalculation")
    assert elapsed(resolution(desk), wall("2026-03-23 15:00"), desk.policies) == hours(6)


def test_an_answer_that_ends_the_hold_lets_the_clock_run_at_once() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketPutOnHold, "2026-03-23 10:00", reason="requester")
    desk.then(e.RequesterReplied, "2026-03-23 14:00", text="here").then(e.TicketResumed, "2026-03-23 14:00")
    assert (resolution(desk).stage, resolution(desk).due_at) == (Stage.RUNNING, wall("2026-03-24 13:00"))


# --- time zones, daylight saving, calendars ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "due"),
    [("2026-03-29 01:30", "2026-03-29T01:30Z"), ("2026-10-25 01:30", "2026-10-25T00:30Z")],
    ids=["an hour is skipped", "an hour is repeated"],
)
def test_an_hour_is_an_hour_on_the_night_when_clocks_change(opened: str, due: str) -> None:
    desk = Desk()
    always = {"zone": "Europe/Berlin", "openings": {"sunday": [("00:00", "24:00")]}}
    desk.opened(opened, desk.policy("hour", always, resolution=60))
    assert resolution(desk).due_at == datetime.fromisoformat(due)


def test_times_of_one_zone_are_not_subtracted_on_the_wall() -> None:
    desk = Desk()
    night = {"zone": "Europe/Berlin", "openings": dict.fromkeys(("saturday", "sunday"), (("00:00", "24:00"),))}
    desk.opened("2026-03-28 22:00", desk.policy("p", night, resolution=600))
    assert elapsed(resolution(desk), wall("2026-03-29 06:00"), desk.policies) == hours(7)


@pytest.fixture(params=["UTC", "Asia/Riyadh", "Asia/Kolkata", "America/Sao_Paulo"])
def somewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """This process, with its wall in another zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_figures_do_not_depend_on_the_zone_of_the_server(somewhere: str) -> None:
    desk = held_over_a_weekend()
    assert resolution(desk).due_at == datetime(2026, 3, 23, 16, tzinfo=UTC)
    (shown,) = (part for part in explanations_of(desk.events, LATER, desk.policies) if part.kind == Kind.RESOLUTION)
    assert shown.verdict is Verdict.BREACHED


def test_a_holiday_is_a_date_where_the_calendar_is_not_a_date_in_utc() -> None:
    desk = Desk()
    auckland = {
        "zone": "Pacific/Auckland",
        "openings": dict.fromkeys(WEEKDAYS, (("09:00", "17:00"),)),
        "holidays": {"2026-01-01": "New Year's Day", "2026-01-02": "Day after New Year's Day"},
    }
    desk.opened(datetime(2025, 12, 31, 3, tzinfo=UTC), desk.policy("p", auckland, resolution=120))
    # One hour on Wednesday until 17:00 there; Thursday and Friday are holidays; Monday 10:00 there is Sunday 21:00Z.
    assert resolution(desk).due_at == datetime(2026, 1, 4, 21, tzinfo=UTC)


def test_a_lunch_hour_does_not_count() -> None:
    desk = Desk()
    lunch = {"zone": "Europe/Berlin", "openings": dict.fromkeys(WEEKDAYS, (("09:00", "12:00"), ("13:00", "17:00")))}
    desk.opened("2026-03-23 11:00", desk.policy("p", lunch, resolution=120))
    assert resolution(desk).due_at == wall("2026-03-23 14:00")


def test_no_warning_falls_due_at_night() -> None:
    """Shares are of business time: three quarters of a day that began at 15:00 are reached in the morning at work."""
    desk = Desk()
    desk.opened("2026-03-23 15:00", one_day(desk))
    assert [warning.at for warning in resolution(desk).warn_at] == [wall("2026-03-24 13:00"), wall("2026-03-24 14:12")]


def test_due_at_closing_time_stays_there_and_is_breached_by_the_next_opening_only() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk))
    assert resolution(desk).due_at == wall("2026-03-23 17:00")
    assert verdict(resolution(desk), wall("2026-03-24 08:59")) is Verdict.UNDECIDED


def test_two_days_are_two_working_days_only_where_the_policy_says_business_days() -> None:
    desk = Desk()
    calendar = calendar_from("office", 1, **office())
    found = []
    for name, target in (("days", {"business_days": 2}), ("calendar", {"calendar_minutes": 2880})):
        policy = policy_from(name, 1, calendar, {"targets": {"resolution": target}})
        desk.policies[policy.ref] = policy
        desk.events.clear()
        desk.opened("2026-03-20 16:00", policy.ref, ticket=len(found) + 1)
        found.append(resolution(desk).due_at)
    assert found == [wall("2026-03-24 16:00"), wall("2026-03-22 16:00")]


# --- deadlines that move, and cannot be explained ---------------------------------------------------------------------


def test_every_deadline_that_moved_says_why_and_every_figure_adds_up() -> None:
    desk = held_over_a_weekend()
    half = desk.policy("half", resolution=240)
    desk.then(e.SlaRetargeted, "2026-03-23 10:30", **named(half), cause="priority")
    desk.then(e.TicketResolved, "2026-03-23 11:00", code="x").then(e.TicketReopened, "2026-03-24 09:00", was="resolved")
    shown = explanations_of(desk.events, wall("2026-03-24 10:00"), desk.policies)
    explanation = next(one for one in shown if one.kind == Kind.RESOLUTION)
    assert sum((part.counted for part in explanation.parts), timedelta()) == explanation.elapsed == hours(3)
    assert sum((part.end - part.start for part in explanation.parts), timedelta()) == explanation.actual
    assert all(one.end == other.start for one, other in pairwise(explanation.parts))
    reasons = [part.reason for part in explanation.parts]
    assert {"on hold: requester", "resolved, until reopened", "closed", "counted"} >= set(reasons)
    assert all(reasons)
    assert [(change.cause, change.old_due_at, change.due_at) for change in explanation.changes] == [
        ("priority", wall("2026-03-23 17:00"), wall("2026-03-23 13:00"))
    ]


def test_notes_tags_and_titles_move_no_deadline() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=240, next_response=240, resolution=480))
    before = list(clocks(desk))
    desk.then(e.TicketNoted, "2026-03-23 10:00", text="hm").then(e.TicketTagged, "2026-03-23 10:00", tag="vpn")
    desk.then(e.TitleChanged, "2026-03-23 10:00", title="VPN").then(
        e.TimeLogged, "2026-03-23 10:00", entry=1, minutes=5
    )
    desk.then(e.AgentReplied, "2026-03-23 10:00", text="we have it", automatic=True)
    assert list(clocks(desk)) == before


def test_reading_a_ticket_twice_gives_the_same_deadlines() -> None:
    desk = held_over_a_weekend()
    assert clocks(desk) == clocks(desk)
    assert resolution(desk, wall("2026-03-20 15:30")).due_at == wall("2026-03-23 15:00")


def test_a_new_version_of_a_policy_or_calendar_moves_no_deadline_by_itself() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk))
    before = resolution(desk)
    stricter = policy_from("day", 2, calendar_from("of day", 2, **office("10:00", "12:00")), {"targets": {}})
    desk.policies[stricter.ref] = stricter
    desk.then(e.TicketNoted, "2026-03-23 11:00", text="hm")
    assert resolution(desk) == before


# --- verdicts that change ---------------------------------------------------------------------------------------------


def test_a_verdict_is_not_changed_by_another_target_afterwards() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketResolved, "2026-03-23 12:00", code="done")
    met = resolution(desk)
    desk.then(e.SlaRetargeted, "2026-03-23 13:00", **named(desk.policy("hour", resolution=60)), cause="priority")
    assert resolution(desk) == met
    assert verdict(resolution(desk), LATER) is Verdict.MET


def test_a_breach_is_not_unmade_by_reopening_or_by_a_longer_target() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketResolved, "2026-03-24 12:00", code="done")
    desk.then(e.TicketReopened, "2026-03-24 13:00", was="resolved")
    week = desk.policy("week", resolution=2400)
    desk.then(e.SlaRetargeted, "2026-03-24 14:00", **named(week), cause="priority")
    desk.then(e.TicketResolved, "2026-03-24 15:00", code="done")
    assert verdict(resolution(desk), LATER) is Verdict.BREACHED
    assert [stop.target for stop in resolution(desk).stops] == [hours(8), hours(40)]
    assert [breach.target for breach in resolution(desk).breaches] == [hours(8)]


def test_the_earlier_verdict_is_kept_beside_what_a_reopened_clock_comes_to() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketResolved, "2026-03-23 12:00", code="done")
    desk.then(e.TicketReopened, "2026-03-24 09:00", was="resolved")
    assert (resolution(desk).elapsed, resolution(desk).due_at) == (hours(3), wall("2026-03-24 14:00"))
    desk.then(e.TicketResolved, "2026-03-24 16:00", code="done")
    assert [(stop.elapsed, stop.elapsed <= hours(8)) for stop in resolution(desk).stops] == [
        (hours(3), True),
        (hours(10), False),
    ]


@pytest.mark.parametrize(("late", "expected"), [(-INSTANT, Verdict.MET), (INSTANT, Verdict.BREACHED)])
def test_no_percentage_is_rounded_to_a_verdict(late: timedelta, expected: Verdict) -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", one_day(desk)).then(e.TicketResolved, wall("2026-03-23 17:00"), code="done")
    assert verdict(resolution(desk), LATER) is Verdict.MET
    other = Desk()
    other.opened("2026-03-23 09:00", desk.policy("week", resolution=2340))
    other.policies = desk.policies
    other.then(e.TicketResolved, wall("2026-03-27 16:00") + late, code="done")
    assert abs(resolution(other).elapsed / hours(39) - 1) < 1e-9
    assert verdict(resolution(other), LATER) is expected


def test_a_breach_is_dated_when_it_came_not_when_somebody_noticed() -> None:
    desk = Desk()
    desk.opened("2026-03-23 10:00", one_day(desk))
    for noticed in ("2026-03-24 10:00:01", "2026-03-24 11:00", "2026-06-01 00:00"):
        *_, breach = owed(clocks(desk), wall(noticed))
        assert (breach.at, breach.due_at, breach.elapsed) == (
            wall("2026-03-24 10:00"),
            wall("2026-03-24 10:00"),
            hours(8),
        )


# --- who answered, and which clock ------------------------------------------------------------------------------------


def test_neither_a_note_nor_an_automatic_reply_is_a_response() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=60, resolution=480))
    desk.then(e.TicketNoted, "2026-03-23 09:10", text="hm")
    desk.then(e.AgentReplied, "2026-03-23 09:11", text="we have your message", automatic=True)
    first = clocks(desk).first
    assert first is not None
    assert (first.stage, verdict(first, wall("2026-03-23 11:00"))) == (Stage.RUNNING, Verdict.BREACHED)


def test_the_oldest_message_counts_whatever_else_the_requester_writes() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=60, next_response=120, resolution=480))
    desk.then(e.RequesterReplied, "2026-03-23 09:05", text="one more thing")
    assert clocks(desk).next is None, "there is no next response before the first"
    desk.then(e.AgentReplied, "2026-03-23 09:30", text="hello")
    for minute in ("10:00", "10:30", "11:45"):
        desk.then(e.RequesterReplied, f"2026-03-23 {minute}", text="and?")
    following = clocks(desk).next
    assert following is not None
    assert (following.instance, following.started_at, following.due_at) == (
        1,
        wall("2026-03-23 10:00"),
        wall("2026-03-23 12:00"),
    )


def test_each_clock_is_late_by_itself_and_the_earliest_due_is_the_tickets() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=60, resolution=480))
    assert clocks(desk).due_at == wall("2026-03-23 10:00")
    desk.then(e.AgentReplied, "2026-03-23 11:00", text="sorry")
    first, late = clocks(desk).first, clocks(desk).resolution
    assert first is not None
    assert late is not None
    assert (verdict(first, LATER), verdict(late, wall("2026-03-23 12:00"))) == (Verdict.BREACHED, Verdict.UNDECIDED)
    assert clocks(desk).due_at == wall("2026-03-23 17:00")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(e.TicketMergedInto, {"target": UUID(int=2), "number": 2}), (e.TicketCancelled, {})],
    ids=["merged", "cancelled"],
)
def test_what_was_merged_or_cancelled_counts_for_nobody(kind: type[e.TicketEvent], fields: dict[str, object]) -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=60, resolution=480))
    desk.then(kind, "2026-03-23 16:00", **fields)
    assert {verdict(clock, LATER) for clock in clocks(desk)} == {Verdict.NONE}
    assert clocks(desk).due_at is None


def test_closing_without_an_answer_is_not_an_answer() -> None:
    desk = Desk()
    desk.opened("2026-03-23 09:00", desk.policy("p", first_response=60, resolution=480))
    desk.then(e.TicketClosed, "2026-03-23 09:30")
    first = clocks(desk).first
    assert first is not None
    assert (first.stage, verdict(first, LATER)) == (Stage.CANCELLED, Verdict.NONE)
    assert (resolution(desk).stage, verdict(resolution(desk), LATER)) == (Stage.STOPPED, Verdict.MET)
