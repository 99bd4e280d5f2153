"""Lives of tickets for hypothesis to draw, as moves for the simulation and as events for the product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from berlin import Desk, named
from domain.clock.calendar import Calendar
from domain.clock.policy import PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.envelope import Event
from domain.ticket import events as e
from simulation import KINDS, Hours, Move, Span, Terms

MINUTE = timedelta(minutes=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
REQUESTER = UUID(int=99)
REASONS = ("requester", "vendor", "approval")

ODD_DAYS: Mapping[str, tuple[date, ...]] = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Asia/Kathmandu": (date(2026, 1, 1), date(1986, 1, 1)),
    "Pacific/Chatham": (date(2026, 4, 5), date(2026, 9, 27)),
    "America/St_Johns": (date(2006, 4, 2), date(2006, 10, 29), date(2026, 3, 8)),
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 9, 24)),
    "Europe/Dublin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/Sao_Paulo": (date(2018, 2, 18), date(2018, 11, 4)),
    "Antarctica/Troll": (date(2026, 3, 29), date(2026, 10, 25)),
    "Asia/Gaza": (date(2026, 3, 28), date(2026, 10, 31)),
    "Africa/Monrovia": (date(1972, 1, 7),),
    "Asia/Kolkata": (date(1941, 10, 1), date(1945, 10, 15)),
}
"""Zones whose wall does something odd, and around when: half an hour, three quarters, two hours, at midnight, a minute
past it, a day that never was, winter time below standard time, an offset with seconds in it."""

SECONDS: Mapping[str, timedelta] = {"Africa/Monrovia": timedelta(seconds=30)}
"""How long a step of the simulation may be where openings do not fall on whole minutes of UTC."""


def step_of(zone: str) -> timedelta:
    return SECONDS.get(zone, MINUTE)


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    """The openings of a day: none, one or two; often up to 24:00, sometimes round the clock."""
    if draw(st.booleans()):
        return draw(st.sampled_from((((0, 1440),), ((540, 1020),), ((60, 240),), ((1380, 1440),))))
    edges = draw(
        st.lists(st.sampled_from((*range(0, 1440, 15), 1440, 1440, 1440)), max_size=4, unique=True).map(sorted)
    )
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def hours(draw: st.DrawFn, zone: str, odd: date) -> Hours:
    """A calendar of the zone, with holidays and special days near the odd one."""
    near = st.integers(-3, 4).map(lambda days: odd + timedelta(days=days))
    return Hours(
        zone=zone,
        week=tuple(draw(st.lists(spans(), min_size=7, max_size=7).filter(any))),
        holidays=draw(st.frozensets(near, max_size=2)),
        special=tuple(draw(st.dictionaries(near, spans(), max_size=2)).items()),
    )


@dataclass(frozen=True)
class Drawn:
    """A calendar as written down and as the product reads it; and an instant, days before something odd on its wall."""

    hours: Hours
    calendar: Calendar
    begin: datetime

    @property
    def step(self) -> timedelta:
        return step_of(self.hours.zone)


@st.composite
def calendars(draw: st.DrawFn) -> Drawn:
    """Any calendar, and an instant at which to begin."""
    zone = draw(st.sampled_from(sorted(ODD_DAYS)))
    odd = draw(st.sampled_from(ODD_DAYS[zone]))
    written = draw(hours(zone, odd))
    begin = datetime(odd.year, odd.month, odd.day, tzinfo=UTC) - draw(st.integers(0, 4 * 1440)) * MINUTE
    return Drawn(written, calendar_named("drawn", written), begin)


@st.composite
def terms(draw: st.DrawFn, name: str, calendar: Hours) -> Terms:
    """A policy with a target for every clock."""
    paused = st.frozensets(st.sampled_from(REASONS))
    return Terms(
        name=name,
        hours=calendar,
        minutes={kind: 20 * draw(st.integers(1, 40)) for kind in KINDS},
        plain=draw(st.frozensets(st.sampled_from(KINDS), max_size=1)),
        pauses={kind: draw(paused) for kind in KINDS},
        on_reopen=draw(st.sampled_from(("resume", "restart"))),
        on_retarget=draw(st.sampled_from(("recompute", "recompute", "keep", "restart"))),
    )


_TALK = ("ask", "ask", "answer", "answer", "acknowledge", "note")
_OFTEN = ("retarget", "retarget", "assign")
_NEXT: Mapping[str, tuple[str, ...]] = {
    "open": (*_TALK, *_OFTEN, "hold", "hold", "hold", "hold", "resolve", "resolve", "close", "cancel", "merge"),
    "held": (*_TALK, *_OFTEN, "resume", "resume", "resume", "resume", "hold", "resolve", "merge"),
    "resolved": ("ask", "answer", "retarget", "reopen", "reopen", "close", "merge"),
    "closed": ("ask", "reopen", "reopen", "merge"),
    "cancelled": ("reopen",),
    "merged": ("part",),
}
_AFTER = {"hold": "held", "resume": "open", "resolve": "resolved", "close": "closed", "cancel": "cancelled"}
_LONGEST = {"hold": 1500, "resume": 2500}


@dataclass(frozen=True)
class Life:
    """What happens to one ticket, under which policies, until when; and how long a step has to be."""

    moves: Sequence[Move]
    until: datetime
    step: timedelta


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A ticket opened a day or two before something odd on the wall, and what may happen to it then."""
    zone = draw(st.sampled_from(sorted(ODD_DAYS)))
    odd = draw(st.sampled_from(ODD_DAYS[zone]))
    one, other = draw(hours(zone, odd)), draw(hours(zone, odd))
    policies = [
        draw(terms("one", one)),
        draw(terms("other", draw(st.sampled_from((one, other))))),
        draw(terms("third", one)),
    ]
    at = datetime(odd.year, odd.month, odd.day, tzinfo=UTC) - draw(st.integers(60, 2880)) * MINUTE
    moves = [Move(at, "open", draw(st.sampled_from(policies)))]
    status, before = "open", "open"
    for _ in range(draw(st.integers(3, 14))):
        word = draw(st.sampled_from(_NEXT[status]))
        at += draw(st.one_of(st.just(0), st.integers(0, 120), st.integers(0, _LONGEST.get(word, 700)))) * MINUTE
        said = {
            "hold": st.sampled_from(REASONS),
            "assign": st.booleans(),
            "retarget": st.sampled_from(policies),
        }.get(word, st.none())
        moves.append(Move(at, word, draw(said)))
        if word == "merge":
            before, status = status, "merged"
        elif word == "part":
            status = before
        elif word == "reopen":
            status = "open"
        else:
            status = _AFTER.get(word, status)
    return Life(moves, at + draw(st.integers(0, 1500)) * MINUTE, step_of(zone))


_EVENTS: Mapping[str, type[Event]] = {
    "ask": e.RequesterReplied,
    "answer": e.AgentReplied,
    "acknowledge": e.AgentReplied,
    "note": e.TicketNoted,
    "hold": e.TicketPutOnHold,
    "resume": e.TicketResumed,
    "assign": e.TicketAssigned,
    "resolve": e.TicketResolved,
    "close": e.TicketClosed,
    "cancel": e.TicketCancelled,
    "merge": e.TicketMergedInto,
    "part": e.MergeReversed,
    "reopen": e.TicketReopened,
    "retarget": e.SlaRetargeted,
}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "ask": {"text": "well?"},
    "answer": {"text": "this is how"},
    "acknowledge": {"text": "we have your message", "automatic": True},
    "note": {"text": "hm"},
    "resolve": {"code": "done"},
    "merge": {"target": UUID(int=5), "number": 5},
    "part": {"target": UUID(int=5), "number": 5},
    "reopen": {"was": "resolved"},
}


def told(life: Life, desk: Desk, ticket: int = 1) -> None:
    """The life as events of a ticket, and its policies as the desk would have read them from its configuration."""
    for move in life.moves:
        if isinstance(move.said, Terms):
            ref = ref_of(move.said, desk, ticket)
            if move.word == "open":
                desk.opened(move.at, ref, ticket, requester=REQUESTER)
            else:
                desk.then(e.SlaRetargeted, move.at, ticket, **named(ref), cause="priority")
            continue
        fields = dict(_FIELDS.get(move.word, {}))
        if move.word == "hold":
            fields["reason"] = move.said
        if move.word == "assign":
            fields |= {"assignee": "ann", "own": move.said}
        desk.then(_EVENTS[move.word], move.at, ticket, **fields)


def ref_of(given: Terms, desk: Desk, ticket: int) -> PolicyRef:
    """The policy of this name of this ticket, known to the desk."""
    name = f"{given.name} of {ticket}"
    units = {kind: "calendar_minutes" if kind in given.plain else "minutes" for kind in KINDS}
    policy = policy_from(
        name,
        1,
        calendar_named(f"{name}: hours", given.hours),
        {
            "targets": {kind: {units[kind]: minutes} for kind, minutes in given.minutes.items()},
            "pauses": {kind: sorted(reasons) for kind, reasons in given.pauses.items()},
            "on_reopen": given.on_reopen,
            "on_retarget": given.on_retarget,
        },
    )
    desk.policies[policy.ref] = policy
    return policy.ref


def calendar_named(name: str, given: Hours) -> Calendar:
    """The calendar as the product reads it from a configuration."""
    return calendar_from(
        name,
        1,
        given.zone,
        {day: _texts(openings) for day, openings in zip(DAYS, given.week, strict=True) if openings},
        {day.isoformat(): "a holiday" for day in given.holidays},
        {day.isoformat(): _texts(openings) for day, openings in given.special},
    )


def _texts(openings: Sequence[Span]) -> list[tuple[str, str]]:
    return [(_text(start), _text(end)) for start, end in openings]


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
