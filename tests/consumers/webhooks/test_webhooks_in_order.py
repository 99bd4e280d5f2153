"""Webhooks in order: a failure holds back its own matter and nothing else; a replay sends again; nothing grows."""

from datetime import timedelta
from random import Random
from threading import Event as Flag
from threading import Lock

import pytest

from consuming import until
from desks import ACT, give
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.store.deliveries import WINDOW
from receivers import Came, Receiver, Say, receiving
from webhook_talk import LATER, Line, told_of


def test_a_failing_message_holds_back_those_of_its_ticket_and_no_others(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500 if came.event["partitionkey"] == "HR-1" else 204)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="The first")
    give(line.desk, "assign", "1", assignee="alice")
    line.send("note", "HR-9", ticket="1", text="Of another reference, on the same ticket")
    line.send("open", "HR-2", title="The second")
    give(line.desk, "assign", "2", assignee="bob")
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 3, run)
        assert told_of(receiver.taken) == [("accepted", ""), ("happened", "ticket.assigned.v1")]
        assert {one.event["partitionkey"] for one in receiver.taken} == {"HR-2"}
        assert len([one for one in receiver.came if one.event["partitionkey"] != "HR-2"]) == 1
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {webhook.webhook.webhook: 3}


def test_however_much_waits_behind_matters_that_are_not_taken_the_others_go_on(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(400 if came.event["partitionkey"] == "HR-1" else 204)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="Is not taken")
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        with line.desk.pool.connection() as connection:
            # Positions that the log does not reach here: what is held back is not looked at.
            connection.execute(
                "INSERT INTO acta.webhook_deliveries (webhook, position, line, due_at)"
                " SELECT webhook, 1000000 + n, line, 'infinity'"
                " FROM acta.webhook_deliveries, generate_series(1, %s) AS n",
                (WINDOW - 100,),
            )
        for number in range(2, 22):
            line.send("open", f"HR-{number}", title="Is taken")
        until(lambda: len(receiver.taken) == 20, run)
    standing = line.desk.deliveries.standings([webhook.webhook.webhook])[webhook.webhook.webhook]
    assert (standing.failing, standing.full) == (1, False)


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
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(receiver.taken) == 1 and len(line.log(webhook)) == 2, run)
        w.replay(line.desk, ACT, webhook.webhook.webhook, line.desk.store.head() + 1)
        until(lambda: line.desk.deliveries.followed() == line.desk.setup().version, run)
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {webhook.webhook.webhook: 1}


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
