"""What holds for every calendar and every life of a ticket, checked against a simulation by the minute."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock.calendar import Calendar, Openings
from domain.clock.clocks import Clocks, Stage, Verdict, decode, elapsed, encode, verdict
from domain.clock.explain import explain
from domain.clock.folding import advance, fold
from domain.clock.marks import Fact, Mark
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policy, PolicyRef, Target, Unit
from domain.clock.recording import next_owed_after, owed
from domain.clock.wording import render

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
# Days around which the wall of the zone does something odd.
ODD_DAYS = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 12, 31)),
    "America/Sao_Paulo": (date(2018, 2, 18), date(2018, 11, 4)),
    "Asia/Kathmandu": (date(2026, 1, 1), date(1986, 1, 1)),
}


@st.composite
def openings(draw: st.DrawFn) -> Openings:
    edges = draw(st.lists(st.sampled_from(range(0, 1441, 15)), min_size=0, max_size=4, unique=True).map(sorted))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar, and an instant a few days before something odd on its wall."""
    zone = draw(st.sampled_from(sorted(ODD_DAYS)))
    odd = draw(st.sampled_from(ODD_DAYS[zone]))
    near = st.integers(-4, 5).map(lambda days: odd + timedelta(days=days))
    weekly = draw(st.lists(openings(), min_size=7, max_size=7).filter(any))
    calendar = Calendar(
        name="drawn",
        version=1,
        zone=zone,
        weekly=tuple(weekly),
        holidays=draw(st.dictionaries(near, st.just("a holiday"), max_size=2)),
        special=draw(st.dictionaries(near, openings(), max_size=2)),
    )
    begin = datetime(odd.year, odd.month, odd.day, tzinfo=UTC) - timedelta(days=4)
    return calendar, begin + draw(st.integers(0, 4 * 1440)) * MINUTE


def is_open(calendar: Calendar, instant: datetime) -> bool:
    """Whether the wall shows an opening: the definition, asked of one instant."""
    wall = instant.astimezone(ZoneInfo(calendar.zone))
    minute = wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in calendar.openings_on(wall.date()))


def minutes_open(calendar: Calendar, a: datetime, b: datetime) -> timedelta:
    count = sum(is_open(calendar, a + number * MINUTE) for number in range((b - a) // MINUTE))
    return count * MINUTE


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 6 * 1440))
def test_business_time_is_what_counting_minutes_gives(drawn: tuple[Calendar, datetime], length: int) -> None:
    calendar, a = drawn
    b = a + length * MINUTE
    expected = minutes_open(calendar, a, b)
    assert calendar.business_time(a, b) == expected
    parts = calendar.intervals(a, b)
    assert sum((part.length for part in parts if part.open), timedelta()) == expected
    assert sum((part.length for part in parts), timedelta()) == b - a
    assert all(one.end == other.start for one, other in pairwise(parts))


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 40 * 3_600_000_000))
def test_adding_is_the_inverse_and_gives_the_earliest_instant(drawn: tuple[Calendar, datetime], micros: int) -> None:
    calendar, a = drawn
    length = timedelta(microseconds=micros)
    reached = calendar.reach(a, length)
    assert reached is not None
    assert calendar.business_time(a, reached) == length
    if length:
        assert calendar.business_time(a, reached - INSTANT) == length - INSTANT


@settings(max_examples=50, deadline=None)
@given(calendars(), st.lists(st.integers(0, 3000 * 86_400_000_000), min_size=3, max_size=3).map(sorted))
def test_business_time_of_parts_adds_up(drawn: tuple[Calendar, datetime], points: list[int]) -> None:
    calendar, begin = drawn
    a, b, c = (begin + timedelta(microseconds=point) for point in points)
    assert calendar.business_time(a, b) + calendar.business_time(b, c) == calendar.business_time(a, c)


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(1, 5000), st.integers(1, 5000))
def test_a_longer_target_is_never_due_earlier(drawn: tuple[Calendar, datetime], one: int, other: int) -> None:
    calendar, a = drawn
    short, long = sorted((one, other))
    assert calendar.add_business_time(a, short * MINUTE) <= calendar.add_business_time(a, long * MINUTE)


@settings(max_examples=50, deadline=None)
@given(calendars())
def test_the_next_opening_is_the_first_minute_that_is_open(drawn: tuple[Calendar, datetime]) -> None:
    calendar, a = drawn
    following = calendar.next_open(a)
    assert following is not None
    assert is_open(calendar, following)
    assert calendar.business_time(a, following) == timedelta()


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(1, 6))
def test_business_days_end_on_the_last_of_that_many_days_that_open(drawn: tuple[Calendar, datetime], days: int) -> None:
    calendar, a = drawn
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
    calendar, begin = draw(calendars())
    known = {policy.ref: policy for policy in (draw(policies("one", calendar)), draw(policies("two", calendar)))}
    refs = [None, *known]
    at = begin
    marks = [Mark(fact=Fact.OPENED, at=at, version=1)]
    facts = st.sampled_from((*PLAIN_FACTS, Fact.ATTACHED, Fact.RECALCULATED))
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
@given(calendars(), st.lists(st.tuples(st.sampled_from(PLAIN_FACTS), st.integers(0, 900)), max_size=10))
def test_the_resolution_clock_counts_the_open_minutes_that_a_simulation_counts(
    drawn: tuple[Calendar, datetime], steps: list[tuple[Fact, int]]
) -> None:
    calendar, begin = drawn
    policy = Policy(name="p", version=1, calendar=calendar, targets={Kind.RESOLUTION: Target(600)})
    marks = [
        Mark(fact=Fact.ATTACHED, at=begin, version=1, policy=policy.ref),
        Mark(fact=Fact.OPENED, at=begin, version=2),
    ]
    # The simulation knows three switches and counts a minute when all allow it.
    at, held, resolved, merged, counted = begin, False, False, False, 0
    for number, (fact, minutes) in enumerate(steps, start=3):
        for passed in range(minutes):
            counted += not held and not resolved and not merged and is_open(calendar, at + passed * MINUTE)
        at += minutes * MINUTE
        marks.append(Mark(fact=fact, at=at, version=number, reason="requester"))
        if fact is Fact.HELD and (merged or not resolved):
            held = True
        elif fact is Fact.RESUMED:
            held = False
        elif fact in (Fact.RESOLVED, Fact.CLOSED) and not merged and not resolved:
            resolved, held = True, False
        elif fact is Fact.REOPENED and not merged:
            resolved = False
        elif fact is Fact.MERGED:
            merged = True
        elif fact is Fact.MERGE_REVERSED:
            merged = False
    clock = fold(marks, {policy.ref: policy}).resolution
    assert clock is not None
    assert elapsed(clock, at, {policy.ref: policy}) == counted * MINUTE


@settings(max_examples=50, deadline=None)
@given(calendars(), st.integers(0, 2000), st.integers(0, 2000))
def test_a_hold_moves_due_by_the_business_time_inside_it_and_by_nothing_else(
    drawn: tuple[Calendar, datetime], before: int, held: int
) -> None:
    calendar, begin = drawn
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
