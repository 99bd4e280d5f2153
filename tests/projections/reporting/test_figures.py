"""Every figure, recomputed from the events by plain Python that shares nothing with the view."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from domain.clock.policy import PolicyRef
from domain.envelope import Event
from domain.ticket import events as e
from lives import POLICIES
from projections.reporting import REPORTS, Figures, Question, response_times

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]

SINCE, UNTIL = datetime(2026, 3, 24, 4, tzinfo=UTC), datetime(2026, 4, 14, 15, 30, tzinfo=UTC)
NAMES = {"agent": "assignee", "group": "group", "department": "department", "category": "category"}
OPEN = ("new", "in_progress", "on_hold")


class Naive:
    """One ticket after each of its events, and what happened to it, by the plainest means."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.states: list[tuple[datetime, dict[str, Any]]] = []
        self.happenings: list[tuple[datetime, str, Any]] = []
        self.now: dict[str, Any] = {"assignee": "", "status": "new", "merged": False, "spam": False, "ref": None}
        self.now |= {"first": None, "waiting": None, "resolved": None, "regrouped": 0, "handed": 0, "last": ""}
        self.billable: set[int] = set()
        for event in events:
            self.hear(event)
            self.states.append((event.effective_at, dict(self.now)))

    def at(self, moment: datetime) -> dict[str, Any] | None:
        known = [state for since, state in self.states if since <= moment]
        return known[-1] if known else None

    def say(self, event: Event, what: str, value: Any = None) -> None:
        self.happenings.append((event.effective_at, what, value))

    def business(self, since: datetime, until: datetime) -> float | None:
        if self.now["ref"] is None:
            return None
        return POLICIES[self.now["ref"]].calendar.business_time(since, until) / timedelta(minutes=1)

    def own(self, assignee: str) -> None:
        if assignee:
            self.now["handed"] += self.now["last"] not in ("", assignee)
            self.now["last"] = assignee
        self.now["assignee"] = assignee

    def resolve(self, event: Event) -> None:
        self.say(event, "resolved")
        self.now |= {"status": "resolved", "resolved": event.effective_at, "waiting": None}
        self.now["resolved business"] = self.business(self.now["opened_at"], event.effective_at)

    def hear(self, event: Event) -> None:
        now, at = self.now, event.effective_at
        match event:
            case e.TicketOpened():
                names = ("department", "group", "category", "priority", "request_type")
                now |= {name: getattr(event, name) for name in names}
                now |= {"requester": str(event.requester), "channel": event.act.channel, "opened_at": at}
                now["imported"] = bool(event.imported_from)
                self.say(event, "opened")
            case e.SlaAttached() | e.SlaRetargeted():
                now["ref"] = PolicyRef(event.policy, event.policy_version, event.calendar, event.calendar_version)
            case e.CategoryChanged():
                now["category"] = event.new
            case e.PriorityOverridden():
                now["priority"] = event.new
            case e.TicketTransferred():
                now["department"] = event.new
            case e.TicketRouted():
                now["regrouped"] += event.old != ""
                now["group"] = event.new
            case e.TicketAssigned():
                self.own(event.assignee)
                now["status"] = "in_progress" if now["status"] == "new" else now["status"]
            case e.TicketReleased():
                self.own("")
            case e.TicketMarkedSpam() | e.TicketUnmarkedSpam():
                now["spam"] = isinstance(event, e.TicketMarkedSpam)
            case e.TicketMergedInto() | e.MergeReversed():
                now["merged"] = isinstance(event, e.TicketMergedInto)
            case e.RequesterReplied():
                if now["first"] and not now["waiting"] and now["status"] in OPEN:
                    now["waiting"] = at
            case e.AgentReplied() if not event.automatic:
                self.say(event, "reply", event.act.actor.id)
                if not now["first"]:
                    self.say(event, "first")
                    now |= {"first": at, "first business": self.business(now["opened_at"], at)}
                if now["waiting"]:
                    self.say(event, "next", (at - now["waiting"], self.business(now["waiting"], at)))
                now["waiting"] = None
                now["status"] = "in_progress" if now["status"] == "new" else now["status"]
            case e.TimeLogged():
                self.billable |= {event.entry} if event.billable else set()
                billed = event.minutes if event.billable else 0
                self.say(event, "time", (event.act.actor.id, event.minutes, billed))
            case e.TimeCorrected():
                more = event.minutes - event.old_minutes
                self.say(event, "time", (event.act.actor.id, more, more if event.entry in self.billable else 0))
            case e.TicketPutOnHold():
                now["status"] = "on_hold"
            case e.TicketResumed():
                now["status"] = "in_progress"
            case e.TicketResolved():
                self.resolve(event)
            case e.TicketClosed() | e.TicketCancelled():
                what = "closed" if isinstance(event, e.TicketClosed) else "cancelled"
                self.say(event, what)
                now |= {"status": what, "waiting": None}
            case e.TicketReopened():
                self.say(event, "reopened")
                now |= {"status": "in_progress", "resolved": None}
            case e.TicketRated():
                self.say(event, "rated", event.score)
            case e.TicketCorrected() if "opened_at" in event.new:
                now["opened_at"] = datetime.fromisoformat(event.new["opened_at"])
                for what in ("first", "resolved"):
                    if now[what]:
                        now[f"{what} business"] = self.business(now["opened_at"], now[what])
            case e.TicketCorrected() if event.new["status"] == "resolved":
                self.resolve(event)
            case e.TicketCorrected():
                self.say(event, "closed")
                now |= {"status": "closed", "waiting": None}
            case _:
                pass


def lived(history: list[Event]) -> list[Naive]:
    streams: dict[Any, list[Event]] = defaultdict(list)
    for event in history:
        streams[event.stream].append(event)
    return [Naive(events) for events in streams.values()]


def label(at: datetime, bucket: str | None, zone: str) -> Any:
    """The bucket of an instant, as the wall of that zone shows it."""
    local = at.astimezone(ZoneInfo(zone))
    return {
        None: "all",
        "day": (local.date(),),
        "week": tuple(local.isocalendar())[:2],
        "month": (local.year, local.month),
        "quarter": (local.year, (local.month + 2) // 3),
        "year": (local.year,),
    }[bucket]


class Tally:
    """Happenings by bucket and dimensions."""

    def __init__(self, question: Question, naive: list[Naive]) -> None:
        self.question = question
        self.found: dict[Row, list[tuple[str, Any, dict[str, Any]]]] = defaultdict(list)
        self.rated: dict[tuple[Naive, Any], Any] = {}
        for ticket in naive:
            for at, what, value in ticket.happenings:
                self.enter(ticket, at, what, value)

    def enter(self, ticket: Naive, at: datetime, what: str, value: Any) -> None:
        asked = self.question
        stood, counted = ticket.at(at), at
        if asked.at and at > asked.at:
            return
        if what == "opened":
            latest = ticket.at(asked.at or datetime.max.replace(tzinfo=UTC))
            assert latest is not None
            counted = latest["opened_at"]
        if stood and asked.since <= counted < asked.until and (not asked.at or counted <= asked.at):
            place = [stood[NAMES.get(name, name)] for name in asked.by]
            if what in ("reply", "time") and "agent" in asked.by:
                place[asked.by.index("agent")] = value if what == "reply" else value[0]
            key = (label(counted, asked.bucket, asked.zone), *place)
            thing = (what, value, {**stood, "at": at})
            if what == "rated" and (earlier := self.rated.get((ticket, key[0]))):
                self.found[earlier[0]].remove(earlier[1])
            if what == "rated":
                self.rated[ticket, key[0]] = (key, thing)
            self.found[key].append(thing)

    def rows(self, measure: Callable[[list[tuple[str, Any, dict[str, Any]]]], Row]) -> dict[Row, Row]:
        """What was measured, wherever that is something."""
        rows = {key: measure(happened) for key, happened in self.found.items()}
        return {key: row for key, row in rows.items() if any(row)}


def percentile(values: list[float], share: float) -> float:
    values = sorted(values)
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def spread(values: list[float]) -> Row:
    if not values:
        return (0, None, None, None, None)
    return (len(values), sum(values) / len(values), *(percentile(values, share) for share in (0.5, 0.9, 0.95)))


def durations(what: str) -> Callable[[Any], Row]:
    """As the ticket stood after everything of that instant: a resolution undone in the very same one is none."""

    def measure(happened: Any) -> Row:
        if what == "next":
            found = [value for kind, value, _ in happened if kind == what]
        else:
            stood = [stood for kind, _, stood in happened if kind == what and stood[what] is not None]
            found = [(state["at"] - state["opened_at"], state[f"{what} business"]) for state in stood]
        plain = [spent / timedelta(minutes=1) for spent, _ in found]
        return (*spread(plain), *spread([business for _, business in found if business is not None]))

    return measure


def several(*kinds: str) -> Callable[[Any], Row]:
    return lambda happened: tuple(sum(what == kind for what, _, _ in happened) for kind in kinds)


def finished(happened: Any) -> list[dict[str, Any]]:
    return [s for what, _, s in happened if what == "resolved" or (what == "closed" and s["resolved"] is None)]


def reopenings(happened: Any) -> Row:
    (part,), whole = several("reopened")(happened), len(finished(happened))
    return (part, whole, part / whole if whole else None)


def reassignments(happened: Any) -> Row:
    done = finished(happened)
    found: list[Any] = [len(done)]
    for name in ("regrouped", "handed"):
        part = sum(stood[name] > 0 for stood in done)
        found += [part, part / len(done) if done else None, sum(stood[name] for stood in done)]
    return tuple(found)


def ratings(happened: Any) -> Row:
    scores = [score for what, score, _ in happened if what == "rated"]
    mean = sum(scores) / len(scores) if scores else None
    return (len(scores), mean, *(scores.count(score) for score in range(1, 6)))


def work(happened: Any) -> Row:
    time = [value for what, value, _ in happened if what == "time"]
    (replies,) = several("reply")(happened)
    return len(finished(happened)), replies, sum(value[1] for value in time), sum(value[2] for value in time)


def levels(question: Question, naive: list[Naive], ends: dict[Any, datetime]) -> dict[Row, Row]:
    """The backlog at each end, by looking at every ticket."""
    found: dict[Row, list[int]] = defaultdict(lambda: [0, 0, 0])
    for bucket, end in ends.items():
        for ticket in naive:
            stood = ticket.at(end)
            if stood and stood["status"] in OPEN and not stood["merged"] and not stood["spam"]:
                row = found[(bucket, *(stood[NAMES.get(name, name)] for name in question.by))]
                row[0] += 1
                row[1] += stood["assignee"] == ""
                row[2] += stood["status"] == "on_hold"
    return {key: tuple(row) for key, row in found.items()}


def ends_of(question: Question, figures: Figures) -> dict[Any, datetime]:
    """The last instant of every bucket in an answer without dimensions."""
    begins = [row[0] for row in figures.rows]
    last = timedelta(microseconds=1)
    ends = [min([end, question.until]) - last for end in (*begins[1:], question.until)]
    if question.at:
        ends = [min(end, question.at) for end in ends]
    labels = [label(begin, question.bucket, question.zone) for begin in begins]
    return dict(zip(labels, ends, strict=True))


def given(question: Question, figures: Figures) -> dict[Row, Row]:
    """An answer by bucket as the wall shows it, where there is something in it."""
    width = 1 + len(question.by)
    rows = {(label(row[0], question.bucket, question.zone), *row[1:width]): row[width:] for row in figures.rows}
    return {key: row for key, row in rows.items() if any(row)}


def agree(found: dict[Row, Row], expected: dict[Row, Row]) -> None:
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key] == pytest.approx(row, abs=2e-6, nan_ok=True), key


MEASURES: dict[str, Callable[[Any], Row]] = {
    "volume": several("opened", "resolved", "closed", "cancelled", "reopened"),
    "response-times": durations("first"),
    "resolution-times": durations("resolved"),
    "reopened": reopenings,
    "reassigned": reassignments,
    "satisfaction": ratings,
}
QUESTIONS = [
    Question(since=SINCE, until=UNTIL, bucket=bucket, zone=zone, by=by, at=at)
    for bucket, zone, by, at in (
        (None, "UTC", (), None),
        ("day", "Europe/Berlin", (), None),
        ("day", "Australia/Lord_Howe", ("department",), None),
        ("week", "Europe/Berlin", ("group", "priority"), None),
        ("week", "Australia/Lord_Howe", (), datetime(2026, 4, 3, 9, 17, tzinfo=UTC)),
        ("month", "Australia/Lord_Howe", ("agent", "category"), None),
        ("quarter", "America/New_York", ("channel", "imported"), datetime(2026, 4, 3, 9, 17, tzinfo=UTC)),
        ("year", "Europe/Berlin", ("requester", "request_type"), None),
    )
]


def test_every_figure_is_what_plain_counting_gives(desk: Connection, history: list[Event]) -> None:
    naive = lived(history)
    for question in QUESTIONS:
        tally = Tally(question, naive)
        for report, measure in MEASURES.items():
            agree(given(question, REPORTS[report](desk, question)), tally.rows(measure))
        agree(given(question, response_times(desk, question, "next")), tally.rows(durations("next")))


def test_the_backlog_is_what_looking_at_every_ticket_gives(desk: Connection, history: list[Event]) -> None:
    naive = lived(history)
    for question in QUESTIONS:
        plain = Question(since=SINCE, until=UNTIL, bucket=question.bucket, zone=question.zone, by=(), at=question.at)
        ends = ends_of(question, REPORTS["backlog"](desk, plain))
        agree(given(question, REPORTS["backlog"](desk, question)), levels(question, naive, ends))


def test_the_workload_is_what_plain_counting_gives(desk: Connection, history: list[Event]) -> None:
    naive = lived(history)
    for question in QUESTIONS:
        plain = Question(since=SINCE, until=UNTIL, bucket=question.bucket, zone=question.zone, at=question.at)
        left = levels(question, naive, ends_of(question, REPORTS["backlog"](desk, plain)))
        done = Tally(question, naive).rows(work)
        expected = {key: (*done.get(key, (0, 0, 0, 0)), left.get(key, (0,))[0]) for key in done.keys() | left.keys()}
        agree(given(question, REPORTS["workload"](desk, question)), expected)


def test_the_made_history_has_something_to_count(history: list[Event]) -> None:
    tally = Tally(Question(since=SINCE, until=UNTIL), lived(history))
    kinds = {what for happened in tally.found.values() for what, _, _ in happened}
    assert kinds >= {"opened", "resolved", "closed", "cancelled", "reopened", "first", "next", "rated", "time"}
