"""Requests over HTTP, one and many; dead letters listed, shown, corrected, handed in again and given up."""

import json
import socket
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api.requests import MOST_BATCH_BYTES
from desk_files import uploaded
from domain.access.events import AccessRead
from domain.desk.doors import doorkeeper, take
from domain.desk.letters import KEPT_FOR, Place, expire, keep
from domain.errors import NotARequest
from domain.request.letter import structured
from domain.request.message import Message
from domain.ticket.events import AttachmentAdded

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


def test_what_comes_through_a_door_tells_of_the_requester_whoever_hands_it_on(house) -> None:
    admin = house.caller("root", "admin", "it")
    petra = {"email": "petra@example.org", "name": "Petra Prosser"}
    opened = admin.post("/requests?department=it", json=event("1", title="A laptop", requester=petra)).json()
    admin.post("/requests?department=it", json=event("2", "reply", "HR-1", text="a blue one"))
    lent = b64encode(b"lent to Petra").decode()
    admin.post("/requests?department=it", json=event("3", "attach", "HR-1", name="a.txt", content=lent))
    sealed = [one for one in house.desk.history(UUID(opened["ticket"])) if one.seal]
    assert [one.TYPE for one in sealed] == [
        "ticket.opened.v1",
        "ticket.requester-replied.v1",
        "ticket.attachment-added.v1",
    ]
    assert {one.seal.subject for one in sealed} == {sealed[0].requester}


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


# Files


def files_of(house, ticket: str) -> list[AttachmentAdded]:
    return [one for one in house.desk.history(UUID(ticket)) if isinstance(one, AttachmentAdded)]


def test_a_file_is_enclosed_or_uploaded_before(house, service, alice) -> None:
    ticket = service.post("/requests?department=it", json=event("1", title="A laptop")).json()["ticket"]
    enclosed = event("2", "attach", "HR-1", content=b64encode(b"a quote").decode(), name="quote.txt")
    first, again = (service.post("/requests?department=it", json=enclosed) for _ in range(2))
    assert (first.status_code, first.json()) == (200, again.json())
    upload = uploaded(service, bytes(2_000_000))["upload"]
    sent = service.post("/requests?department=it", json=event("3", "attach", "HR-1", upload=upload))
    assert sent.status_code == 200, sent.text
    assert [(one.name, one.length) for one in files_of(house, ticket)] == [("quote.txt", 7), ("log.txt", 2_000_000)]
    got = alice.get(f"/tickets/{ticket}/attachments/{files_of(house, ticket)[0].attachment}")
    assert got.content == b"a quote"
    assert got.headers["content-disposition"].startswith("attachment;")


def test_what_is_uploaded_for_a_door_is_taken_by_any_request_through_it_and_by_none_through_another(
    house, service, alice
) -> None:
    """Whoever hands in requests over Kafka acts as the door, and has no other way to upload a file."""
    ticket = service.post("/requests?department=it", json=event("1", title="A laptop")).json()["ticket"]
    headers = {"Content-Type": "text/plain", "Upload-Complete": "?0"}
    location = service.post("/uploads?department=it", headers=headers).headers["location"]
    assert location.endswith("?department=it")
    part = {"Content-Type": "application/partial-upload", "Upload-Offset": "0", "Upload-Complete": "?1"}
    upload = service.patch(location, content=b"a quote", headers=part).json()["upload"]
    refused(service.get(f"/uploads/{upload}"), 404, "upload-not-found")
    refused(service.get(f"/uploads/{upload}?department=hr"), 422, "department-not-found")
    refused(alice.get(f"/uploads/{upload}?department=it"), 422, "department-not-found")
    other = house.caller("payroll", "service", "hr", kind="service")
    other.post("/requests?department=hr", json=event("1", title="A contract"))
    stolen = other.post("/requests?department=hr", json=event("2", "attach", "HR-1", upload=upload))
    refused(stolen, 404, "upload-not-found")
    another = house.caller("procurement", "service", "it", kind="service")
    letter = structured("it", json.dumps(event("3", "attach", "HR-1", upload=upload)).encode())
    take(house.desk, letter, doorkeeper(house.desk.keys, "it"), "kafka").result()
    mine = another.post("/uploads?department=it", content=b"", headers={"Content-Type": "text/plain"}).json()["upload"]
    sent = service.post("/requests?department=it", json=event("4", "attach", "HR-1", upload=mine))
    assert sent.status_code == 200, sent.text
    assert [one.length for one in files_of(house, ticket)] == [7, 0]


def test_an_upload_of_another_is_not_there_for_a_request(house, service, alice) -> None:
    service.post("/requests?department=it", json=event("1", title="A laptop"))
    upload = uploaded(alice, b"x")["upload"]
    answer = service.post("/requests?department=it", json=event("2", "attach", "HR-1", upload=upload))
    refused(answer, 404, "upload-not-found")
    refused(service.post("/requests?department=it", json=event("3", "attach", "HR-1")), 422, "not-valid")
    wrong = event("4", "attach", "HR-1", content="?secret?")
    assert "secret" not in service.post("/requests?department=it", json=wrong).text
    kind = event("5", "attach", "HR-1", content="eA==", media_type="application/x-sh")
    told = refused(service.post("/requests?department=it", json=kind), 415, "media-type-not-taken")
    assert (told["field"], "text/*" in told["known"]) == ("body/media_type", True)


def test_files_of_a_batch_are_put_to_their_ticket_in_order(house, service) -> None:
    lines = [json.dumps(event("0", title="The first"))]
    contents = [b64encode(str(n).encode() * 10_000).decode() for n in range(1, 40)]
    lines += [json.dumps(event(str(n), "attach", "HR-0", content=one)) for n, one in enumerate(contents, 1)]
    answer = service.post("/requests/batch?department=it", content="\n".join(lines), headers=LINES)
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert all("receipt" in one for one in told)
    assert [one.length for one in files_of(house, told[0]["receipt"]["ticket"])] == [
        len(str(n)) * 10_000 for n in range(1, 40)
    ]


def test_while_files_have_no_place_a_request_with_one_is_to_be_sent_again(house, service, attachments) -> None:
    service.post("/requests?department=it", json=event("1", title="A laptop"))
    attachments.parent.mkdir(exist_ok=True)
    attachments.write_text("in the way")
    asked = event("2", "attach", "HR-1", content="eA==")
    assert service.post("/requests?department=it", json=asked).status_code == 503
    attachments.unlink()
    while (answer := service.post("/requests?department=it", json=asked)).status_code == 503:
        pass
    assert answer.status_code == 200
