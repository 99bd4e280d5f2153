"""Whenever the clock strikes, and however often: the same facts are recorded, once each, with the same times."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.clock.policy import PolicyRef
from domain.ticket import events as e
from domain.ticket.sla import ClockFact
from striking import START, Struck, under

CHAIN = {
    "resolution": [
        {"percent": 50, "notify": ["alice"]},
        {"before_minutes": 30, "notify": ["bob"]},
        {"after_minutes": 0, "notify": ["network"]},
        {"after_minutes": 90, "notify": ["alice"]},
    ]
}
TARGETS = {kind: {"minutes": minutes} for kind, minutes in (("first_response", 60), ("next_response", 90))}
GOLD = under("gold", targets={**TARGETS, "resolution": {"minutes": 480}}, chain=CHAIN)
SHORT = under("short", targets={**TARGETS, "resolution": {"minutes": 200}}, chain=CHAIN, warnings=[0.5])
POLICIES = {**GOLD, **SHORT}
FACTS: dict[str, e.TicketEvent] = {
    "reply": e.AgentReplied(text="Which network?"),
    "ask": e.RequesterReplied(text="All of them."),
    "hold": e.TicketPutOnHold(reason="requester"),
    "wait": e.TicketPutOnHold(reason="vendor"),
    "resume": e.TicketResumed(),
    "resolve": e.TicketResolved(code="fixed"),
    "reopen": e.TicketReopened(was="resolved"),
    "exempt": e.SlaExempted(clocks=("next_response",), reason="As agreed."),
}
Life = list[tuple[str, int]]
LIVES = st.lists(st.tuples(st.sampled_from([*FACTS, "gold", "short"]), st.integers(0, 400)), max_size=12)
END = START + timedelta(days=14)


def lived(life: Life, strokes: list[int]) -> Struck:
    """A ticket with this life (what, minutes after what came before) and strokes so many minutes after the start."""
    ticket = Struck(POLICIES).attached()
    at, left = START, [START + timedelta(minutes=minutes) for minutes in sorted(strokes)]
    for what, minutes in life:
        at += timedelta(minutes=minutes)
        while left and left[0] <= at:
            ticket.struck(left.pop(0))
        if what in FACTS:
            ticket.then(FACTS[what], at)
        else:
            ticket.attached(PolicyRef(what, 1, "office", 1), at)
    for moment in (*left, END):
        ticket.struck(moment)
    return ticket


def recorded(ticket: Struck, *kinds: type[ClockFact]) -> Counter[tuple[Any, ...]]:
    """What the clock recorded, without its place among the other facts."""
    found: Counter[tuple[Any, ...]] = Counter()
    for event in ticket.events:
        if isinstance(event, kinds):
            more: tuple[Any, ...] = ()
            if isinstance(event, e.SlaWarned):
                more = (event.share,)
            if isinstance(event, e.SlaChainStepTaken):
                more = (event.step, event.policy)
            found[event.TYPE, event.clock, event.instance, event.target, event.occurred_at, *more] += 1
    return found


STROKES = st.lists(st.integers(0, 6000), max_size=40)


@given(life=LIVES, strokes=STROKES)
def test_warnings_and_breaches_do_not_depend_on_when_the_clock_struck(life: Life, strokes: list[int]) -> None:
    often = recorded(lived(life, strokes), e.SlaWarned, e.SlaBreached)
    late = recorded(lived(life, []), e.SlaWarned, e.SlaBreached)
    assert often == late
    assert all(count == 1 for count in often.values())


@given(life=LIVES, strokes=STROKES)
def test_a_step_is_taken_once_for_a_clock_and_never_before_its_time(life: Life, strokes: list[int]) -> None:
    ticket = lived(life, strokes)
    steps = [event for event in ticket.events if isinstance(event, e.SlaChainStepTaken)]
    assert all(count == 1 for count in Counter((s.clock, s.instance, s.policy, s.step) for s in steps).values())
    assert all(step.occurred_at <= step.recorded_at for step in steps)
    assert ticket.struck(END) == []


@given(life=LIVES, strokes=STROKES, back=st.integers(0, 600))
def test_strokes_of_a_clock_whose_watch_is_behind_change_nothing(life: Life, strokes: list[int], back: int) -> None:
    ticket = lived(life, strokes)
    before: datetime = END - timedelta(minutes=back)
    assert ticket.struck(END, as_of=before) == []
