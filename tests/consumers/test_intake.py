"""Requests through a department's topic: each is decided once, in order, and has one outcome; what is none is kept."""

import json
from contextlib import closing
from itertools import product
from threading import Event as Flag
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidRecordError, MessageSizeTooLargeError

from api import problems
from batches import HEAD, PACKING, packed, produce, record, zeros
from consumers.doors import REQUESTS, ensure_doors
from consumers.intake import intake
from consumers.kafka.packing import varint
from consumers.kafka.topics import Client
from consumers.lag import lag
from consumers.outcomes import outcomes
from consuming import until
from desks import give
from domain.desk import Desk
from domain.desk.letters import found
from domain.envelope import Event
from domain.request.message import MOST_BYTES
from door_talk import SOURCE, Door, Told

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def only(found: list[Told]) -> Told:
    assert len(found) == 1, [told.body for told in found]
    return found[0]


def titles(desk: Desk) -> list[str]:
    return [event.title for event in desk.feed(0, 1000, types=["ticket.opened.v1"])]  # type: ignore[attr-defined]


def test_a_request_becomes_a_ticket_and_its_sender_is_told(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", trace=TRACE, title="A laptop for Petra")
    told = only(door.settled(1))
    assert (told.key, told.kind) == ("HR-1", "accepted")
    assert told.body["request"] == {"source": SOURCE, "id": "1", "reference": "HR-1"}
    assert told.headers["traceparent"] == TRACE
    ticket = door.desk.ticket(door.desk.find(str(told.body["number"])))
    assert (ticket.department, ticket.title, str(ticket.ticket)) == ("it", "A laptop for Petra", told.body["ticket"])
    opened = door.desk.history(ticket.ticket)[0]
    assert (opened.act.actor.id, opened.act.channel, opened.act.correlation_id) == ("door:it", "kafka", TRACE)
    assert "Petra" not in json.dumps([told.body, dict(told.headers)])


def test_a_structured_request_is_the_same_as_a_binary_one(door: Door) -> None:
    event = {
        "specversion": "1.0",
        "type": "acta.request.open.v1",
        "source": SOURCE,
        "id": "1",
        "partitionkey": "HR-1",
        "datacontenttype": "application/json",
        "data": {"title": "A laptop for Petra"},
    }
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    door.sender.raw("it", b"HR-1", headers, json.dumps(event).encode())
    door.sender.raw("it", None, headers, json.dumps(event).encode())
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request("it", "open", "HR-2", "2", title="Another one")
    assert [told.body["request"]["id"] for told in sorted(door.settled(2), key=lambda told: told.key)] == ["1", "2"]
    assert sorted(titles(door.desk)) == ["A laptop for Petra", "Another one"]


def test_what_follows_is_about_the_ticket_of_its_reference_and_in_order(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    for number in range(2, 12):
        door.sender.request("it", "reply", "HR-1", str(number), text=f"reply {number}")
    door.sender.request("it", "note", "HR-1", "12", text="she is a contractor")
    door.sender.request("it", "escalate", "HR-1", "13", kind="hierarchical", reason="she starts tomorrow")
    door.sender.request("it", "withdraw", "HR-1", "14", reason="she does not come")
    found = door.settled(14)
    assert [told.kind for told in found] == ["accepted"] * 14
    history = door.desk.history(door.desk.find(found[0].body["ticket"]))
    assert [event.text for event in history if event.TYPE == "ticket.requester-replied.v1"] == [  # type: ignore[attr-defined]
        f"reply {number}" for number in range(2, 12)
    ]
    assert history[-1].TYPE == "ticket.cancelled.v1"
    assert [told.body["request"]["id"] for told in found] == [str(number) for number in range(1, 15)]


def test_a_ticket_can_be_named_by_its_number(door: Door) -> None:
    number = give(door.desk, "open", department="it", title="Opened by hand").number
    door.sender.request("it", "reply", "HR-9", "1", ticket=f"#{number}", text="we know more")
    assert only(door.settled(1)).body["number"] == number


def test_the_ticket_of_another_department_is_not_there(door: Door) -> None:
    number = give(door.desk, "open", department="hr", title="Somebody's pay").number
    door.sender.request("it", "reply", "HR-9", "1", ticket=str(number), text="we know more")
    told = only(door.settled(1))
    assert (told.kind, told.body["problem"]["code"]) == ("refused", "ticket-not-found")


def test_the_topic_decides_the_department(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop", department="hr")
    problem = only(door.settled(1)).body["problem"]
    assert problem["code"] == "not-valid"
    assert problem["faults"][0]["rule"] == "has a field that is not known here"
    assert "department" not in problem["faults"][0]["known"]
    assert titles(door.desk) == []


def test_repeated_it_is_done_once_and_told_once(door: Door) -> None:
    for _ in range(3):
        door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request("it", "reply", "HR-1", "2", text="a blue one")
    first = door.settled(2)
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request("it", "reply", "HR-1", "3", text="or a red one")
    assert [told.body["request"]["id"] for told in door.settled(3)] == ["1", "2", "3"]
    assert first == door.decided()[:2]
    assert titles(door.desk) == ["A laptop for Petra"]


def test_a_reference_opens_one_ticket(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request("it", "open", "HR-1", "2", title="A phone for Petra")
    found = door.settled(2)
    assert [told.kind for told in found] == ["accepted", "refused"]
    assert found[1].body["problem"]["code"] == "reference-taken"
    assert found[1].body["problem"]["advice"]


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        ("open", {}, "not-valid"),
        ("open", {"title": "x" * 301}, "not-valid"),
        ("open", {"title": 7}, "not-valid"),
        ("open", {"title": "A laptop", "impact": 10**400}, "not-valid"),
        ("open", {"title": "A laptop", "description": "x" * 200_000}, "not-valid"),
        ("open", {"title": "A laptop", **{f"f{n}": n for n in range(60_000)}}, "not-valid"),
        ("open", {"title": "A laptop", "request_type": "nothing-we-know"}, "request-type-not-found"),
        ("reply", {"text": "to nothing"}, "ticket-not-found"),
        ("bribe", {"text": "take this"}, "request-kind-not-known"),
    ],
)
def test_what_is_refused_has_an_outcome_that_says_why(door: Door, kind: str, data: dict[str, Any], code: str) -> None:
    for _ in range(2):
        door.sender.request("it", kind, "HR-1", "1", **data)
    door.sender.request("it", "open", "HR-2", "2", title="the last")
    refused, last = sorted(door.settled(2), key=lambda told: told.key)
    assert (refused.kind, refused.body["problem"]["code"]) == ("refused", code)
    assert refused.body["problem"]["advice"]
    assert last.kind == "accepted"


DEEP = b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"null", b"[]", b'{"title": "\\ud800"}', b'{"title"', DEEP])
def test_a_body_that_means_nothing_is_refused_and_not_repeated(door: Door, value: bytes) -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"acta.request.open.v1"), ("ce_source", b"/hr"), ("ce_id", b"1")]
    door.sender.raw("it", b"HR-1", headers, value)
    told = only(door.settled(1))
    assert (told.kind, told.body["problem"]["status"] // 100) == ("refused", 4)


WHOLE = [("ce_specversion", b"1.0"), ("ce_type", b"acta.request.open.v1"), ("ce_source", b"/hr"), ("ce_id", b"1")]
HEADERS = [(name.encode(), text) for name, text in WHOLE]
NO_REQUESTS: list[tuple[bytes | None, list[tuple[str, bytes]], bytes | None]] = [
    (b"HR-1", [], b"hello"),
    (b"HR-1", [], None),
    (None, WHOLE, b'{"title": "no reference"}'),
    (b"\xff", WHOLE, b'{"title": "no text"}'),
    (b"HR\x00", WHOLE, b'{"title": "a NUL"}'),
    ("HR\u202e1".encode(), WHOLE, b'{"title": "bidi"}'),
    (b"HR-1", WHOLE[:-1], b'{"title": "no id"}'),
    (b"HR-1", [*WHOLE[:-1], ("ce_id", b"x" * 201)], b'{"title": "a long id"}'),
    (b"HR-1", [*WHOLE[1:], ("ce_specversion", b"0.3")], b'{"title": "another version"}'),
    (b"HR-1", [*WHOLE, ("traceparent", b"yes")], b'{"title": "no trace"}'),
    (b"HR-1", [*WHOLE, *((f"x{n}", b"y") for n in range(100))], b'{"title": "a header bomb"}'),
    (b"HR-1", [*WHOLE, ("x", b"y" * 20_000)], b'{"title": "a large header"}'),
    (b"HR-1", [*WHOLE, ("ce_id", b"2")], b'{"title": "two ids"}'),
    (b"HR-1", [*WHOLE, ("CE_Type", b"acta.request.reply.v1")], b'{"title": "two kinds"}'),
    (b"HR-1", [*WHOLE, ("x", b"\xff")], b'{"title": "a header that is no text"}'),
    (b"HR-1", [("content-type", b"application/cloudevents+json")], b"["),
    (b"HR-1", [("content-type", b"application/cloudevents+json")], b"[" * 100_000),
    (b"HR-1", [("content-type", b"application/cloudevents+json")], b'{"specversion": "1.0", "id": 7}'),
]


def test_what_is_no_request_is_a_dead_letter_once_and_holds_up_nobody(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    for key, headers, value in NO_REQUESTS:
        door.sender.raw("it", key, headers, value)
    door.sender.request("it", "open", "HR-2", "2", title="the last")
    assert only(door.settled(1, len(NO_REQUESTS))).kind == "accepted"
    letters = door.letters()
    assert [told.body["code"] for told in letters] == ["not-a-request"] * len(NO_REQUESTS)
    places = {(told.body["topic"], told.body["partition"], told.body["offset"]) for told in letters}
    assert len(places) == len(NO_REQUESTS) == door.desk.drawer.depth()
    texts = [value.decode(errors="replace") for _, _, value in NO_REQUESTS if value and len(value) > 5]
    said = caplog.text + json.dumps([told.body for told in letters])
    assert not [text for text in texts if text in said]


def test_what_is_too_large_is_refused_by_the_broker_or_is_a_dead_letter(door: Door, client: Client) -> None:
    topic = f"{door.doors.prefix}.requests.it"
    with (
        closing(KafkaProducer(**client, max_request_size=20_000_000)) as producer,
        pytest.raises(MessageSizeTooLargeError),
    ):
        producer.send(topic, b"x" * 10_000_000, b"HR-1", WHOLE).get(60)
    with closing(KafkaProducer(**client, max_request_size=20_000_000)) as producer:
        producer.send(topic, b"x" * (MOST_BYTES + 1), b"HR-1", WHOLE).get(60)
        largest = json.dumps({"title": "A laptop", "description": "x" * 100_000}).encode().ljust(MOST_BYTES)
        producer.send(topic, largest, b"HR-1", WHOLE).get(60)
    assert only(door.settled(1, 1)).kind == "accepted"
    letter = only(door.letters())
    assert letter.body["code"] == "not-a-request"
    kept = door.desk.drawer.page(None, None, 9)
    assert [len(found(door.desk, one.letter)[1].value or b"") for one in kept] == [MOST_BYTES + 1]


def test_what_a_small_batch_unpacks_to_is_a_dead_letter_and_hurts_nobody(door: Door, client: Client) -> None:
    claims = packed("gzip", [varint(2_000_000_000)])
    bombs = [packed(kind, zeros(size)) for kind, size in (("gzip", 50_000_000), ("zstd", 600_000_000))]
    small = [record(b"x", number=number) for number in range(3)]
    bombs += [packed("lz4", [varint(40) + one[1:] for one in small], 3)]
    topic = f"{door.doors.prefix}.requests.it"
    for whole in bombs:
        produce(client, topic, whole)
    with pytest.raises(InvalidRecordError):
        produce(client, topic, claims)
    door.sender.request("hr", "open", "HR-1", "1", title="A laptop for Petra")
    produce(client, topic, packed("zstd", [record(b'{"title": "The last"}', b"HR-2", HEADERS)]))
    assert only(door.settled(1, len(bombs))).kind == "accepted"
    assert sorted(titles(door.desk)) == ["A laptop for Petra", "The last"]
    assert [told.body["offset"] for told in door.letters()] == [0, 1, 4]
    kept = [found(door.desk, one.letter)[1] for one in door.desk.drawer.page(None, None, 9)]
    assert [(message.value or b"")[HEAD:] for message in kept] == [whole[HEAD:] for whole in bombs]


def test_the_bounds_of_a_topic_are_set_again_and_what_else_was_chosen_stays(door: Door, client: Client) -> None:
    topic = ConfigResource(ConfigResourceType.TOPIC, f"{door.doors.prefix}.requests.it")
    bounds = {name: REQUESTS[name] for name in ("max.message.bytes", "compression.type", "message.timestamp.type")}
    others = {"max.message.bytes": "10000000", "compression.type": "gzip", "message.timestamp.type": "CreateTime"}
    chosen = {**others, "retention.ms": "86400000"}
    with closing(KafkaAdminClient(**client)) as admin:
        admin.alter_configs([ConfigResource(topic.resource_type, topic.name, configs=chosen)])
        ensure_doors(client, door.doors, 2)
        told = admin.describe_configs([topic], config_filter="all")["topic"][topic.name]
    assert {name: told[name]["value"] for name in chosen} == {**bounds, "retention.ms": "86400000"}


def test_whatever_packs_a_request_it_is_taken(door: Door, client: Client) -> None:
    for number, kind in enumerate(PACKING):
        headers = [(b"\xc3", b"x"), *HEADERS[:-1], (b"ce_id", b"%d" % number)]
        value = json.dumps({"title": f"Packed by {kind}"}).encode()
        records = [record(value, b"\xff", headers), record(value, kind.encode(), headers, 1)]
        produce(client, f"{door.doors.prefix}.requests.it", packed(kind, records, 2))
    assert {told.key for told in door.settled(len(PACKING), len(PACKING))} == set(PACKING)
    assert sorted(titles(door.desk)) == sorted(f"Packed by {kind}" for kind in PACKING)


def test_an_id_used_for_something_else_is_a_dead_letter(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    door.sender.request("it", "open", "HR-1", "1", title="A phone")
    door.sender.request("it", "open", "HR-2", "2", title="the last")
    assert len(door.settled(2, 1)) == 2
    assert only(door.letters()).body["code"] == "key-used-differently"


def test_what_happens_to_the_ticket_is_told_without_text_and_only_while_it_is_there(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    ticket = only(door.settled(1)).body["ticket"]
    give(door.desk, "assign", ticket, assignee="alice")
    give(door.desk, "note", ticket, text="the requester is difficult")
    give(door.desk, "reply", ticket, text="which colour?")
    give(door.desk, "hold", ticket, reason="requester")
    give(door.desk, "resume", ticket)
    give(door.desk, "transfer", ticket, department="hr")
    give(door.desk, "reply", ticket, text="it was the cable")
    give(door.desk, "transfer", ticket, department="it")
    give(door.desk, "close", ticket)
    with door.open() as runs:
        until(lambda: any(told.body.get("event") == "ticket.closed.v1" for told in door.outcomes()), *runs)
    happened = [told for told in door.outcomes() if told.kind == "happened"]
    assert [told.body["event"].removeprefix("ticket.").removesuffix(".v1") for told in happened] == [
        "assigned",
        "agent-replied",
        "put-on-hold",
        "resumed",
        "transferred",
        "transferred",
        "closed",
    ]
    assert {told.key for told in happened} == {"HR-1"}
    assert happened[0].body["told"] == {"assignee": "alice"}
    assert "colour" not in json.dumps([told.body for told in happened])


def test_a_ticket_opened_by_hand_is_not_told_of(door: Door) -> None:
    number = give(door.desk, "open", department="it", title="By hand").number
    give(door.desk, "assign", str(number), assignee="alice")
    door.sender.request("it", "open", "HR-1", "1", title="the last")
    door.settled(1)
    assert [told.kind for told in door.outcomes()] == ["accepted"]


def test_each_department_is_told_its_own(door: Door) -> None:
    door.sender.request("it", "open", "1", "1", title="for it")
    door.sender.request("hr", "open", "1", "1", title="for hr")
    with door.open() as runs:
        until(lambda: len(door.decided("it")) == len(door.decided("hr")) == 1, *runs)
    assert only(door.decided("it")).body["ticket"] != only(door.decided("hr")).body["ticket"]


def test_an_intake_of_one_department_alone_takes_all_of_it(door: Door) -> None:
    """And leaves none of its partitions to those who read other topics: each round is in both partitions of both."""
    with door.taking("it") as one, door.taking("hr") as other:
        for number in range(10):
            for department, key in product(("it", "hr"), range(8)):
                kind = "reply" if number else "open"
                what = {"text": "And?"} if number else {"title": "A laptop"}
                door.sender.request(department, kind, f"{department}-{key}", f"{department}-{key}-{number}", **what)
            door.sender.flush()
            until(lambda done=number + 1: len(decided(door.desk)) == 16 * done, one, other)  # type: ignore[misc]


def decided(desk: Desk) -> list[Event]:
    return desk.feed(0, 1000, types=["request.decided.v1"])


def test_what_waits_in_the_doors_and_to_be_told_is_known(door: Door, database: str, topic: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:

        def behind() -> dict[str, tuple[int, bool]]:
            found: dict[str, tuple[int, bool]] = {}
            for one in lag(door.desk.store, connection, (), door.client, topic, doors=door.doors):
                events, late = found.get(one.follower, (0, False))
                found[one.follower] = (events + one.events, late or one.seconds > 0)
            return {name: said for name, said in found.items() if name != "relay"}

        give(door.desk, "open", department="it", title="By hand")
        for number in range(1, 4):
            door.sender.request("it", "open", f"HR-{number}", str(number), title=f"Laptop {number}")
        door.sender.flush()
        head = door.desk.store.head()
        assert behind() == {"outcomes": (head, True), "intake it": (3, True), "intake hr": (0, False)}
        with door.open() as runs:
            until(door.has(3), *runs)
            give(door.desk, "open", department="it", title="By hand, and told to nobody")
            until(lambda: not any(events for events, _ in behind().values()), *runs)
        assert set(behind().values()) == {(0, False)}


def test_asked_to_stop_before_they_begin_they_do_nothing(door: Door) -> None:
    stop = Flag()
    stop.set()
    intake(door.desk, "", door.client, door.doors.requests(), stop)
    outcomes(door.desk, "", door.client, door.doors, problems.told, stop)


def test_they_outlive_their_connections(door: Door, database: str) -> None:
    with door.open() as runs:
        for number in range(1, 4):
            door.sender.request("it", "open", f"HR-{number}", str(number), title=f"Laptop {number}")
            door.sender.flush()
            until(door.has(number), *runs)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name IN ('acta lease', 'acta append')"
                )
    assert [told.body["request"]["id"] for told in sorted(door.decided(), key=lambda told: told.key)] == ["1", "2", "3"]
    assert titles(door.desk) == ["Laptop 1", "Laptop 2", "Laptop 3"]
