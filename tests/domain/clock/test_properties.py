"""What holds for every calendar and for every order of a ticket's marks. Figures: see `test_simulation.py`."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock.calendar import Calendar
from domain.clock.clocks import Clocks, Stage, Verdict, decode, elapsed, encode, verdict
from domain.clock.explain import explain
from domain.clock.folding import advance, fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policy, PolicyRef, Target, Unit
from domain.clock.recording import next_owed_after, owed
from domain.clock.wording import render
from drawn_lives import MINUTE, Drawn, calendars

INSTANT = timedelta(microseconds=1)


def time_open(drawn: Drawn, b: datetime) -> timedelta:
    """What counting step by step gives."""
    steps = range((b - drawn.begin) // drawn.step)
    return sum(drawn.hours.open_at(drawn.begin + number * drawn.step) for number in steps) * drawn.step


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 6 * 1440))
def test_business_time_is_what_counting_gives(drawn: Drawn, length: int) -> None:
    calendar, a = drawn.calendar, drawn.begin
    b = a + length * MINUTE
    expected = time_open(drawn, b)
    assert calendar.business_time(a, b) == expected
    parts = calendar.intervals(a, b)
    assert sum((part.length for part in parts if part.open), timedelta()) == expected
    assert sum((part.length for part in parts), timedelta()) == b - a
    assert all(one.end == other.start for one, other in pairwise(parts))


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 40 * 3_600_000_000))
def test_adding_is_the_inverse_and_gives_the_earliest_instant(drawn: Drawn, micros: int) -> None:
    calendar, a = drawn.calendar, drawn.begin
    length = timedelta(microseconds=micros)
    reached = calendar.reach(a, length)
    assert reached is not None
    assert calendar.business_time(a, reached) == length
    if length:
        assert calendar.business_time(a, reached - INSTANT) == length - INSTANT


@settings(max_examples=50, deadline=None)
@given(calendars(), st.lists(st.integers(0, 3000 * 86_400_000_000), min_size=3, max_size=3).map(sorted))
def test_business_time_of_parts_adds_up(drawn: Drawn, points: list[int]) -> None:
    calendar, begin = drawn.calendar, drawn.begin
    a, b, c = (begin + timedelta(microseconds=point) for point in points)
    assert calendar.business_time(a, b) + calendar.business_time(b, c) == calendar.business_time(a, c)


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(1, 200), st.integers(0, 5 * 1440), st.integers(0, 2 * 1440))
def test_a_hold_while_closed_moves_nothing(drawn: Drawn, target: int, before: int, held: int) -> None:
    """The stretch is cut to what lies outside the opening hours."""
    start = drawn.begin + before * MINUTE
    while drawn.hours.open_at(start):
        start += drawn.step
    end = start
    while end < start + held * MINUTE and not drawn.hours.open_at(end):
        end += drawn.step
    policy = Policy(name="p", version=1, calendar=drawn.calendar, targets={Kind.RESOLUTION: Target(target * 20)})
    opened = [
        Mark(fact=Fact.OPENED, at=drawn.begin, version=1),
        Mark(fact=Fact.ATTACHED, at=drawn.begin, version=2, policy=policy.ref),
    ]
    hold = [
        Mark(fact=Fact.HELD, at=start, version=3, reason="requester"),
        Mark(fact=Fact.RESUMED, at=end, version=4),
    ]
    held_clock, plain = (fold(marks, {policy.ref: policy}).resolution for marks in ([*opened, *hold], opened))
    assert held_clock is not None
    assert plain is not None
    assert (held_clock.due_at, held_clock.breaches_after) == (plain.due_at, plain.breaches_after)
    held_warned, plain_warned = ([w.at for w in (*clock.warned, *clock.warn_at)] for clock in (held_clock, plain))
    assert held_warned == plain_warned


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(1, 5000), st.integers(1, 5000))
def test_a_longer_target_is_never_due_earlier(drawn: Drawn, one: int, other: int) -> None:
    calendar, a = drawn.calendar, drawn.begin
    short, long = sorted((one, other))
    assert calendar.add_business_time(a, short * MINUTE) <= calendar.add_business_time(a, long * MINUTE)


@settings(max_examples=50, deadline=None)
@given(calendars())
def test_the_next_opening_is_the_first_minute_that_is_open(drawn: Drawn) -> None:
    calendar, a = drawn.calendar, drawn.begin
    following = calendar.next_open(a)
    assert following is not None
    assert drawn.hours.open_at(following)
    assert calendar.business_time(a, following) == timedelta()


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(1, 6))
def test_business_days_end_on_the_last_of_that_many_days_that_open(drawn: Drawn, days: int) -> None:
    calendar, a = drawn.calendar, drawn.begin
    length = calendar.business_days(a, days)
    begun = calendar.next_open(a)
    assert length is not None
    assert begun is not None
    zone = ZoneInfo(calendar.zone)
    reached = calendar.add_business_time(a, length)
    opened = {
        part.start.astimezone(zone).date()
        for part in calendar.intervals(begun, reached)
        if part.open and part.start > begun
    }
    assert len(opened - {begun.astimezone(zone).date()}) <= days


# --- lives of tickets -------------------------------------------------------------------------------------------

PLAIN_FACTS = (
    Fact.REQUESTER_REPLIED,
    Fact.AGENT_REPLIED,
    Fact.HELD,
    Fact.RESUMED,
    Fact.RESOLVED,
    Fact.CLOSED,
    Fact.REOPENED,
    Fact.ASSIGNED,
    Fact.MERGED,
    Fact.MERGE_REVERSED,
)
REASONS = ("requester", "vendor")


@st.composite
def policies(draw: st.DrawFn, name: str, calendar: Calendar) -> Policy:
    targets = st.builds(Target, st.integers(5, 2000), st.sampled_from((Unit.BUSINESS_MINUTES, Unit.CALENDAR_MINUTES)))
    days = st.builds(Target, st.integers(1, 3), st.just(Unit.BUSINESS_DAYS))
    paused = st.frozensets(st.sampled_from(REASONS))
    return Policy(
        name=name,
        version=1,
        calendar=calendar,
        targets=draw(st.dictionaries(st.sampled_from(Kind), st.one_of(targets, days))),
        pauses=draw(st.dictionaries(st.sampled_from(Kind), paused)),
        on_reopen=draw(st.sampled_from(OnReopen)),
        on_retarget=draw(st.sampled_from(OnRetarget)),
    )


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Mark], dict[PolicyRef, Policy]]:
    """A ticket's marks, in any order that versions can have, some recorded late, under two policies."""
    drawn = draw(calendars())
    calendar, begin = drawn.calendar, drawn.begin
    known = {policy.ref: policy for policy in (draw(policies("one", calendar)), draw(policies("two", calendar)))}
    refs = [None, *known]
    at = begin
    marks = [Mark(fact=Fact.OPENED, at=at, version=1)]
    facts = st.sampled_from((*PLAIN_FACTS, Fact.ATTACHED, Fact.RECALCULATED, Fact.REDATED))
    first = draw(st.sampled_from(refs))
    for number, fact in enumerate([Fact.ATTACHED, *draw(st.lists(facts, max_size=12))], start=2):
        at += draw(st.integers(-30, 1440)) * MINUTE if number > 2 else timedelta()
        mark = Mark(
            fact=fact,
            at=at,
            version=number,
            reason=draw(st.sampled_from(REASONS)),
            policy=first if number == 2 else draw(st.sampled_from(refs)),
            to_requester=draw(st.booleans()),
            opened_at=begin + draw(st.integers(-2000, 6000)) * MINUTE if fact is Fact.REDATED else None,
        )
        marks.append(mark)
    return marks, known


@settings(max_examples=50, deadline=None)
@given(lives())
def test_mark_by_mark_through_stored_json_is_the_same_as_at_once(
    life: tuple[list[Mark], dict[PolicyRef, Policy]],
) -> None:
    marks, known = life
    clocks = Clocks()
    for mark in marks:
        clocks = decode(encode(advance(clocks, mark, known)))
    assert clocks == fold(marks, known)


@settings(max_examples=50, deadline=None)
@given(lives(), st.integers(0, 3000))
def test_every_explanation_adds_up_to_what_elapsed(
    life: tuple[list[Mark], dict[PolicyRef, Policy]], later: int
) -> None:
    marks, known = life
    clocks = fold(marks, known)
    assert clocks.latest is not None
    at = clocks.latest + later * MINUTE
    for clock in clocks:
        explained = explain(clock, at, known)
        assert explained.elapsed == elapsed(clock, at, known)
        assert sum((part.counted for part in explained.parts), timedelta()) == explained.elapsed
        assert all(part.counted in (timedelta(), part.end - part.start) for part in explained.parts)
        assert all(part.reason for part in explained.parts)
        assert render(explained)
        assert sum((part.end - part.start for part in explained.parts), timedelta()) == explained.actual
        for one, other in pairwise(explained.parts):
            assert one.end == other.start


@settings(max_examples=50, deadline=None)
@given(lives())
def test_due_breach_and_verdict_agree_with_what_elapses(life: tuple[list[Mark], dict[PolicyRef, Policy]]) -> None:
    marks, known = life
    clocks = fold(marks, known)
    for clock in clocks:
        if clock.stage is not Stage.RUNNING or clock.target is None or clock.due_at is None:
            assert clock.due_at is None
            continue
        assert elapsed(clock, clock.due_at, known) == clock.target
        assert elapsed(clock, clock.due_at - INSTANT, known) < clock.target
        assert clock.breaches_after is not None
        assert elapsed(clock, clock.breaches_after, known) == clock.target
        assert elapsed(clock, clock.breaches_after + INSTANT, known) > clock.target
        for warning in clock.warn_at:
            assert warning.at >= clock.counted_to
            if warning.at > clock.counted_to:
                assert elapsed(clock, warning.at, known) == clock.target * warning.share
        if not clock.breached and clock.breaches_after >= clock.counted_to:
            assert verdict(clock, clock.breaches_after) is Verdict.UNDECIDED
        assert verdict(clock, max(clock.breaches_after, clock.counted_to) + INSTANT) is Verdict.BREACHED


@settings(max_examples=50, deadline=None)
@given(lives(), st.lists(st.integers(0, 4000), min_size=1, max_size=5).map(sorted))
def test_what_is_owed_is_recorded_once_whoever_asks_and_however_often(
    life: tuple[list[Mark], dict[PolicyRef, Policy]], asked: list[int]
) -> None:
    marks, known = life
    clocks = fold(marks, known)
    assert clocks.latest is not None
    now = clocks.latest
    at_once = owed(clocks, now + asked[-1] * MINUTE)
    little_by_little = []
    for minutes in asked:
        now = clocks.latest + minutes * MINUTE
        for item in owed(clocks, now):
            little_by_little.append(item)
            clocks = advance(
                clocks,
                Mark(
                    fact=item.fact,
                    at=item.at,
                    version=clocks.version + 1,
                    clock=item.clock,
                    instance=item.instance,
                    target=item.target,
                    share=item.share,
                ),
                known,
            )
        assert owed(clocks, now) == ()
        following = next_owed_after(clocks)
        assert following is None or following >= now
    assert sorted(map(_told, little_by_little)) == sorted(map(_told, at_once))


def _told(item: object) -> str:
    return repr(item)


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 2000), st.integers(0, 2000))
def test_a_hold_moves_due_by_the_business_time_inside_it_and_by_nothing_else(
    drawn: Drawn, before: int, held: int
) -> None:
    calendar, begin = drawn.calendar, drawn.begin
    policy = Policy(name="p", version=1, calendar=calendar, targets={Kind.RESOLUTION: Target(1000)})
    start, end = begin + before * MINUTE, begin + (before + held) * MINUTE
    marks = [
        Mark(fact=Fact.OPENED, at=begin, version=1),
        Mark(fact=Fact.ATTACHED, at=begin, version=2, policy=policy.ref),
        Mark(fact=Fact.HELD, at=start, version=3, reason="requester"),
        Mark(fact=Fact.RESUMED, at=end, version=4),
    ]
    clock = fold(marks, {policy.ref: policy}).resolution
    assert clock is not None
    gone = calendar.business_time(begin, start)
    spared = calendar.business_time(start, end) if gone < timedelta(minutes=1000) else timedelta()
    assert clock.due_at == calendar.add_business_time(begin, timedelta(minutes=1000) + spared)
