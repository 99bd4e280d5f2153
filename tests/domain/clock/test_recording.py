"""Which warnings and breaches are owed, and that each is owed once."""

from datetime import UTC, datetime, timedelta

from domain.clock.calendar import Calendar
from domain.clock.clocks import Cause, Clocks, Verdict, verdict
from domain.clock.folding import advance, fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, Policy, Target
from domain.clock.recording import Owed, next_owed_after, owed

OFFICE = Calendar(name="office", version=1, zone="UTC", weekly=(((540, 1020),),) * 5 + ((), ()))
POLICY = Policy(name="standard", version=1, calendar=OFFICE, targets={Kind.RESOLUTION: Target(480)})
SHORT = Policy(name="short", version=1, calendar=OFFICE, targets={Kind.RESOLUTION: Target(240)})
KNOWN = {POLICY.ref: POLICY, SHORT.ref: SHORT}
INSTANT = timedelta(microseconds=1)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of March 2026; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def life(*more: Mark, silent: bool = False) -> Clocks:
    opened = Mark(fact=Fact.OPENED, at=on(2, 9), silent=silent)
    attached = Mark(fact=Fact.ATTACHED, at=on(2, 9), policy=POLICY.ref, silent=silent)
    return fold([opened, attached, *more], KNOWN)


def record(clocks: Clocks, item: Owed) -> Clocks:
    mark = Mark(
        fact=item.fact,
        at=item.at,
        clock=item.clock,
        instance=item.instance,
        target=item.target,
        share=item.share,
    )
    return advance(clocks, mark, KNOWN)


def test_warnings_fall_due_at_their_instant_and_a_breach_only_after_it() -> None:
    clocks = life()
    assert next_owed_after(clocks) == on(2, 15)
    assert owed(clocks, on(2, 15) - INSTANT) == ()
    assert [(item.fact, item.share) for item in owed(clocks, on(2, 16, 12))] == [
        (Fact.WARNED, 0.75),
        (Fact.WARNED, 0.9),
    ]
    assert len(owed(clocks, on(3, 9))) == 2
    *_, breach = owed(clocks, on(3, 9) + INSTANT)
    assert (breach.fact, breach.due_at, breach.at, breach.cause) == (Fact.BREACHED, on(2, 17), on(3, 9), Cause.TIME)
    assert breach.elapsed == breach.target == timedelta(hours=8)


def test_after_an_outage_all_is_owed_with_its_true_time_and_once() -> None:
    clocks = life()
    late = owed(clocks, on(20, 12))
    assert [item.at for item in late] == [on(2, 15), on(2, 16, 12), on(3, 9)]
    for item in late:
        clocks = record(clocks, item)
    assert owed(clocks, on(20, 12)) == ()
    assert next_owed_after(clocks) is None
    assert record(clocks, late[-1]) == clocks


def test_what_passed_before_the_clock_stopped_is_still_owed() -> None:
    clocks = life(Mark(fact=Fact.RESOLVED, at=on(3, 10)))
    assert [item.fact for item in owed(clocks, on(3, 10))] == [Fact.WARNED, Fact.WARNED, Fact.BREACHED]
    assert next_owed_after(clocks) == on(2, 15)


def test_a_change_that_has_overtaken_its_warnings_gives_the_breach_alone() -> None:
    clocks = life(Mark(fact=Fact.ATTACHED, at=on(2, 14), policy=SHORT.ref))
    (breach,) = owed(clocks, on(2, 14))
    assert (breach.at, breach.due_at, breach.cause) == (on(2, 14), on(2, 13), Cause.RETARGET)
    assert (breach.elapsed, breach.target) == (timedelta(hours=5), timedelta(hours=4))


def test_each_target_is_warned_of_once_also_when_it_comes_back() -> None:
    clocks = life()
    (warning,) = owed(clocks, on(2, 15))
    clocks = record(clocks, warning)
    clocks = advance(clocks, Mark(fact=Fact.ATTACHED, at=on(2, 15, 30), policy=SHORT.ref), KNOWN)
    clocks = record(clocks, owed(clocks, on(2, 15, 30))[0])
    clocks = advance(clocks, Mark(fact=Fact.ATTACHED, at=on(2, 15, 45), policy=POLICY.ref), KNOWN)
    assert [(item.fact, item.share) for item in owed(clocks, on(2, 17))] == [(Fact.WARNED, 0.9)]


def test_an_imported_life_owes_nothing_for_what_it_passed() -> None:
    clocks = life(Mark(fact=Fact.RESOLVED, at=on(9, 10), silent=True), silent=True)
    assert clocks.resolution is not None
    assert verdict(clocks.resolution, on(9, 11)) is Verdict.BREACHED
    assert owed(clocks, on(20, 10)) == ()


def test_a_hold_recorded_late_contradicts_the_breach_and_a_later_one_is_owed_anew() -> None:
    clocks = life()
    for item in owed(clocks, on(3, 10)):
        clocks = record(clocks, item)
    clocks = advance(clocks, Mark(fact=Fact.HELD, at=on(2, 16, 30), reason="requester"), KNOWN)
    (withdrawal,) = owed(clocks, on(3, 11))
    assert withdrawal.fact is Fact.BREACH_WITHDRAWN
    clocks = record(clocks, withdrawal)
    assert owed(clocks, on(3, 12)) == ()
    clocks = advance(clocks, Mark(fact=Fact.RESUMED, at=on(4, 9)), KNOWN)
    (again,) = owed(clocks, on(4, 12))
    assert (again.fact, again.due_at) == (Fact.BREACHED, on(4, 9, 30))
