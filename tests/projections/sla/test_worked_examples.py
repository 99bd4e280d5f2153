"""The worked examples of the service level rules, from events to the figures of a row. Times are Berlin's."""

from datetime import UTC, datetime, timedelta

from berlin import WEEKDAYS, Connection, Desk, clock, named, office, wall
from domain.clock.reading import calendar_from, policy_from
from domain.ticket import events as e
from projections.sla.queries import Wanted, clocks_wanted

WEEK = (*WEEKDAYS, "saturday", "sunday")
INSTANT = timedelta(microseconds=1)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def verdict_at(connection: Connection, desk: Desk, moment: datetime) -> str:
    """What the list says of the only clock with a target."""
    wanted = Wanted(statuses=("running", "paused", "breached", "met"))
    (row,) = clocks_wanted(connection, None, wanted, now=moment, policies=desk.policies).rows
    return str(row["verdict"])


def test_due_at_closing_is_met_by_a_stop_before_the_next_opening(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("p", resolution=480)).shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["breaches_after"]) == (wall("2026-03-30 17:00"), wall("2026-03-31 09:00"))
    assert verdict_at(connection, desk, wall("2026-03-31 09:00")) == "undecided"
    assert verdict_at(connection, desk, wall("2026-03-31 09:00") + INSTANT) == "breached"
    desk.then(e.TicketResolved, "2026-03-31 08:30", code="done").shown(connection)
    row = clock(connection)
    assert (row["verdict"], row["elapsed"], row["due_at"]) == ("met", hours(8), wall("2026-03-30 17:00"))
    assert row["decided_at"] == row["stopped_at"] == wall("2026-03-31 08:30")


def test_example_1_a_weekend_in_which_summer_time_begins(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-27 16:00", desk.policy("p", first_response=240)).shown(connection)
    row = clock(connection, "first_response")
    assert row["started_at"] == datetime(2026, 3, 27, 15, tzinfo=UTC)
    assert row["due_at"] == datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert row["warns_at"] == row["at_risk_from"] == datetime(2026, 3, 30, 9, tzinfo=UTC)


def test_example_2_paused_while_the_requester_is_awaited(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 10:00", desk.policy("p", resolution=480))
    desk.then(e.TicketPutOnHold, "2026-03-30 14:00", reason="requester").shown(connection)
    row = clock(connection)
    assert (row["stage"], row["reason"], row["since"]) == ("paused", "requester", wall("2026-03-30 14:00"))
    assert (row["due_at"], row["elapsed"]) == (None, hours(4))
    desk.then(e.RequesterReplied, "2026-03-31 11:00", text="here").then(e.TicketResumed, "2026-03-31 11:00")
    desk.shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["warns_at"]) == (wall("2026-03-31 15:00"), wall("2026-03-31 13:00"))
    desk.then(e.TicketPutOnHold, "2026-03-31 14:59", reason="requester").then(e.TicketResumed, "2026-04-07 08:00")
    desk.shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["warns_at"]) == (wall("2026-04-07 09:01"), None)
    assert row["at_risk_from"] == wall("2026-03-31 13:00")


def test_example_3_opened_on_a_saturday(connection: Connection) -> None:
    desk = Desk()
    always = {"zone": "Europe/Berlin", "openings": dict.fromkeys(WEEK, (("00:00", "24:00"),))}
    desk.opened("2026-03-28 13:00", desk.policy("office", resolution=240), 1)
    desk.opened("2026-03-28 13:00", desk.policy("always", always, resolution=240), 2).shown(connection)
    rows = clocks_wanted(connection, None, Wanted(), now=wall("2026-03-30 09:00"), policies=desk.policies).rows
    assert [row["number"] for row in rows] == [2, 1]
    assert (rows[1]["elapsed"], rows[1]["due_at"]) == (hours(0), wall("2026-03-30 13:00"))
    assert (rows[0]["due_at"], rows[0]["warns_at"]) == (wall("2026-03-28 17:00"), wall("2026-03-28 16:00"))


def test_example_4_a_shorter_target_breaches_at_the_change(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("p", resolution=480))
    desk.then(e.PriorityOverridden, "2026-03-30 15:00", old=3, new=1, reason="all of them")
    urgent = desk.policy("urgent", resolution=240)
    desk.then(e.SlaRetargeted, "2026-03-30 15:00", **named(urgent), cause="priority").shown(connection)
    row = clock(connection)
    assert (row["verdict"], row["due_at"], row["target"]) == ("breached", wall("2026-03-30 13:00"), hours(4))
    assert row["decided_at"] == row["targeted_at"] == wall("2026-03-30 15:00")
    assert (row["elapsed"], row["target_cause"], row["priority"], row["policy"]) == (hours(6), "priority", 1, "urgent")


def test_example_5_a_holiday_on_monday(connection: Connection) -> None:
    desk = Desk()
    holiday = office(holidays={"2026-03-30": "a holiday"})
    desk.opened("2026-03-27 16:00", desk.policy("p", holiday, first_response=240)).shown(connection)
    row = clock(connection, "first_response")
    assert row["due_at"] == datetime(2026, 3, 31, 10, tzinfo=UTC)
    assert row["warns_at"] == datetime(2026, 3, 31, 9, tzinfo=UTC)


def test_example_6_an_opening_in_the_night_of_a_change(connection: Connection) -> None:
    desk = Desk()
    night = {"zone": "Europe/Berlin", "openings": {"sunday": [("01:00", "04:00")]}}
    policy = desk.policy("p", night, resolution=600)
    for number, day in enumerate(("2026-03-29", "2026-10-25"), start=1):
        desk.opened(f"{day} 00:00", policy, number).then(e.TicketResolved, f"{day} 12:00", number, code="done")
    desk.shown(connection)
    assert [clock(connection, ticket=number)["elapsed"] for number in (1, 2)] == [hours(2), hours(4)]


def test_example_7_a_stop_exactly_at_due_is_met_and_one_instant_later_breached(connection: Connection) -> None:
    desk = Desk()
    policy = desk.policy("p", resolution=60)
    for number, stop in enumerate((wall("2026-03-30 10:00"), wall("2026-03-30 10:00") + INSTANT), start=1):
        desk.opened("2026-03-30 09:00", policy, number).then(e.TicketResolved, stop, number, code="done")
    desk.shown(connection)
    assert [clock(connection, ticket=number)["verdict"] for number in (1, 2)] == ["met", "breached"]
    assert clock(connection, ticket=2)["decided_at"] == wall("2026-03-30 10:00")


def test_example_8_longer_hours(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 17:00", desk.policy("p", office("08:00", "18:00"), resolution=240)).shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["warns_at"]) == (wall("2026-03-31 11:00"), wall("2026-03-31 10:00"))


def test_example_9_a_hold_outside_opening_hours_moves_nothing(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-30 09:00", desk.policy("p", resolution=480))
    desk.then(e.TicketPutOnHold, "2026-03-30 17:00", reason="requester").then(e.TicketResumed, "2026-03-31 09:00")
    desk.shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["breaches_after"]) == (wall("2026-03-30 17:00"), wall("2026-03-31 09:00"))
    assert (row["verdict"], row["at_risk_from"]) == ("undecided", wall("2026-03-30 15:00"))


def test_example_10_only_business_time_inside_a_hold_is_taken_out(connection: Connection) -> None:
    desk = Desk()
    desk.opened("2026-03-27 15:00", desk.policy("p", resolution=480))
    desk.then(e.TicketPutOnHold, "2026-03-27 16:00", reason="requester").then(e.TicketResumed, "2026-03-30 10:00")
    desk.shown(connection)
    row = clock(connection)
    assert (row["due_at"], row["warns_at"]) == (wall("2026-03-30 17:00"), wall("2026-03-30 15:00"))


def test_example_11_business_and_calendar_time_elapsed(connection: Connection) -> None:
    # A weekend without a change of the clocks: 60:30 between Friday 21:00 and Monday 09:30.
    desk = Desk()
    hours_of_office = office("08:00", "17:00")
    desk.opened("2026-03-20 21:00", desk.policy("business", hours_of_office, resolution=480), 1)
    plain = policy_from(
        "plain", 1, calendar_from("same", 1, **hours_of_office), {"targets": {"resolution": {"calendar_minutes": 480}}}
    )
    desk.policies[plain.ref] = plain
    desk.opened("2026-03-20 21:00", plain.ref, 2).shown(connection)
    wanted = Wanted(statuses=("running", "breached"))
    found = clocks_wanted(connection, None, wanted, now=wall("2026-03-23 09:30"), policies=desk.policies).rows
    rows = {row["number"]: row for row in found}
    assert (rows[1]["elapsed"], rows[1]["left"]) == (hours(1.5), hours(6.5))
    assert rows[1]["elapsed"] / rows[1]["target"] == 0.1875
    assert (rows[2]["elapsed"], rows[2]["verdict"]) == (hours(60.5), "breached")
