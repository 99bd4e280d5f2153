"""Messages that are not taken: tried again when it is time, given up after the last attempt, and made good later."""

from datetime import UTC, datetime, timedelta
from threading import Event as Flag

import pytest

from consuming import until
from desks import ACT, give
from domain.desk import webhooks as w
from receivers import Receiver, Say, receiving, takes
from webhook_talk import AT_ONCE, LATER, Line, told_of


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


def test_a_receiver_that_takes_too_long_is_not_waited_for(line: Line) -> None:
    line.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    release = Flag()
    with receiving() as receiver:
        receiver.script = lambda came: Say(after=release if len(receiver.came) < 2 else None)
        webhook = line.register(receiver)
        line.send("open", "HR-1", title="A laptop")
        with line.delivering(schedule=LATER, patience_s=0.3) as run:
            until(lambda: len(line.log(webhook)) == 1, run)
        line.now += timedelta(hours=2)
        with line.delivering() as run:
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


def test_a_receiver_that_is_sent_too_much_is_sent_nothing_as_long_as_it_asks(line: Line, receiver: Receiver) -> None:
    line.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    receiver.script = lambda came: Say(429, (("Retry-After", "60"),))
    with receiving() as other, line.delivering() as run:
        webhook, witness = line.register(receiver), line.register(other)
        line.send("open", "HR-1", title="A laptop")
        until(lambda: len(line.log(webhook)) == 1, run)
        receiver.script = takes
        line.now += timedelta(seconds=59)
        line.send("open", "HR-2", title="Of another matter")
        until(lambda: line.settled(witness), run)
        assert len(receiver.came) == 1
        line.now += timedelta(seconds=1)
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == len(other.taken) == 2


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
