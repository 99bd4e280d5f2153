"""The worked examples of the service level rules, by number. Times are local to Berlin unless said."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.clock.calendar import ROUND_THE_CLOCK, Calendar
from domain.clock.clocks import Cause, Clock, Clocks, Stage, Verdict, elapsed, left, verdict
from domain.clock.folding import fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, Policy, PolicyRef, Target, Unit
from domain.clock.recording import owed

BERLIN = ZoneInfo("Europe/Berlin")
INSTANT = timedelta(microseconds=1)


def local(text: str) -> datetime:
    """An instant from Berlin's wall: "2026-03-30 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def office(opens: int = 9, closes: int = 17, **more: object) -> Calendar:
    week = (((opens * 60, closes * 60),),) * 5 + ((), ())
    return Calendar(name="office", version=1, zone="Europe/Berlin", weekly=week, **more)  # type: ignore[arg-type]


class Desk:
    """Marks of one ticket under one policy, and the clocks they make."""

    def __init__(self, target: float, calendar: Calendar | None = None, kind: Kind = Kind.RESOLUTION) -> None:
        self.policies: dict[PolicyRef, Policy] = {}
        self.marks: list[Mark] = []
        self.calendar = calendar or office()
        self.kind = kind
        self.first = self.policy("standard", target)

    def policy(self, name: str, target: float, **more: object) -> PolicyRef:
        targets = {self.kind: Target(round(target * 60))}
        policy = Policy(name=name, version=1, calendar=self.calendar, targets=targets, **more)  # type: ignore[arg-type]
        self.policies[policy.ref] = policy
        return policy.ref

    def then(self, fact: Fact, at: str | datetime, **more: object) -> "Desk":
        instant = local(at) if isinstance(at, str) else at
        self.marks.append(Mark(fact=fact, at=instant, version=len(self.marks) + 1, **more))  # type: ignore[arg-type]
        return self

    def opened(self, at: str) -> "Desk":
        return self.then(Fact.OPENED, at).then(Fact.ATTACHED, at, policy=self.first)

    @property
    def warnings(self) -> list[datetime]:
        """When the clock warned, and will if nothing more happens."""
        return [warning.at for warning in (*self.clock.warned, *self.clock.warn_at)]

    @property
    def clocks(self) -> Clocks:
        return fold(self.marks, self.policies)

    @property
    def clock(self) -> Clock:
        clocks = self.clocks
        found = {Kind.FIRST_RESPONSE: clocks.first, Kind.NEXT_RESPONSE: clocks.next, Kind.RESOLUTION: clocks.resolution}
        clock = found[self.kind]
        assert clock is not None
        return clock


def test_due_at_closing_time_is_not_breached_before_the_next_opening() -> None:
    desk = Desk(8).opened("2026-03-30 09:00")
    assert desk.clock.due_at == local("2026-03-30 17:00")
    assert desk.clock.breaches_after == local("2026-03-31 09:00")
    assert verdict(desk.clock, local("2026-03-31 09:00")) is Verdict.UNDECIDED
    assert verdict(desk.clock, local("2026-03-31 09:00") + INSTANT) is Verdict.BREACHED
    desk.then(Fact.RESOLVED, "2026-03-31 08:30")
    assert desk.clock.elapsed == hours(8)
    assert verdict(desk.clock, local("2026-04-01 09:00")) is Verdict.MET


def test_example_1_a_weekend_in_which_summer_time_begins() -> None:
    desk = Desk(4, kind=Kind.FIRST_RESPONSE).opened("2026-03-27 16:00")
    assert desk.clock.started_at == datetime(2026, 3, 27, 15, tzinfo=UTC)
    assert desk.clock.due_at == datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert [(w.share, w.at) for w in desk.clock.warn_at] == [
        (0.75, datetime(2026, 3, 30, 9, tzinfo=UTC)),
        (0.9, datetime(2026, 3, 30, 9, 36, tzinfo=UTC)),
    ]


def test_example_2_paused_while_the_requester_is_awaited() -> None:
    desk = Desk(8).opened("2026-03-30 10:00").then(Fact.HELD, "2026-03-30 14:00", reason="requester")
    assert desk.clock.stage is Stage.PAUSED
    assert desk.clock.due_at is None
    assert desk.clock.elapsed == hours(4)
    desk.then(Fact.REQUESTER_REPLIED, "2026-03-31 11:00").then(Fact.RESUMED, "2026-03-31 11:00")
    assert (desk.clock.elapsed, left(desk.clock, local("2026-03-31 11:00"), desk.policies)) == (hours(4), hours(4))
    assert desk.clock.due_at == local("2026-03-31 15:00")
    warnings = [local("2026-03-31 13:00"), local("2026-03-31 14:12")]
    assert desk.warnings == warnings
    desk.then(Fact.HELD, "2026-03-31 14:59", reason="requester").then(Fact.RESUMED, "2026-04-07 08:00")
    assert desk.clock.due_at == local("2026-04-07 09:01")
    assert desk.warnings == warnings


def test_example_3_opened_on_a_saturday() -> None:
    desk = Desk(4).opened("2026-03-28 13:00")
    for moment in ("2026-03-28 13:00", "2026-03-29 12:00", "2026-03-30 09:00"):
        assert elapsed(desk.clock, local(moment), desk.policies) == hours(0)
    assert desk.clock.due_at == local("2026-03-30 13:00")
    assert elapsed(desk.clock, local("2026-03-30 09:01"), desk.policies) == timedelta(minutes=1)
    always = Calendar(name="always", version=1, zone="Europe/Berlin", weekly=ROUND_THE_CLOCK)
    day_and_night = Desk(4, always).opened("2026-03-28 13:00")
    assert day_and_night.clock.due_at == local("2026-03-28 17:00")
    assert day_and_night.warnings == [local("2026-03-28 16:00"), local("2026-03-28 16:36")]


def test_example_4_a_shorter_target_breaches_at_the_change() -> None:
    desk = Desk(8).opened("2026-03-30 09:00")
    desk.then(Fact.ATTACHED, "2026-03-30 15:00", policy=desk.policy("urgent", 4))
    (breach,) = desk.clock.breaches
    assert breach.at == local("2026-03-30 15:00")
    assert breach.due_at == desk.clock.due_at == local("2026-03-30 13:00")
    assert (breach.elapsed, breach.target, breach.cause) == (hours(6), hours(4), Cause.RETARGET)
    assert verdict(desk.clock, local("2026-03-30 15:00")) is Verdict.BREACHED
    # Whoever warns of the new target now would warn too late.
    (found,) = owed(desk.clocks, local("2026-03-30 15:00"))
    assert (found.fact, found.cause, found.due_at) == (Fact.BREACHED, Cause.RETARGET, local("2026-03-30 13:00"))


def test_example_5_monday_is_a_holiday() -> None:
    calendar = office(holidays={date(2026, 3, 30): "Founders' day"})
    desk = Desk(4, calendar, Kind.FIRST_RESPONSE).opened("2026-03-27 16:00")
    assert desk.clock.due_at == datetime(2026, 3, 31, 10, tzinfo=UTC)
    assert desk.warnings == [datetime(2026, 3, 31, 9, tzinfo=UTC), datetime(2026, 3, 31, 9, 36, tzinfo=UTC)]


def test_example_6_an_opening_across_the_change_of_the_clocks() -> None:
    nights = Calendar(name="nights", version=1, zone="Europe/Berlin", weekly=((),) * 6 + (((60, 240),),))
    assert nights.business_time(local("2026-03-29 00:00"), local("2026-03-30 00:00")) == hours(2)
    assert nights.business_time(local("2026-10-25 00:00"), local("2026-10-26 00:00")) == hours(4)
    assert nights.business_time(local("2026-07-05 00:00"), local("2026-07-06 00:00")) == hours(3)
    assert nights.add_business_time(local("2026-03-29 00:00"), hours(2)) == local("2026-03-29 04:00")
    assert nights.add_business_time(local("2026-10-25 00:00"), hours(4)) == local("2026-10-25 04:00")


@pytest.mark.parametrize(("late", "expected"), [(0, Verdict.MET), (1, Verdict.BREACHED)])
def test_example_7_exactly_at_due_is_met_and_a_microsecond_more_is_not(late: int, expected: Verdict) -> None:
    desk = Desk(4).opened("2026-03-30 09:00").then(Fact.RESOLVED, local("2026-03-30 13:00") + late * INSTANT)
    assert verdict(desk.clock, local("2026-03-31 09:00")) is expected


@pytest.mark.parametrize(("late", "expected"), [(0, Verdict.MET), (1, Verdict.BREACHED)])
def test_example_7_over_closing_time_it_is_the_business_time_that_is_more(late: int, expected: Verdict) -> None:
    desk = Desk(8).opened("2026-03-30 09:00").then(Fact.RESOLVED, local("2026-03-31 09:00") + late * INSTANT)
    assert desk.clock.elapsed == hours(8) + late * INSTANT
    assert verdict(desk.clock, local("2026-04-01 09:00")) is expected


def test_example_8_a_longer_working_day() -> None:
    desk = Desk(4, office(8, 18)).opened("2026-03-30 17:00")
    assert desk.clock.due_at == local("2026-03-31 11:00")
    hour_before = desk.calendar.add_business_time(desk.clock.started_at, hours(4) - hours(1))
    assert hour_before == local("2026-03-31 10:00")
    assert desk.warnings == [hour_before, local("2026-03-31 10:36")]


def test_example_9_a_hold_outside_opening_hours_moves_nothing() -> None:
    desk = Desk(8).opened("2026-03-30 09:00")
    desk.then(Fact.HELD, "2026-03-30 17:00", reason="requester").then(Fact.RESUMED, "2026-03-31 09:00")
    assert desk.clock.due_at == local("2026-03-30 17:00")
    assert not desk.clock.breached
    assert desk.clock.breaches_after == local("2026-03-31 09:00")
    assert desk.warnings == [local("2026-03-30 15:00"), local("2026-03-30 16:12")]


def test_example_10_a_hold_over_the_weekend() -> None:
    desk = Desk(8).opened("2026-03-27 15:00")
    desk.then(Fact.HELD, "2026-03-27 16:00", reason="requester").then(Fact.RESUMED, "2026-03-30 10:00")
    ((start, end, _),) = desk.clock.pauses
    assert end is not None
    assert desk.calendar.business_time(start, end) == hours(2)
    assert desk.clock.due_at == local("2026-03-30 17:00")
    assert desk.warnings == [local("2026-03-30 15:00"), local("2026-03-30 16:12")]


def test_example_11_business_and_calendar_time_over_a_weekend() -> None:
    # A weekend without a change of the clocks: 60:30 between Friday 21:00 and Monday 09:30.
    desk = Desk(8, office(8, 17)).opened("2026-03-20 21:00")
    looked = local("2026-03-23 09:30")
    assert elapsed(desk.clock, looked, desk.policies) == timedelta(hours=1, minutes=30)
    assert elapsed(desk.clock, looked, desk.policies) / hours(8) == 0.1875
    plain = Policy(
        name="plain", version=1, calendar=desk.calendar, targets={desk.kind: Target(480, Unit.CALENDAR_MINUTES)}
    )
    desk.policies[plain.ref] = plain
    desk.then(Fact.ATTACHED, "2026-03-20 21:00", policy=plain.ref)
    assert elapsed(desk.clock, looked, desk.policies) == timedelta(hours=60, minutes=30)


def test_a_reopened_clock_goes_on_and_the_time_between_does_not_count() -> None:
    desk = Desk(8).opened("2026-03-30 09:00").then(Fact.RESOLVED, "2026-03-30 12:00")
    desk.then(Fact.REOPENED, "2026-03-31 10:00")
    assert desk.clock.elapsed == hours(3)
    assert desk.clock.due_at == local("2026-03-31 15:00")
    (stop,) = desk.clock.stops
    assert (stop.at, stop.elapsed) == (local("2026-03-30 12:00"), hours(3))


def test_resolving_straight_from_hold_ends_the_pause_first() -> None:
    desk = Desk(8).opened("2026-02-02 09:00").then(Fact.HELD, "2026-02-02 11:00", reason="requester")
    desk.then(Fact.RESOLVED, "2026-08-03 12:00")
    assert desk.clock.elapsed == hours(2)
    assert verdict(desk.clock, local("2026-08-04 12:00")) is Verdict.MET


def test_a_longer_target_does_not_unmake_a_breach() -> None:
    desk = Desk(4).opened("2026-03-30 09:00")
    desk.then(Fact.ATTACHED, "2026-03-30 15:00", policy=desk.policy("relaxed", 16))
    desk.then(Fact.RESOLVED, "2026-03-30 16:00")
    assert [breach.target for breach in desk.clock.breaches] == [hours(4)]
    assert desk.clock.stops[-1].target == hours(16)
    assert verdict(desk.clock, local("2026-04-01 09:00")) is Verdict.BREACHED


def test_a_reply_sent_in_time_and_recorded_late_wins() -> None:
    desk = Desk(4, kind=Kind.FIRST_RESPONSE).opened("2026-03-30 09:00")
    desk.then(Fact.BREACHED, "2026-03-30 13:30", clock=Kind.FIRST_RESPONSE, target=hours(4))
    assert desk.clock.breached
    assert desk.clock.breaches[0].at == local("2026-03-30 13:00")
    desk.then(Fact.AGENT_REPLIED, "2026-03-30 12:50")
    assert verdict(desk.clock, local("2026-03-30 14:00")) is Verdict.MET
    (found,) = owed(desk.clocks, local("2026-03-30 14:00"))[2:]
    assert found.fact is Fact.BREACH_WITHDRAWN
    desk.then(Fact.BREACH_WITHDRAWN, "2026-03-30 14:00", clock=Kind.FIRST_RESPONSE, target=hours(4))
    assert Fact.BREACH_WITHDRAWN not in {item.fact for item in owed(desk.clocks, local("2026-03-30 15:00"))}
    assert len(desk.clock.breaches) == 1
