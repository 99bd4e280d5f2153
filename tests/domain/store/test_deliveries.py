"""What waits for a webhook: of each line and ticket the first is due, whatever happens, and nothing is forgotten."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desks import ACT
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.setup.events import SETUP
from domain.store.deliveries import WINDOW, Attempt, Due, Outcome, Waiting

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
LONG_AFTER = NOON + timedelta(days=9)
PART = w.Wanted(url="https://hr.example.org/acta", tells=("outcomes", "facts"))
Matter = tuple[bytes, UUID | None]
matters = st.tuples(st.sampled_from([b"one", b"two", b"three"]), st.sampled_from([None, UUID(int=1), UUID(int=2)]))
steps = st.one_of(
    st.tuples(st.just("read"), st.lists(matters, max_size=6)),
    st.tuples(st.sampled_from(["delivered", "erased", "failed", "exhausted"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["resume", "change"]), st.none()),
    st.tuples(st.just("replay"), st.integers(0, 8)),
)


class Waits:
    """A webhook's deliveries as they should be, beside those that are."""

    def __init__(self, desk: Desk, webhook: str) -> None:
        self.desk = desk
        self.webhook = webhook
        self.place = desk.deliveries.places()[webhook]
        self.first = self.place + 1
        self.waiting: dict[int, Matter] = {}

    def read(self, found: Sequence[Matter]) -> None:
        fresh = {self.place + 1 + n: matter for n, matter in enumerate(found)}
        waits = [Waiting(webhook=self.webhook, position=at, line=line, ticket=t) for at, (line, t) in fresh.items()]
        self.desk.deliveries.read({self.webhook: self.place}, self.place + len(found), waits, NOON)
        self.place += len(found)
        self.waiting |= fresh

    def due(self, at: datetime = LONG_AFTER) -> list[Due]:
        return self.desk.deliveries.due([self.webhook], at, 1_000)

    def came(self, due: Due, outcome: Outcome) -> None:
        self.desk.deliveries.settle([attempted(due, outcome)], NOON)
        if outcome in ("delivered", "erased"):
            del self.waiting[due.position]

    def replay(self, position: int) -> None:
        w.replay(self.desk, ACT, self.webhook, position)
        follow(self.desk)
        self.place = min(self.place, position - 1)
        self.waiting = {at: matter for at, matter in self.waiting.items() if at < position}

    def firsts(self) -> set[int]:
        """Those before which nothing waits in their line or of their ticket."""
        firsts: set[int] = set()
        lines: set[bytes] = set()
        tickets: set[UUID | None] = {None}
        for at, (line, ticket) in sorted(self.waiting.items()):
            if line not in lines and (ticket is None or ticket not in tickets):
                firsts.add(at)
            lines.add(line)
            tickets.add(ticket)
        return firsts


def attempted(due: Due, outcome: Outcome) -> Attempt:
    return Attempt(
        webhook=due.webhook,
        at=NOON,
        message="x/1",
        position=due.position,
        type="",
        ticket=None,
        attempt=due.attempts + 1,
        outcome=outcome,
        status=None,
        error="",
        took_ms=1,
        next_at=NOON + AN_HOUR if outcome == "failed" else None,
    )


def follow(desk: Desk) -> None:
    followed = desk.deliveries.followed()
    newer = [desk.sealing.decoded(event) for event in desk.store.newer([(SETUP, followed)])]
    desk.deliveries.follow(newer, followed, NOON)


@contextmanager
def waits(desk: Desk) -> Iterator[Waits]:
    """A webhook of its own."""
    webhook = w.register(desk, ACT, "it", PART).webhook.webhook
    follow(desk)
    yield Waits(desk, webhook)
    w.retire(desk, ACT, webhook)
    follow(desk)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.lists(steps, max_size=15))
def test_whatever_happens_the_first_of_each_line_and_ticket_is_due_and_nothing_else(
    desk: Desk, taken: list[tuple[str, object]]
) -> None:
    with waits(desk) as one:
        given_up: set[int] = set()
        for step, much in taken:
            match step, much:
                case "read", list():
                    one.read(much)
                case "replay", int():
                    # Not before it was registered, where the log holds other things than these.
                    if one.first + much <= desk.store.head() + 1:
                        one.replay(one.first + much)
                case "resume", _:
                    w.pause(desk, ACT, one.webhook)
                    w.resume(desk, ACT, one.webhook)
                    follow(desk)
                    given_up = set()
                case "change", _:
                    url = f"https://hr.example.org/{desk.store.head()}"
                    w.change(desk, ACT, one.webhook, w.Wanted(url=url, tells=PART.tells))
                    follow(desk)
                case ("delivered" | "erased" | "failed" | "exhausted") as outcome, int():
                    for due in one.due()[much : much + 1]:
                        one.came(due, outcome)
                        given_up |= {due.position} if outcome == "exhausted" else set()
            given_up &= one.waiting.keys()
            assert {due.position for due in one.due()} == one.firsts() - given_up
            assert desk.deliveries.waiting([one.webhook]).get(one.webhook, 0) == len(one.waiting)


def test_what_is_put_behind_a_delivery_while_it_goes_is_not_left_behind(desk: Desk) -> None:
    """As with a process that was stopped, and settles what it has sent while its successor reads on."""
    with waits(desk) as one:
        reading = Thread(target=lambda: [one.read([(b"one", None)]) for _ in range(200)])
        reading.start()
        settled = 0
        while settled < 200:
            assert reading.is_alive() or one.due()
            for due in one.due():
                desk.deliveries.settle([attempted(due, "delivered")], NOON)
                settled += 1
        reading.join()


def test_what_has_failed_is_due_when_it_is_time_and_all_behind_it_after_it(desk: Desk) -> None:
    with waits(desk) as one:
        one.read([(b"one", None), (b"one", UUID(int=1)), (b"two", UUID(int=1)), (b"three", None)])
        failing, other = one.due(NOON)
        one.came(failing, "failed")
        assert one.due(NOON) == [other]
        (again,) = one.due(NOON + AN_HOUR)[1:]
        assert (again.position, again.attempts) == (failing.position, 1)
        for expected in range(failing.position, other.position):
            assert [due.position for due in one.due(NOON + AN_HOUR) if due != other] == [expected]
            one.came(next(due for due in one.due() if due != other), "delivered")


@pytest.mark.parametrize(("number", "full"), [(WINDOW - 1, False), (WINDOW, True)])
def test_a_webhook_for_which_too_much_waits_is_full(desk: Desk, number: int, full: bool) -> None:
    with waits(desk) as one:
        one.read([(b"one", None)] * number)
        assert desk.deliveries.standings([one.webhook])[one.webhook].full is full
        assert desk.deliveries.totals().full == int(full)
        assert len(one.due()) == 1
