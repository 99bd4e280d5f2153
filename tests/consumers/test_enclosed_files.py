"""Files that come within requests: put to their ticket once and in order, or refused with the way out."""

import json
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest
from psycopg import sql

from consuming import until
from desks import give
from domain.access.principal import Principal
from domain.desk import Desk
from domain.desk.doors import doorkeeper
from domain.store.clearing import clear
from domain.store.handing_out import opened as handed_out
from domain.store.places import Directory
from domain.ticket.events import AttachmentAdded
from door_talk import Door, Told
from lying_files import lying, put_to, uploaded

CONTENT = Random(3).randbytes(300_000)
BOMB = b"PK\3\4" + bytes(100_000)


@pytest.fixture
def keeper(desk: Desk) -> Principal:
    """As whom the department's software acts."""
    return doorkeeper(desk.keys, "it")


def base64(content: bytes) -> str:
    return b64encode(content).decode()


def added(desk: Desk) -> list[AttachmentAdded]:
    """All files that were put to tickets, in order."""
    events = desk.feed(0, 10_000, types=["ticket.attachment-added.v1"])
    return [event for event in events if isinstance(event, AttachmentAdded)]


def content_of(place: Directory, event: AttachmentAdded) -> bytes:
    return b"".join(handed_out(place, event, 0, event.length))


def problem(told: Told) -> dict[str, object]:
    found: dict[str, object] = told.body["problem"]
    return found


def test_an_enclosed_file_is_put_to_the_ticket_of_its_reference(door: Door, place: Directory) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request(
        "it", "attach", "HR-1", "2", content=base64(CONTENT), name="../../contract.txt", media_type="Text/Plain; x=y"
    )
    door.sender.request("it", "attach", "HR-1", "3", content="", internal=True)
    found = door.settled(3)
    assert [told.kind for told in found] == ["accepted"] * 3
    one, empty = added(door.desk)
    assert (one.name, one.media_type, one.internal) == ("contract.txt", "text/plain", False)
    assert (one.length, one.sha256) == (len(CONTENT), sha256(CONTENT).hexdigest())
    assert content_of(place, one) == CONTENT
    assert (empty.name, empty.media_type, empty.internal) == ("file", "application/octet-stream", True)
    assert content_of(place, empty) == b""
    assert one.seal is not None
    assert one.seal.subject == door.desk.ticket(UUID(found[0].body["ticket"])).requester


def test_what_is_told_of_files_is_which_there_are_and_never_what_they_are_called(door: Door, desk: Desk) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop for Petra")
    door.sender.request("it", "attach", "HR-1", "2", content=base64(b"a secret"), name="Petra's contract.txt")
    door.sender.request("it", "attach", "HR-1", "3", content=base64(b"a secret"), internal=True)
    door.settled(3)
    public, _ = added(desk)
    give(desk, "quarantine", str(public.stream), attachment=public.attachment, reason="a virus, says Petra")
    give(desk, "close", str(public.stream))
    with door.open() as runs:
        until(lambda: any(told.body.get("event") == "ticket.closed.v1" for told in door.outcomes()), *runs)
    happened = [told.body for told in door.outcomes() if told.kind == "happened"]
    assert [told["event"] for told in happened] == [
        "ticket.attachment-added.v1",
        "ticket.attachment-quarantined.v1",
        "ticket.closed.v1",
    ]
    assert [told["told"] for told in happened[:2]] == [{"attachment": str(public.attachment)}] * 2
    assert "Petra" not in json.dumps([told.body for told in door.outcomes()])


def test_a_file_that_was_uploaded_before_is_taken_by_a_request(
    door: Door, desk: Desk, place: Directory, keeper: Principal
) -> None:
    upload = uploaded(desk, place, CONTENT, by=keeper)
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    for _ in range(2):
        door.sender.request("it", "attach", "HR-1", "2", upload=str(upload))
    door.sender.request("it", "attach", "HR-1", "3", upload=str(upload))
    found = door.settled(3)
    assert [told.kind for told in found] == ["accepted", "accepted", "refused"]
    assert problem(found[2])["code"] == "already-attached"
    (event,) = added(desk)
    assert content_of(place, event) == CONTENT


def test_repeated_it_is_attached_once_and_no_file_is_left_over(door: Door, desk: Desk, folder: Path) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    for _ in range(3):
        door.sender.request("it", "attach", "HR-1", "2", content=base64(CONTENT))
    door.settled(2)
    door.sender.request("it", "attach", "HR-1", "2", content=base64(CONTENT))
    door.sender.request("it", "reply", "HR-1", "3", text="the last")
    door.settled(3)
    (event,) = added(desk)
    assert lying(folder) == set(event.chunks)


NOT_TAKEN = [
    ({}, "not-valid"),
    ({"content": base64(b"x"), "upload": str(uuid4())}, "not-valid"),
    ({"content": "YWJj\nYWJj"}, "not-valid"),
    ({"content": "YWJ"}, "not-valid"),
    ({"content": "YWJj===="}, "not-valid"),
    ({"content": "\u202eYWJj"}, "not-valid"),
    ({"content": "secret!?"}, "not-valid"),
    ({"content": 7}, "not-valid"),
    ({"content": ["YWJj"]}, "not-valid"),
    ({"upload": "../../etc/passwd"}, "not-valid"),
    ({"upload": str(uuid4()), "name": "x"}, "not-valid"),
    ({"upload": str(uuid4())}, "upload-not-found"),
    ({"content": base64(b"x"), "media_type": "application/x-msdownload"}, "media-type-not-taken"),
    ({"content": base64(b"x"), "media_type": "text/../html"}, "media-type-not-taken"),
    ({"content": base64(b"<script>"), "media_type": "image/png"}, "content-not-as-declared"),
    ({"content": base64(bytes(500_001))}, "upload-too-large"),
    ({"content": base64(b"x"), "ticket": "999999"}, "ticket-not-found"),
]


def test_what_is_not_taken_is_refused_once_with_the_way_out_and_nothing_of_it_stays(
    door: Door, desk: Desk, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door.sender.request("it", "open", "HR-1", "0", title="A laptop")
    for number, (data, _) in enumerate(NOT_TAKEN, 1):
        for _ in range(2):
            door.sender.request("it", "attach", "HR-1", str(number), **data)
    _, *found = door.settled(1 + len(NOT_TAKEN))
    assert [(told.kind, problem(told)["code"]) for told in found] == [("refused", code) for _, code in NOT_TAKEN]
    assert all(problem(told)["advice"] for told in found)
    assert "secret" not in json.dumps([told.body for told in found]) + caplog.text
    until(lambda: lying(folder) == set())
    assert added(desk) == []


def test_an_upload_of_somebody_else_one_that_is_not_complete_and_one_that_expired_are_not_there(
    door: Door, desk: Desk, place: Directory, keeper: Principal
) -> None:
    another = uploaded(desk, place, CONTENT)
    now = desk.now()
    holder = desk.uploads.holder(keeper)
    half = desk.uploads.begin(holder, "half.txt", "text/plain", 100, now, now + timedelta(days=365)).upload
    late = desk.uploads.begin(holder, "late.txt", "text/plain", 0, now, now).upload
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    for number, upload in enumerate((another, half, late), 2):
        door.sender.request("it", "attach", "HR-1", str(number), upload=str(upload))
    _, *found = door.settled(4)
    codes = ["upload-not-found", "upload-not-complete", "upload-not-found"]
    assert [problem(told)["code"] for told in found] == codes
    assert lying(Path(place._path)) != set()


def test_a_message_that_is_too_large_is_a_dead_letter_whose_content_stands_nowhere(
    door: Door, desk: Desk, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no request is kept, sealed; the content of a file as anything else."""
    secret = base64(b"the diagnosis of Petra" * 10)
    door.sender.raw("it", b"HR-1", [("ce_type", b"acta.request.attach.v1")], json.dumps({"content": secret}).encode())
    door.sender.request("it", "open", "HR-2", "2", title="the last")
    door.settled(1, 1)
    said = json.dumps([told.body for told in door.letters()]) + caplog.text
    assert secret not in said
    with desk.pool.connection() as connection:
        for table in ("acta.events", "acta.dead_letters", "acta.uploads"):
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split(".")))).fetchall()
            assert secret not in str(rows)
            assert "Petra" not in str(rows)


def test_a_file_is_never_unpacked_and_its_type_is_what_was_said(door: Door, place: Directory) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    door.sender.request("it", "attach", "HR-1", "2", content=base64(BOMB), name="holiday.txt", media_type="text/csv")
    door.settled(2)
    (event,) = added(door.desk)
    assert (event.media_type, content_of(place, event)) == ("text/csv", BOMB)


def test_while_the_place_is_away_requests_of_the_key_wait_in_order_and_others_go_on(
    door: Door, desk: Desk, folder: Path
) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("in the way")
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    door.sender.request("it", "attach", "HR-1", "2", content=base64(CONTENT))
    door.sender.request("it", "reply", "HR-1", "3", text="see the file")
    for number in range(4, 9):
        door.sender.request("it", "open", f"HR-{number}", str(number), title=f"Laptop {number}")
    with door.open() as runs:
        until(door.has(6), *runs)
        assert added(desk) == []
        folder.unlink()
        until(door.has(8), *runs)
    about = [told.body["request"]["id"] for told in door.decided() if told.key == "HR-1"]
    assert about == ["1", "2", "3"]
    (event,) = added(desk)
    assert set(event.chunks) <= lying(folder)
    clear(desk.uploads, Directory(folder), desk.now())
    assert lying(folder) == set(event.chunks)


def test_many_files_at_once_are_each_attached_in_their_order(door: Door, desk: Desk, place: Directory) -> None:
    door.sender.request("it", "open", "HR-1", "0", title="A laptop")
    for number in range(1, 101):
        door.sender.request("it", "attach", "HR-1", str(number), content=base64(str(number).encode() * 1000))
    assert [told.kind for told in door.settled(101)] == ["accepted"] * 101
    assert [content_of(place, event)[:3] for event in added(desk)] == [
        (str(number).encode() * 3)[:3] for number in range(1, 101)
    ]


def test_a_ticket_takes_no_more_files_than_it_may(door: Door, desk: Desk, place: Directory) -> None:
    number = give(desk, "open", department="it", title="Many").number
    for _ in range(200):
        put_to(desk, place, str(number), b"x")
    door.sender.request("it", "attach", "HR-1", "1", ticket=str(number), content=base64(b"x"))
    (told,) = door.settled(1)
    assert problem(told)["code"] == "too-many-attachments"
