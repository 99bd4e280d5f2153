"""Webhooks: what is sent to whom, how it is signed, and what becomes of one that is changed, paused or retired."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event as Flag

import psycopg
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from consuming import until
from desks import ACT, give
from domain.desk import webhooks as w
from receivers import Receiver, Say, receiving
from webhook_talk import HERE, LATER, Line, told_of


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
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        assert line.log(webhook)[0].error == "not-connected"
        wanted = w.Wanted(url=receiver.url, tells=("outcomes",))
        w.change(line.desk, ACT, webhook.webhook.webhook, wanted, plain_hosts=HERE.plain_hosts)
        until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 1


def test_what_the_former_address_answers_holds_up_nothing_at_the_new_one(line: Line, receiver: Receiver) -> None:
    release = Flag()
    with receiving(lambda came: Say(410, after=release)) as former:
        webhook = line.register(former)
        line.send("open", "HR-1", title="A laptop")
        with line.delivering(schedule=LATER) as run:
            until(lambda: len(former.came) == 1, run)
            wanted = w.Wanted(url=receiver.url, tells=("outcomes",))
            w.change(line.desk, ACT, webhook.webhook.webhook, wanted, plain_hosts=HERE.plain_hosts)
            until(lambda: line.desk.deliveries.followed() == line.desk.setup().version, run)
            release.set()
            until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["gone", "delivered"]
    assert not line.paused(webhook)


def test_retired_it_sends_nothing_more_and_nothing_of_it_waits(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
        w.retire(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.desk.deliveries.places() == {}, run)
    assert line.desk.deliveries.waiting([webhook.webhook.webhook]) == {}


@pytest.mark.parametrize("end", [w.retire, w.pause])
def test_what_is_recorded_after_its_end_is_not_sent(line: Line, receiver: Receiver, end: Callable[..., object]) -> None:
    with receiving() as other, line.delivering() as run:
        webhook, witness = line.register(receiver), line.register(other)
        line.send("open", "HR-1", title="Before")
        until(lambda: line.settled(webhook), run)
        end(line.desk, ACT, webhook.webhook.webhook)
        line.send("open", "HR-2", title="After")
        until(lambda: line.settled(witness), run)
    assert [one.event["partitionkey"] for one in receiver.came] == ["HR-1"]


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
