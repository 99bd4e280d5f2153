"""Attachments over HTTP: what is handed out to whom, how, in which parts, and what is not when it is damaged."""

import re
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import ClassVar

import httpx
import pytest

from consuming import until
from desk_files import PNG, attached, uploaded
from desk_talk import done, looks, opened, refused
from domain.store.chunks import CHUNK_BYTES, path_of
from domain.store.places import Directory
from domain.ticket.events import AttachmentAdded

CONTENT = PNG + Random(3).randbytes(2 * CHUNK_BYTES + 99_999)
SECRET = "hushfile.txt"


def test_a_file_comes_back_as_it_went_in(alice: httpx.Client, rita: httpx.Client) -> None:
    number = opened(rita)
    file = attached(rita, number, CONTENT, "Größe.png", kind="image/png")
    for reader in (rita, alice):
        got = reader.get(f"/tickets/{number}/attachments/{file}")
        assert got.content == CONTENT
        assert got.headers["content-type"] == "image/png"
        assert got.headers["content-length"] == str(len(CONTENT))
        assert got.headers["content-disposition"] == (
            "attachment; filename=\"Gr__e.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"
        )
        assert got.headers["etag"] == f'"{file}"'
        assert got.headers["repr-digest"].startswith("sha-256=:")


def test_a_file_is_listed_with_all_that_is_known_of_it(alice: httpx.Client, rita: httpx.Client) -> None:
    number = opened(rita)
    file = attached(rita, number, b"hello")
    for reader in (rita, alice):
        (told,) = reader.get(f"/tickets/{number}/attachments").json()["attachments"]
        assert told.pop("at")
        assert told == {
            "attachment": file,
            "version": 3,
            "name": "log.txt",
            "media_type": "text/plain",
            "length": 5,
            "sha256": sha256(b"hello").hexdigest(),
            "internal": False,
            "quarantined": False,
            "by": "rita",
            "withheld": "",
        }
    assert alice.get(f"/tickets/{number}/attachments/3").content == b"hello"
    (told,) = alice.get(f"/tickets/{number}").json()["attachments"]
    assert (told["name"], told["length"]) == ("log.txt", 5)
    event = alice.get(f"/tickets/{number}/events").json()["events"][-1]
    assert event["type"] == "ticket.attachment-added.v1"
    assert event["sentence"].endswith("attached a file: “log.txt”.")
    assert not {"key", "chunks"} & event["data"].keys()


def test_nothing_is_shown_in_place_and_nothing_runs(alice: httpx.Client) -> None:
    number = opened(alice)
    for kind, leaves_as, begins in (
        ("image/png", "image/png", PNG),
        ("text/plain", "text/plain", b""),
        ("text/html", "application/octet-stream", b""),
        ("image/svg+xml", "application/octet-stream", b""),
        ("application/pdf", "application/octet-stream", b"%PDF-1.7"),
        ("text/javascript", "application/octet-stream", b""),
    ):
        file = attached(alice, number, begins + b"<script>alert(1)</script>", "x.html", kind=kind)
        got = alice.get(f"/tickets/{number}/attachments/{file}")
        assert got.headers["content-type"] == leaves_as
        assert got.headers["content-disposition"].startswith("attachment;")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert got.headers["cache-control"] == "no-store"


def test_a_part_of_a_file_is_handed_out(alice: httpx.Client) -> None:
    number = opened(alice)
    file = attached(alice, number, CONTENT)
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        (f"bytes={CHUNK_BYTES - 5}-{CHUNK_BYTES + 4}", CHUNK_BYTES - 5, CHUNK_BYTES + 5),
        (f"bytes={CHUNK_BYTES}-", CHUNK_BYTES, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        (f"bytes=-{2 * len(CONTENT)}", 0, len(CONTENT)),
        (f"bytes=5-{10 * len(CONTENT)}", 5, len(CONTENT)),
    ):
        got = alice.get(f"/tickets/{number}/attachments/{file}", headers={"Range": asked})
        assert got.status_code == 206
        assert got.content == CONTENT[start:end]
        assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        assert got.headers["content-length"] == str(end - start)


def test_a_part_that_is_not_there_is_refused_and_what_is_no_part_is_the_whole(alice: httpx.Client) -> None:
    number = opened(alice)
    file = attached(alice, number, b"hello")
    address = f"/tickets/{number}/attachments/{file}"
    for asked in ("bytes=5-", "bytes=99-100", "bytes=-0"):
        got = alice.get(address, headers={"Range": asked})
        assert refused(got, 416, "range-not-there")["length"] == 5
        assert got.headers["content-range"] == "bytes */5"
    for asked in ("bytes=3-1", "bytes=0-1,3-4", "lines=1-2", "bytes=x-"):
        assert alice.get(address, headers={"Range": asked}).content == b"hello"
    stale = alice.get(address, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, b"hello")
    fresh = alice.get(address, headers={"Range": "bytes=1-2", "If-Range": f'"{file}"'})
    assert (fresh.status_code, fresh.content) == (206, b"el")


def test_the_head_of_a_file_tells_what_the_file_would(alice: httpx.Client) -> None:
    number = opened(alice)
    file = attached(alice, number, CONTENT)
    head = alice.head(f"/tickets/{number}/attachments/{file}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))
    assert head.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("harm", ["missing", "altered", "cut short", "another's"])
def test_a_damaged_file_is_not_handed_out(alice: httpx.Client, house, attachments: Path, harm: str) -> None:
    ticket = opened(alice)
    other = attached(alice, ticket, CONTENT)
    for number in range(3):
        file = attached(alice, ticket, CONTENT)
        history = house.desk.history(house.desk.find(ticket))
        events = {str(event.attachment): event for event in history if isinstance(event, AttachmentAdded)}
        (lies,) = attachments.rglob(events[file].chunks[number])
        (others,) = attachments.rglob(events[other].chunks[number])
        kept = lies.read_bytes()
        match harm:
            case "missing":
                lies.unlink()
            case "altered":
                lies.write_bytes(kept[:-1] + bytes((kept[-1] ^ 1,)))
            case "cut short":
                lies.write_bytes(kept[:-1])
            case "another's":
                lies.write_bytes(others.read_bytes())
        if number == 0 or harm == "missing":
            refused(alice.get(f"/tickets/{ticket}/attachments/{file}"), 500, "file-damaged")
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                alice.get(f"/tickets/{ticket}/attachments/{file}")
    assert alice.get(f"/tickets/{ticket}/attachments/{other}").content == CONTENT


def test_a_ticket_is_found_by_the_name_of_its_file(house, alice: httpx.Client, rita: httpx.Client) -> None:
    number = opened(rita)
    attached(rita, number, b"x", "warranty-4711.pdf")
    attached(alice, number, b"x", "assessment-0815.pdf", internal=True)
    house.catch_up()

    def found(reader: httpx.Client, word: str) -> list[int]:
        listed = reader.get("/tickets", params={"q": word, "state": "any", "own": reader is rita}).json()
        return [one["number"] for one in listed["tickets"]]

    assert found(alice, "warranty-4711.pdf") == found(alice, "assessment-0815.pdf") == [int(number)]
    assert found(rita, "warranty-4711.pdf") == [int(number)]
    assert found(rita, "assessment-0815.pdf") == []


def test_a_requester_attaches_nothing_internal(rita: httpx.Client) -> None:
    number = opened(rita)
    body = {"upload": uploaded(rita, b"x")["upload"], "internal": True}
    assert refused(rita.post(f"/tickets/{number}/attach", json=body), 403, "not-allowed")["permission"] == "ticket.note"


def test_a_file_in_quarantine_is_handed_out_to_nobody_until_it_is_released(
    house, alice: httpx.Client, rita: httpx.Client
) -> None:
    bob = house.caller("bob", "supervisor", "it")
    number = opened(rita)
    file = attached(rita, number, b"x")
    done(alice, number, "quarantine", attachment=file, reason="hushreason")
    for reader in (rita, alice, bob):
        refused(reader.get(f"/tickets/{number}/attachments/{file}"), 409, "attachment-kept-back")
        assert reader.get(f"/tickets/{number}/attachments").json()["attachments"][0]["quarantined"]
    assert "hushreason" not in rita.get(f"/tickets/{number}/events").text
    refused(alice.post(f"/tickets/{number}/release-attachment", json={"attachment": file}), 403, "not-allowed")
    done(bob, number, "release-attachment", attachment=file)
    assert rita.get(f"/tickets/{number}/attachments/{file}").content == b"x"


def test_to_whom_a_file_is_handed_out_is_recorded_with_the_file(house, alice: httpx.Client, rita: httpx.Client) -> None:
    number = opened(rita)
    file = attached(rita, number, b"x")
    before = house.desk.store.head()
    alice.get(f"/tickets/{number}/attachments/{file}")
    rita.get(f"/tickets/{number}/attachments/3")
    agent, own = looks(house, before)
    stream = house.desk.find(number)
    assert (agent.operation, agent.tickets, agent.question) == ("get-attachment", (stream,), f"attachment={file}")
    assert agent.persons == (house.desk.ticket(stream).requester,)
    assert (own.permission, own.question) == ("ticket.read-own", "attachment=3")


def test_a_redacted_file_is_gone_and_said_to_be(house, admin: httpx.Client, rita: httpx.Client) -> None:
    number = opened(rita)
    file = attached(rita, number, b"x", SECRET)
    receipt = done(admin, number, "redact", versions=[3], reason="Wrong person.")
    house.desk.keys.destroy(receipt["position"])
    got = rita.get(f"/tickets/{number}/attachments/{file}")
    refused(got, 410, "attachment-erased")
    (told,) = rita.get(f"/tickets/{number}/attachments").json()["attachments"]
    assert (told["name"], told["withheld"]) == ("[erased]", "erased")
    assert not re.search(SECRET, admin.get(f"/tickets/{number}/events").text)


def test_a_place_that_cannot_be_reached_is_said_to_be_so(build_house, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("a file")
    house = build_house(attachments=Directory(tmp_path / "no-folder"))
    house.configure()
    alice = house.caller("alice", "agent", "it")
    answer = alice.post("/uploads", content=b"x", headers={"Content-Type": "text/plain"})
    refused(answer, 503, "not-yet")
    assert answer.headers["retry-after"]


def test_a_caller_has_so_many_files_under_way_and_another_is_not_kept_waiting(build_house) -> None:
    house = build_house(files_at_once=2)
    house.configure()
    alice, bob = house.caller("alice", "agent", "it"), house.caller("bob", "agent", "it")
    number = opened(alice)
    large = attached(alice, number, bytes(32 * CHUNK_BYTES), kind="application/octet-stream")
    address = f"/tickets/{number}/attachments/{large}"
    with alice.stream("GET", address) as one:
        assert one.status_code == 200
        with alice.stream("GET", address) as other:
            assert other.status_code == 200
            for answer in (alice.get(address), alice.post("/uploads", content=b"x")):
                assert refused(answer, 429, "too-many-at-once")["limit"] == 2
                assert answer.headers["retry-after"]
            assert bob.get(address, headers={"Range": "bytes=0-0"}).status_code == 206
        assert uploaded(bob, b"x")["complete"]
        until(lambda: alice.get(address, headers={"Range": "bytes=0-0"}).status_code == 206)


class _Meanwhile(Directory):
    """A place in which, when it is asked what is missing, something happens first."""

    happens: ClassVar[list[Callable[[], object]]] = []

    def missing(self, paths: Collection[str]) -> set[str]:
        while self.happens:
            self.happens.pop()()
        return super().missing(paths)


def test_a_file_that_is_erased_while_it_is_looked_for_is_said_to_be_erased(
    build_house, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = _Meanwhile(tmp_path / "files")
    house = build_house(attachments=place)
    house.configure()
    alice, admin = house.caller("alice", "agent", "it"), house.caller("root", "admin", "*")
    number = opened(alice)
    file = attached(alice, number, b"x-ray")
    attached(alice, number, b"another")
    (event, _) = (one for one in house.desk.history(house.desk.find(number)) if isinstance(one, AttachmentAdded))

    def erased() -> None:
        receipt = done(admin, number, "redact", versions=[event.version], reason="Wrong person.")
        house.desk.keys.destroy(receipt["position"])
        house.desk.keys.learn()
        place.remove([path_of(address) for address in event.chunks])

    place.happens.append(erased)
    refused(alice.get(f"/tickets/{number}/attachments/{file}"), 410, "attachment-erased")
    assert "damaged" not in caplog.text
