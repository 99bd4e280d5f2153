"""Requests over HTTP, one and many; dead letters listed, shown, corrected, handed in again and given up."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api.requests import MOST_BATCH_BYTES
from domain.access.events import AccessRead
from domain.desk.letters import KEPT_FOR, Place, expire, keep
from domain.errors import NotARequest
from domain.request.message import Message

LINES = {"Content-Type": "application/x-ndjson"}


def event(id: str, kind: str = "open", reference: str = "", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": f"acta.request.{kind}.v1",
        "source": "/hr",
        "id": id,
        "partitionkey": reference or f"HR-{id}",
        "data": data,
    }


@pytest.fixture
def service(house) -> httpx.Client:
    return house.caller("onboarding", "service", "it", kind="service")


@pytest.fixture
def keeper(house) -> httpx.Client:
    return house.caller("sue", "supervisor", "it")


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


def test_a_request_over_http_is_carried_out_once(house, service) -> None:
    first = service.post("/requests?department=it", json=event("1", title="A laptop for Petra"))
    again = service.post("/requests?department=it", json=event("1", title="A laptop for Petra"))
    assert (first.status_code, first.json()) == (201, again.json())
    reply = service.post("/requests?department=it", json=event("2", "reply", "HR-1", text="a blue one"))
    assert (reply.status_code, reply.json()["number"]) == (201 - 1, first.json()["number"])
    opened, *_ = house.desk.history(UUID(first.json()["ticket"]))
    assert (opened.act.actor.id, opened.act.channel, opened.department) == ("onboarding", "http", "it")


def test_what_is_refused_says_why(service, alice) -> None:
    refused(service.post("/requests?department=hr", json=event("1", title="A laptop")), 422, "department-not-found")
    refused(service.post("/requests?department=it", json={"title": "A laptop"}), 422, "not-a-request")
    refused(
        service.post("/requests?department=it", json=event("1", department="hr", title="A laptop")), 422, "not-valid"
    )
    refused(service.post("/requests?department=it", json=event("1", title="A phone")), 422, "key-used-differently")
    refused(service.post("/requests?department=it", json=event("2", "bribe")), 422, "request-kind-not-known")
    refused(alice.post("/requests?department=it", json=event("3", title="A laptop")), 403, "not-allowed")


def test_a_batch_is_answered_line_by_line_and_in_order(house, service) -> None:
    lines = [json.dumps(event("0", title="The first"))]
    lines += [json.dumps(event(str(n), "reply", "HR-0", text=f"reply {n}")) for n in range(1, 400)]
    lines += ["", "nothing", json.dumps(event("x", colour="blue")), json.dumps(event("0", title="The first"))]
    answer = service.post("/requests/batch?department=it", content="\n".join(lines), headers=LINES)
    assert answer.status_code == 200, answer.text
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["line"] for one in told] == [*range(1, 401), 402, 403, 404]
    assert all("receipt" in one for one in told[:400])
    assert [one["problem"]["code"] for one in told[400:402]] == ["not-a-request", "not-valid"]
    assert told[-1]["receipt"] == told[0]["receipt"]
    history = house.desk.history(UUID(told[0]["receipt"]["ticket"]))
    texts = [one.text for one in history if one.TYPE == "ticket.requester-replied.v1"]
    assert texts == [f"reply {n}" for n in range(1, 400)]


def answers(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_line_is_not_decided_before_the_line_that_it_builds_on(house, service, database) -> None:
    lines = [json.dumps(event("1", title="A laptop")), json.dumps(event("2", "reply", "HR-1", text="a blue one"))]

    def send() -> list[dict[str, Any]]:
        answer = service.post("/requests/batch?department=it", content="\n".join(lines), headers=LINES)
        return [json.loads(line) for line in answer.text.splitlines()]

    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("ALTER TABLE acta.events ADD CONSTRAINT no_tickets CHECK (number IS NULL) NOT VALID")
        assert [one["problem"]["code"] for one in send()] == ["fault", "not-yet"]
        owner.execute("ALTER TABLE acta.events DROP CONSTRAINT no_tickets")
    first, second = send()
    assert first["receipt"]["number"] == second["receipt"]["number"]


def test_a_batch_has_ten_thousand_lines_at_most(service) -> None:
    found = answers(service.post("/requests/batch?department=it", content="{}\n" * 10_003, headers=LINES))
    assert [one["line"] for one in found] == [*range(1, 10_002)]
    assert (found[-1]["problem"]["code"], found[-1]["problem"]["limit"]) == ("body-too-large", 10_000)
    refused(service.post("/requests/batch?department=it", json=[]), 415, "unsupported-media-type")
    too_much = service.post("/requests/batch?department=it", content=b" " * (MOST_BATCH_BYTES + 1), headers=LINES)
    assert refused(too_much, 413, "body-too-large")["limit"] == MOST_BATCH_BYTES


TEN_MB = "x" * 10_000_000


def test_ten_megabytes_are_refused_with_what_would_be_taken(house, service) -> None:
    answer = service.post("/requests?department=it", json=event("1", title=TEN_MB))
    assert refused(answer, 413, "body-too-large")["limit"] == 1024 * 1024
    assert service.post("/requests?department=it", json=event("1", title="A laptop")).status_code == 201


def test_a_line_of_ten_megabytes_is_refused_and_the_others_are_carried_out(house, service) -> None:
    lines = [event("1", title="The first"), event("2", title=TEN_MB), event("3", title="The last")]
    body = "\n".join(map(json.dumps, lines))
    first, second, third = answers(service.post("/requests/batch?department=it", content=body, headers=LINES))
    assert (first["receipt"]["number"], third["receipt"]["number"]) == (1, 2)
    assert (second["line"], second["problem"]["code"], second["problem"]["status"]) == (2, "body-too-large", 413)
    assert second["problem"]["limit"] == 1024 * 1024
    assert second["problem"]["advice"]


def test_what_has_no_end_is_answered_as_far_as_it_was_taken(service) -> None:
    def endless() -> Iterator[bytes]:
        yield json.dumps(event("1", title="The first")).encode() + b"\n"
        for _ in range(MOST_BATCH_BYTES // 1_000_000 + 1):
            yield b"x" * 1_000_000

    first, last = answers(service.post("/requests/batch?department=it", content=endless(), headers=LINES))
    assert first["receipt"]
    assert (last["line"], last["problem"]["code"], last["problem"]["limit"]) == (2, "body-too-large", MOST_BATCH_BYTES)


def test_a_line_is_answered_before_the_next_is_sent(house, service) -> None:
    def chunk(number: int) -> bytes:
        line = json.dumps(event(str(number), title=f"Number {number}")).encode() + b"\n"
        return b"%x\r\n%b\r\n" % (len(line), line)

    head = (
        "POST /requests/batch?department=it HTTP/1.1\r\nHost: desk\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: {LINES['Content-Type']}\r\nAuthorization: {service.headers['Authorization']}\r\n\r\n"
    )
    with socket.create_connection((house.url.split("/")[2].split(":")[0], int(house.url.split(":")[2]))) as open_line:
        received = open_line.makefile("rb")
        open_line.sendall(head.encode())
        for number in (1, 2, 3):
            open_line.sendall(chunk(number))
            while b'"receipt"' not in (said := received.readline()):
                assert said, "the connection ended"
            assert json.loads(said)["receipt"]["number"] == number


def dead(house, department: str = "it", value: bytes = b"\xff Petra's laptop", offset: int = 7) -> str:
    place = Place(f"acta.requests.{department}", 0, offset, 1_700_000_000_000)
    return str(keep(house.desk, department, place, Message(b"HR-1", (("x", b"y"),), value), NotARequest()))


def test_letters_are_listed_page_by_page_to_those_who_keep_the_door(house, keeper, admin, service) -> None:
    ours = [dead(house, offset=n) for n in range(5)]
    dead(house, "hr")
    found: list[str] = []
    page = keeper.get("/dead-letters?limit=2").json()
    while page["next"]:
        found += [one["letter"] for one in page["letters"]]
        page = keeper.get("/dead-letters", params={"limit": 2, "cursor": page["next"]}).json()
    assert found + [one["letter"] for one in page["letters"]] == ours
    assert len(admin.get("/dead-letters").json()["letters"]) == 6
    refused(service.get("/dead-letters"), 403, "not-allowed")
    assert "acta_dead_letters 6" in keeper.get("/metrics").text
    assert "Petra" not in keeper.get("/dead-letters").text


def test_a_letter_is_shown_and_that_is_recorded(house, keeper) -> None:
    letter = dead(house)
    shown = keeper.get(f"/dead-letters/{letter}").json()
    assert (shown["binary"], shown["letter"]["code"]) == (True, "not-a-request")
    looks = [one for one in house.desk.feed(0, 1000) if isinstance(one, AccessRead)]
    assert [(one.operation, one.permission) for one in looks] == [("get-dead-letter", "door.operate")]
    refused(keeper.get(f"/dead-letters/{dead(house, 'hr')}"), 404, "letter-not-found")


def test_a_letter_that_is_kept_is_sealed(house) -> None:
    dead(house, value=b"Petra's laptop")
    with house.desk.pool.connection() as connection:
        (sealed,) = connection.execute("SELECT sealed FROM acta.dead_letters").fetchone()
    assert b"Petra" not in bytes(sealed)


def test_corrected_and_handed_in_again_it_is_a_request(house, keeper) -> None:
    letter = dead(house)
    still = keeper.post(f"/dead-letters/{letter}/redrive").json()
    assert (still["outcome"], still["problem"]["code"]) == ("kept", "not-a-request")
    refused(keeper.put(f"/dead-letters/{letter}", json={"title": "A laptop"}), 422, "not-a-request")
    assert keeper.put(f"/dead-letters/{letter}", json=event("1", title="A laptop")).status_code == 200
    came = keeper.post(f"/dead-letters/{letter}/redrive").json()
    assert came["outcome"] == "accepted"
    assert house.desk.ticket(UUID(came["receipt"]["ticket"])).title == "A laptop"
    refused(keeper.post(f"/dead-letters/{letter}/redrive"), 404, "letter-not-found")
    acts = [(one.TYPE, one.act.actor.id) for one in house.desk.history(UUID(letter))]
    assert acts == [
        ("letter.kept.v1", "intake"),
        ("letter.redriven.v1", "sue"),
        ("letter.corrected.v1", "sue"),
        ("letter.redriven.v1", "sue"),
    ]


def test_a_letter_that_is_refused_as_a_request_is_done_with(house, keeper) -> None:
    letter = dead(house)
    keeper.put(f"/dead-letters/{letter}", json=event("1", colour="blue"))
    came = keeper.post(f"/dead-letters/{letter}/redrive").json()
    assert (came["outcome"], came["problem"]["code"]) == ("refused", "not-valid")
    assert house.desk.drawer.depth() == 0


def test_given_up_it_is_gone_and_the_reason_is_sealed(house, keeper) -> None:
    letter = dead(house)
    answer = keeper.post(f"/dead-letters/{letter}/discard", json={"reason": "Petra sent it as a test"})
    assert answer.status_code == 200, answer.text
    refused(keeper.get(f"/dead-letters/{letter}"), 404, "letter-not-found")
    last = house.desk.history(UUID(letter))[-1]
    assert (last.TYPE, last.reason) == ("letter.discarded.v1", "Petra sent it as a test")
    assert all(b"Petra" not in one.state for one in house.desk.store.events_of(UUID(letter)))
    assert dead(house) == letter
    assert house.desk.drawer.depth() == 0, "what comes again was given up already"


def test_what_nobody_takes_care_of_is_destroyed_in_time(house) -> None:
    letter, young = dead(house), dead(house, offset=8)
    with house.desk.pool.connection() as connection:
        connection.execute("UPDATE acta.dead_letters SET kept_at = kept_at - %s WHERE letter = %s", (KEPT_FOR, letter))
    assert expire(house.desk) == 1
    assert [str(one.letter) for one in house.desk.drawer.page(None, None, 9)] == [young]
    assert house.desk.history(UUID(letter))[-1].expired
