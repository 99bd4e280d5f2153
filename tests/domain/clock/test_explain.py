"""What a clock counted and left out, and how that reads."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.clock.calendar import Calendar
from domain.clock.clocks import Clock
from domain.clock.explain import Explanation, explain
from domain.clock.folding import fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, Policy, Target, Unit
from domain.clock.wording import render, shown

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = (((540, 1020),),) * 5 + ((), ())
OFFICE = Calendar(
    name="office", version=4, zone="Europe/Berlin", weekly=WEEK, holidays={date(2026, 4, 6): "Ostermontag"}
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def explained(at: str, *marks: Mark, target: Target | None = None) -> Explanation:
    policy = Policy(name="silver", version=3, calendar=OFFICE, targets={Kind.RESOLUTION: target or Target(960)})
    opened = local("2026-04-02 15:00")
    start = [Mark(fact=Fact.OPENED, at=opened), Mark(fact=Fact.ATTACHED, at=opened, policy=policy.ref)]
    clock = fold([*start, *marks], {policy.ref: policy}).resolution
    assert isinstance(clock, Clock)
    return explain(clock, local(at), {policy.ref: policy})


def test_every_interval_has_its_reason_and_they_add_up() -> None:
    explanation = explained(
        "2026-04-07 16:00",
        Mark(fact=Fact.HELD, at=local("2026-04-03 11:00"), reason="requester"),
        Mark(fact=Fact.RESUMED, at=local("2026-04-03 16:00")),
        Mark(fact=Fact.RESOLVED, at=local("2026-04-07 10:00")),
        Mark(fact=Fact.REOPENED, at=local("2026-04-07 14:00")),
    )
    assert [(part.reason, shown(part.counted), shown(part.withheld)) for part in explanation.parts] == [
        ("counted", "2:00", "0:00"),
        ("closed", "0:00", "0:00"),
        ("counted", "2:00", "0:00"),
        ("on hold: requester", "0:00", "5:00"),
        ("counted", "1:00", "0:00"),
        ("closed", "0:00", "0:00"),
        ("holiday: Ostermontag", "0:00", "0:00"),
        ("closed", "0:00", "0:00"),
        ("counted", "1:00", "0:00"),
        ("resolved, until reopened", "0:00", "4:00"),
        ("counted", "2:00", "0:00"),
    ]
    assert explanation.elapsed == timedelta(hours=8)
    assert explanation.left == timedelta(hours=8)
    assert explanation.actual == timedelta(hours=121)


def test_a_hold_that_does_not_pause_is_counted_and_said() -> None:
    held = Mark(fact=Fact.HELD, at=local("2026-04-02 16:00"), reason="vendor")
    last = explained("2026-04-02 17:00", held).parts[-1]
    assert last.counted == timedelta(hours=1)
    assert last.reason == "counted (on hold: vendor, which does not pause this clock)"


def test_a_stopped_clock_is_explained_up_to_its_stop() -> None:
    explanation = explained("2026-05-01 12:00", Mark(fact=Fact.RESOLVED, at=local("2026-04-02 16:00")))
    assert explanation.elapsed == explanation.actual == timedelta(hours=1)


def test_plain_time_is_one_interval() -> None:
    explanation = explained("2026-04-03 15:00", target=Target(2880, Unit.CALENDAR_MINUTES))
    assert [part.counted for part in explanation.parts] == [timedelta(hours=24)]


def test_it_reads_as_a_person_would_write_it() -> None:
    text = render(explained("2026-04-03 10:00", target=Target(120)))
    assert text.splitlines() == [
        "Resolution: running, breached, 3:00 of 2:00, 1:00 over, due Thu 2026-04-02 17:00",
        "  by policy silver version 3, calendar office version 4 (Europe/Berlin), in business time",
        "  Thu 2026-04-02 15:00 – Thu 2026-04-02 17:00       +2:00  counted",
        "  Thu 2026-04-02 17:00 – Fri 2026-04-03 09:00           -  closed",
        "  Fri 2026-04-03 09:00 – Fri 2026-04-03 10:00       +1:00  counted",
        "  elapsed 3:00 of 19:00 since the start",
        "  warned Thu 2026-04-02 16:30: 75 % of 2:00",
        "  warned Thu 2026-04-02 16:48: 90 % of 2:00",
        "  breached Fri 2026-04-03 09:00: target 2:00, due Thu 2026-04-02 17:00",
    ]


def test_it_reads_in_another_zone_if_asked() -> None:
    assert (
        render(explained("2026-04-02 15:30"), "Asia/Kathmandu")
        .splitlines()[2]
        .strip()
        .startswith("Thu 2026-04-02 18:45 – Thu 2026-04-02 19:15")
    )


def test_business_days_are_said_as_such() -> None:
    title = render(explained("2026-04-02 16:00", target=Target(2, Unit.BUSINESS_DAYS))).splitlines()[0]
    assert "1:00 of 16:00 (2 business days), 15:00 left" in title


def test_what_is_to_come_is_told_apart_from_what_was() -> None:
    explanation = explained("2026-04-02 16:30", target=Target(120))
    assert [warning.share for warning in explanation.warned] == [0.75]
    assert [warning.share for warning in explanation.ahead] == [0.9]
    assert render(explanation).splitlines()[-2:] == [
        "  warned Thu 2026-04-02 16:30: 75 % of 2:00",
        "  warns Thu 2026-04-02 16:48: 90 % of 2:00",
    ]


def test_an_earlier_stop_is_told() -> None:
    explanation = explained(
        "2026-04-07 16:00",
        Mark(fact=Fact.RESOLVED, at=local("2026-04-02 16:00")),
        Mark(fact=Fact.REOPENED, at=local("2026-04-07 14:00")),
    )
    assert "  had stopped Thu 2026-04-02 16:00 at 1:00 of 16:00" in render(explanation).splitlines()
    finished = explained("2026-04-07 16:00", Mark(fact=Fact.RESOLVED, at=local("2026-04-02 16:00")))
    assert finished.stops == ()


def test_lengths_are_shown_without_rounding() -> None:
    assert shown(timedelta(hours=30, minutes=5)) == "30:05"
    assert shown(timedelta(minutes=-5, seconds=-1)) == "-0:05:01"
    assert shown(timedelta(microseconds=1)) == "0:00:00.000001"
