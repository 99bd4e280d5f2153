"""Webhooks delivered: to real servers that take, fail, hang, redirect or are gone; in order, at least once, signed."""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from random import Random
from threading import Event as Flag
from threading import Lock
from typing import Any

import msgspec
import psycopg
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from api.problems import told
from consumers.posting import Poster
from consumers.reaching import Reach
from consumers.webhooks import Manner, webhooks
from consuming import Running, running, until
from desks import ACT, give
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.doors import doorkeeper, take
from domain.desk.forgetting import erase
from domain.request.letter import Letter
from domain.store.deliveries import Logged
from receivers import Came, Receiver, Say, receiving, takes

HERE = Reach(plain_hosts=("127.0.0.1", "localhost"), networks=(ip_network("127.0.0.0/8"),))
AT_ONCE: Sequence[timedelta] = (timedelta(0),) * 9
SECONDS: Sequence[timedelta] = (timedelta(hours=1),) * 2


class Line:
    """A department's software that hands in requests, and a desk that delivers what comes of them."""

    def __init__(self, desk: Desk, dsn: str) -> None:
        self.desk = desk
        self._dsn = dsn
        self._sent = 0
        self.now: datetime | None = None

    def send(self, kind: str, reference: str, department: str = "it", **data: object) -> None:
        """Hand in a request, and have it decided."""
        self._sent += 1
        letter = Letter(
            department=department,
            type=f"acta.request.{kind}.v1",
            source="/hr/onboarding",
            id=str(self._sent),
            reference=reference,
            traceparent="",
            data=msgspec.json.encode(data),
        )
        take(self.desk, letter, doorkeeper(self.desk.keys, department), "kafka").exception()

    def register(self, receiver: Receiver | str, department: str = "it", **more: Any) -> w.Done:
        url = receiver if isinstance(receiver, str) else receiver.url
        wanted = w.Wanted(url=url, tells=more.pop("tells", ("outcomes", "facts")), **more)
        return w.register(self.desk, ACT, department, wanted, plain_hosts=HERE.plain_hosts)

    @contextmanager
    def delivering(
        self,
        reach: Reach = HERE,
        schedule: Sequence[timedelta] = AT_ONCE,
        window: int = 1_000,
        patience_s: float = 20.0,
        **more: Any,
    ) -> Iterator[Running]:
        manner = Manner(plain_hosts=reach.plain_hosts, schedule=schedule, window=window, **more)
        poster = partial(Poster, reach, patience_s=patience_s)
        now = (lambda: self.now) if self.now is not None else None
        with running(webhooks, self.desk, self._dsn, told, poster, manner=manner, now=now) as run:
            yield run

    def log(self, webhook: w.Done, **wanted: Any) -> list[Logged]:
        """The delivery log, the oldest first."""
        return self.desk.deliveries.log(webhook.webhook.webhook, limit=100_000, **wanted)[::-1]

    def outcomes(self, webhook: w.Done) -> list[str]:
        return [attempt.outcome for attempt in self.log(webhook)]

    def paused(self, webhook: w.Done) -> str:
        return self.desk.setup().webhooks[webhook.webhook.webhook].paused

    def settled(self, webhook: w.Done) -> bool:
        """Whether it has read everything and delivered it."""
        name = webhook.webhook.webhook
        return (
            self.desk.deliveries.places().get(name, 0) > 0
            and not self.desk.deliveries.waiting([name])
            and self._told_through(name)
        )

    def _told_through(self, name: str) -> bool:
        position = self.desk.deliveries.places()[name]
        types = ["request.decided.v1", "ticket.assigned.v1", "ticket.put-on-hold.v1", "ticket.resumed.v1"]
        return not self.desk.store.page(position, 1, types=types)


@pytest.fixture
def line(desk: Desk, app_dsn: str) -> Line:
    return Line(desk, app_dsn)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def told_of(came: Sequence[Came]) -> list[tuple[str, str]]:
    """Kind of message and, of what happened, the event."""
    return [(one.event["type"].split(".")[2], one.event["data"].get("event", "")) for one in came]


def test_what_is_decided_and_what_happens_later_arrives_in_order(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop for Petra")
    line.send("open", "HR-1", title="Once more")
    (ticket,) = (event.number for event in line.desk.feed(0, 100, types=["ticket.opened.v1"]))  # type: ignore[attr-defined]
    give(line.desk, "assign", str(ticket), assignee="alice")
    give(line.desk, "note", str(ticket), text="Petra is the director's niece")
    give(line.desk, "hold", str(ticket), reason="requester")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert told_of(receiver.came) == [
        ("accepted", ""),
        ("refused", ""),
        ("happened", "ticket.assigned.v1"),
        ("happened", "ticket.put-on-hold.v1"),
    ]
    accepted = receiver.came[0].event
    decided = line.desk.feed(0, 100, types=["request.decided.v1"])[0]
    assert accepted["id"] == receiver.came[0].id == f"{decided.stream}/{decided.version}"
    assert accepted["data"]["request"] == {"source": "/hr/onboarding", "id": "1", "reference": "HR-1"}
    assert (accepted["source"], accepted["specversion"], accepted["partitionkey"]) == ("/acta", "1.0", "HR-1")
    assert receiver.came[1].event["data"]["problem"]["code"] == "reference-taken"
    assert all(one.headers["content-type"].startswith("application/cloudevents+json") for one in receiver.came)
    assert not [one for one in receiver.came if b"Petra" in one.body]
    assert line.outcomes(webhook) == ["delivered"] * 4


def test_every_message_is_signed_as_the_specification_says(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    (came,) = receiver.came
    assert Verifier(webhook.secret).verify(came.body, dict(came.headers)) == came.event
    for forged in (
        {"webhook-id": "other/1"},
        {"webhook-timestamp": str(int(came.headers["webhook-timestamp"]) + 1)},
        {"webhook-signature": came.headers["webhook-signature"][:-4] + "AAA="},
    ):
        with pytest.raises(WebhookVerificationError):
            Verifier(webhook.secret).verify(came.body, dict(came.headers) | forged)
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.secret).verify(came.body + b" ", dict(came.headers))


def test_while_a_secret_is_rotated_both_sign(line: Line, receiver: Receiver) -> None:
    first = line.register(receiver)
    second = w.rotate(line.desk, ACT, first.webhook.webhook, old_for=timedelta(hours=1))
    third = w.rotate(line.desk, ACT, first.webhook.webhook, old_for=timedelta(hours=1))
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(first), run)
        assert len(receiver.came[0].headers["webhook-signature"].split(" ")) == 3
        for issued in (first, second, third):
            Verifier(issued.secret).verify(receiver.came[0].body, dict(receiver.came[0].headers))
        fourth = w.rotate(line.desk, ACT, first.webhook.webhook, old_for=timedelta(0))
        until(lambda: line.desk.deliveries.followed() == line.desk.setup().version, run)
        line.send("open", "HR-2", title="A phone")
        until(lambda: line.settled(first), run)
    Verifier(fourth.secret).verify(receiver.came[1].body, dict(receiver.came[1].headers))
    for issued in (first, second, third):
        with pytest.raises(WebhookVerificationError):
            Verifier(issued.secret).verify(receiver.came[1].body, dict(receiver.came[1].headers))


def test_only_what_was_asked_for_is_told_and_only_of_the_department(line: Line) -> None:
    with receiving() as decisions, receiving() as facts, receiving() as hr:
        of_decisions = line.register(decisions, tells=("outcomes",))
        of_facts = line.register(facts, tells=("facts",))
        of_hr = line.register(hr, "hr")
        line.send("open", "IT-1", title="A laptop")
        give(line.desk, "assign", "1", assignee="alice")
        line.send("open", "HR-1", "hr", title="A contract")
        with line.delivering() as run:
            until(lambda: all(map(line.settled, (of_decisions, of_facts, of_hr))), run)
    assert told_of(decisions.came) == [("accepted", "")]
    assert told_of(facts.came) == [("happened", "ticket.assigned.v1")]
    assert [one.event["partitionkey"] for one in hr.came] == ["HR-1"]


def test_what_was_recorded_before_the_registration_is_not_sent(line: Line, receiver: Receiver) -> None:
    line.send("open", "HR-1", title="Before")
    webhook = line.register(receiver)
    line.send("open", "HR-2", title="After")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert [one.event["partitionkey"] for one in receiver.came] == ["HR-2"]


@pytest.mark.parametrize("status", [301, 302, 400, 404, 418, 429, 500, 503])
def test_any_other_status_is_a_failure_that_is_tried_again_with_the_same_id(
    line: Line, receiver: Receiver, status: int
) -> None:
    elsewhere = ("Location", receiver.url.replace("/acta", "/elsewhere"))
    receiver.script = lambda came: Say(status, (elsewhere,)) if len(receiver.came) < 3 else Say(200, body=b"thanks")
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert len(receiver.came) == 3
    assert len(set(receiver.ids())) == 1
    assert {one.path for one in receiver.came} == {"/acta"}, "a redirection is not followed"
    attempts = line.log(webhook)
    assert [(one.attempt, one.outcome, one.status) for one in attempts] == [
        (1, "failed", status),
        (2, "failed", status),
        (3, "delivered", 200),
    ]
    assert all((one.next_at is not None) == (one.outcome == "failed") for one in attempts)


def test_a_connection_that_ends_without_an_answer_is_a_failure(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(cut=len(receiver.came) < 2)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert [(one.outcome, one.status) for one in line.log(webhook)] == [("failed", None), ("delivered", 204)]
    assert line.log(webhook)[0].error in ("no-http", "connection-lost")


def test_a_failing_message_holds_back_those_of_its_ticket_and_no_others(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500 if came.event["partitionkey"] == "HR-1" else 204)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="The first")
    give(line.desk, "assign", "1", assignee="alice")
    line.send("note", "HR-9", ticket="1", text="Of another reference, on the same ticket")
    line.send("open", "HR-2", title="The second")
    give(line.desk, "assign", "2", assignee="bob")
    with line.delivering(schedule=SECONDS) as run:
        until(lambda: len(receiver.taken) == 2, run)
        assert told_of(receiver.taken) == [("accepted", ""), ("happened", "ticket.assigned.v1")]
        assert {one.event["partitionkey"] for one in receiver.taken} == {"HR-2"}
        assert len([one for one in receiver.came if one.event["partitionkey"] != "HR-2"]) == 1
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {webhook.webhook.webhook: 3}


def test_a_receiver_that_hangs_holds_up_nobody_else(line: Line) -> None:
    release = Flag()
    with receiving(lambda came: Say(after=release)) as hanging, receiving() as living:
        stuck, webhook = line.register(hanging), line.register(living)
        for number in range(40):
            line.send("open", f"HR-{number}", title="A laptop")
        with line.delivering() as run:
            until(lambda: line.settled(webhook), run)
            until(lambda: len(hanging.came) == 16, run)
        release.set()
    assert len(living.taken) == 40
    assert line.log(stuck) == []


def test_a_receiver_that_takes_too_long_is_not_waited_for(line: Line) -> None:
    release = Flag()
    with receiving() as receiver:
        receiver.script = lambda came: Say(after=release if len(receiver.came) < 2 else None)
        webhook = line.register(receiver)
        line.send("open", "HR-1", title="A laptop")
        with line.delivering(patience_s=0.3) as run:
            until(lambda: line.settled(webhook), run)
        release.set()
    assert [(one.outcome, one.error) for one in line.log(webhook)] == [("failed", "timed-out"), ("delivered", "")]


def test_a_message_is_tried_again_when_it_is_time_and_not_before(line: Line, receiver: Receiver) -> None:
    line.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    receiver.script = lambda came: Say(500 if len(receiver.came) < 2 else 204)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=(timedelta(hours=2),)) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        (first,) = line.log(webhook)
        assert first.next_at is not None
        assert timedelta(hours=1.8) <= first.next_at - line.now <= timedelta(hours=2.2)
        line.now = first.next_at - timedelta(seconds=1)
        line.send("open", "HR-2", title="Another")
        until(lambda: len(receiver.taken) == 1, run)
        assert len(receiver.came) == 2
        line.now = first.next_at
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 2


def test_a_receiver_may_ask_for_more_time(line: Line, receiver: Receiver) -> None:
    line.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    receiver.script = lambda came: Say(503, (("Retry-After", "7200"),))
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=(timedelta(seconds=5),)) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].next_at == line.now + timedelta(hours=2)


def test_after_the_last_attempt_the_webhook_is_paused_and_resumed_it_goes_on_from_there(
    line: Line, receiver: Receiver
) -> None:
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    give(line.desk, "assign", "1", assignee="alice")
    with line.delivering(schedule=AT_ONCE[:2]) as run:
        until(lambda: line.paused(webhook) == "exhausted", run)
        assert line.outcomes(webhook) == ["failed", "failed", "exhausted"]
        known = line.desk.setup().webhooks[webhook.webhook.webhook]
        assert known.stuck_at == receiver.came[0].id
        line.send("open", "HR-2", title="While it is paused")
        receiver.script = takes
        w.resume(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.settled(webhook), run)
    held = [one for one in receiver.taken if one.event["data"].get("number") == 1]
    assert told_of(held) == [("accepted", ""), ("happened", "ticket.assigned.v1")]
    assert len(receiver.taken) == 3
    paused = line.desk.feed(0, 100, types=["setup.webhook-paused.v1"])
    assert [(event.act.actor.id, event.act.channel) for event in paused] == [("webhooks", "webhooks")]


def test_whoever_is_gone_is_sent_nothing_more_until_it_is_resumed(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(410)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    line.send("reply", "HR-1", text="And a mouse")
    with line.delivering() as run:
        until(lambda: line.paused(webhook) == "gone", run)
        receiver.script = takes
        w.resume(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["gone", "delivered", "delivered", "delivered"]
    assert len(set(receiver.ids())) == 3


def test_that_it_is_paused_is_made_good_by_whoever_comes_next(line: Line, receiver: Receiver) -> None:
    """As if the process had died between keeping that a delivery is given up and recording the pause."""
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=(timedelta(days=1),)) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    with line.desk.pool.connection() as connection:
        connection.execute("UPDATE acta.webhook_deliveries SET given_up = 'exhausted'")
    with line.delivering() as run:
        until(lambda: line.paused(webhook) == "exhausted", run)
    assert len(receiver.came) == 1


def test_paused_by_somebody_it_sends_nothing_and_loses_nothing(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    w.pause(line.desk, ACT, webhook.webhook.webhook)
    with receiving() as other, line.delivering() as run:
        witness = line.register(other)
        line.send("open", "HR-1", title="A laptop")
        until(lambda: line.settled(witness), run)
        assert receiver.came == []
        w.resume(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 1


def test_a_new_address_is_tried_at_once(line: Line, receiver: Receiver) -> None:
    webhook = line.register("http://127.0.0.1:9/nobody")
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=SECONDS) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        assert line.log(webhook)[0].error == "not-connected"
        wanted = w.Wanted(url=receiver.url, tells=("outcomes",))
        w.change(line.desk, ACT, webhook.webhook.webhook, wanted, plain_hosts=HERE.plain_hosts)
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 1


def test_retired_it_sends_nothing_more_and_nothing_of_it_waits(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=SECONDS) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        w.retire(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.desk.deliveries.places() == {}, run)
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {}


def test_a_ping_arrives_and_means_nothing(line: Line, receiver: Receiver) -> None:
    webhook, other = line.register(receiver), line.register("http://127.0.0.1:9/nobody")
    w.ping(line.desk, ACT, webhook.webhook.webhook)
    with line.delivering() as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    (came,) = receiver.came
    Verifier(webhook.secret).verify(came.body, dict(came.headers))
    assert came.event["type"] == "acta.webhook.ping.v1"
    assert came.event["data"]["webhook"] == webhook.webhook.webhook
    assert line.log(other) == []


# Replay


def test_a_replay_sends_everything_again_from_a_position_with_the_same_ids(line: Line, receiver: Receiver) -> None:
    for number in range(3):
        line.send("open", f"HR-{number}", title="Before the registration")
    webhook = line.register(receiver)
    for number in range(3, 6):
        line.send("open", f"HR-{number}", title="After it")
    decided = [event.position for event in line.desk.feed(0, 100, types=["request.decided.v1"])]
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
        once = receiver.ids()
        assert len(once) == 3
        w.replay(line.desk, ACT, webhook.webhook.webhook, decided[1])
        until(lambda: len(receiver.taken) == 3 + 5 and line.settled(webhook), run)
    again = [one.event["partitionkey"] for one in receiver.taken[3:]]
    assert sorted(again) == ["HR-1", "HR-2", "HR-3", "HR-4", "HR-5"]
    assert set(once) < set(receiver.ids()[3:])
    (replayed,) = line.desk.feed(0, 100, types=["setup.webhook-replayed.v1"])
    assert replayed.act == ACT


def test_a_replay_begins_after_a_time(line: Line, receiver: Receiver) -> None:
    line.send("open", "HR-1", title="Long ago")
    webhook = line.register(receiver)
    line.send("open", "HR-2", title="Just now")
    (registered,) = line.desk.feed(0, 100, types=["setup.webhook-registered.v1"])
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
        w.replay_since(line.desk, ACT, webhook.webhook.webhook, registered.recorded_at)
        until(lambda: len(receiver.taken) == 2 and line.settled(webhook), run)
    assert [one.event["partitionkey"] for one in receiver.taken] == ["HR-2", "HR-2"]


def test_what_still_waits_from_before_is_kept_by_a_replay(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500 if came.event["partitionkey"] == "HR-1" else 204)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="Does not get through")
    line.send("open", "HR-2", title="Does")
    with line.delivering(schedule=SECONDS) as run:
        until(lambda: len(receiver.taken) == 1 and len(line.log(webhook)) == 2, run)
        w.replay(line.desk, ACT, webhook.webhook.webhook, line.desk.store.head() + 1)
        until(lambda: line.desk.deliveries.followed() == line.desk.setup().version, run)
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {webhook.webhook.webhook: 1}


# Order and bounds


@pytest.mark.parametrize("seed", range(4))
def test_whatever_fails_each_matter_is_told_in_order_and_all_of_it(line: Line, seed: int) -> None:
    random, lock = Random(seed), Lock()

    def script(came: Came) -> Say:
        with lock:
            return random.choice([Say(), Say(), Say(), Say(500), Say(503), Say(302), Say(cut=True), Say(lost=True)])

    with receiving(script) as first, receiving(script) as second:
        webhooks_ = [line.register(first), line.register(second)]
        for number in range(120):
            if random.random() < 0.4 or number == 0:
                line.send("open", f"HR-{number}", title="A laptop")
            else:
                line.send("reply", f"HR-{random.randrange(number)}", text="Is it there?")
        # No failure lasts, but any message may fail often: so many attempts have it through.
        with line.delivering(schedule=(timedelta(0),) * 200, window=30) as run:
            until(lambda: all(map(line.settled, webhooks_)), run)
        for receiver in (first, second):
            must_be_all_in_order(line.desk, receiver)


def must_be_all_in_order(desk: Desk, receiver: Receiver) -> None:
    """Each message has arrived, and of each matter and ticket none before the one before it had been taken."""
    decided = desk.feed(0, 10_000, types=["request.decided.v1"])
    ids = {f"{event.stream}/{event.version}": event.position for event in decided}
    taken = {came.id for came in receiver.taken}
    assert ids.keys() <= taken
    for named in ("partitionkey", "subject"):
        last: dict[str, int] = {}
        for came in receiver.taken:
            if named in came.event:
                position = came.event["data"]["position"]
                assert position >= last.get(came.event[named], 0), (named, came.event[named])
                last[came.event[named]] = position


def test_a_dead_receiver_lets_no_table_grow_and_stops_nobody(line: Line, receiver: Receiver) -> None:
    dead = line.register("http://127.0.0.1:9/nobody")
    webhook = line.register(receiver)
    with line.delivering(schedule=(timedelta(days=1),), window=20) as run:
        for number in range(200):
            line.send("open", f"HR-{number}", title="A laptop")
            if number % 20 == 0:
                until(lambda: line.settled(webhook), run)
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 200
    assert line.desk.deliveries.waiting([dead.webhook.webhook])[dead.webhook.webhook] < 200
    standing = line.desk.deliveries.standings([dead.webhook.webhook])[dead.webhook.webhook]
    assert standing.delivered_through < line.desk.store.head()


# What must not be reached


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1"])
def test_an_address_inside_is_not_connected_to_unless_it_is_allowed(line: Line, receiver: Receiver, host: str) -> None:
    url = receiver.url.replace("127.0.0.1", host)
    reach = Reach(plain_hosts=(host,))
    wanted = w.Wanted(url=url, tells=("outcomes",))
    webhook = w.register(line.desk, ACT, "it", wanted, plain_hosts=(host,))
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(reach, schedule=SECONDS) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "address-not-allowed"
    assert receiver.came == []


def test_what_the_desk_no_longer_allows_is_not_sent(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(Reach(networks=HERE.networks), schedule=SECONDS) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "address-not-allowed"
    assert receiver.came == []


def test_of_an_answer_little_is_read_and_nothing_kept(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(200, body=b"Petra " * 1_000_000)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["delivered"]
    assert b"Petra" not in stored(line.desk, "webhook_attempts", "webhook_deliveries", "webhook_places")


# What must not be kept


def stored(desk: Desk, *tables: str) -> bytes:
    """All that stands in tables, as text and as bytes."""
    found = []
    with desk.pool.connection() as connection:
        for table in tables:
            for row in connection.execute(f"SELECT * FROM acta.{table}").fetchall():  # type: ignore[arg-type]
                found += [bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row]
    return b"\n".join(found)


def test_neither_secret_nor_reference_stands_anywhere(
    line: Line, receiver: Receiver, caplog: pytest.LogCaptureFixture, database: str
) -> None:
    caplog.set_level("DEBUG")
    receiver.script = lambda came: Say(500 if len(receiver.came) < 3 else 204)
    webhook = line.register(receiver)
    rotated = w.rotate(line.desk, ACT, webhook.webhook.webhook)
    line.send("open", "HR-4711-Petra", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname LIKE 'acta%'"
        ).fetchall()
        rows = [row for (table,) in tables for row in connection.execute(f"SELECT t::text FROM {table} t").fetchall()]  # type: ignore[arg-type]
    everything = "\n".join(text for (text,) in rows) + caplog.text
    for secret in (webhook.secret, rotated.secret):
        raw = b64decode(secret.removeprefix("whsec_"))
        for form in (secret, secret.removeprefix("whsec_"), raw.hex()):
            assert form not in everything
    assert "HR-4711-Petra" not in everything


def test_what_was_erased_meanwhile_is_not_sent_any_more(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=(timedelta(days=1),)) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    with line.desk.pool.connection() as connection:
        connection.execute("UPDATE acta.webhook_deliveries SET due_at = now()")
    (decided,) = line.desk.feed(0, 100, types=["request.decided.v1"])
    assert decided.seal is not None
    erase(line.desk, decided.seal.subject, "left", ACT)
    (order,) = line.desk.store.orders(0)
    line.desk.keys.destroy(order.position)
    line.desk.keys.learn()
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["failed", "erased"]
    assert len(receiver.came) == 1


# Others


def test_a_second_process_stands_by_and_goes_on_when_the_first_is_gone(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    with line.delivering() as second:
        with line.delivering() as first:
            line.send("open", "HR-1", title="A laptop")
            until(lambda: line.settled(webhook), first, second)
        line.send("open", "HR-2", title="A phone")
        until(lambda: line.settled(webhook), second)
    assert [one.event["partitionkey"] for one in receiver.came] == ["HR-1", "HR-2"]


def test_it_outlives_its_connections_to_the_database(line: Line, receiver: Receiver, database: str) -> None:
    webhook = line.register(receiver)
    with line.delivering() as run:
        for number in range(4):
            line.send("open", f"HR-{number}", title="A laptop")
            until(lambda: line.settled(webhook), run)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'acta lease'"
                )
    assert {one.event["partitionkey"] for one in receiver.taken} == {f"HR-{number}" for number in range(4)}


def test_the_log_is_kept_for_as_long_as_it_is_said(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert len(line.log(webhook)) == 1
    assert not line.desk.deliveries.forget(line.log(webhook)[0].at)
    assert len(line.log(webhook)) == 1
    with line.delivering(log_for=timedelta(0)) as run:
        until(lambda: line.log(webhook) == [], run)
