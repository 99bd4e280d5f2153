"""Uploads over HTTP: at once or in parts, gone on with after a break, and refused with the way out."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event as Flag

import httpx
import pytest

from api.uploads import LEAST_PART_BYTES
from desk_files import PART, PNG, attached, begun, sent_on, stands, uploaded
from desk_talk import done, opened, refused
from domain.store.chunks import CHUNK_BYTES
from domain.store.clearing import clear
from domain.store.uploads import MOST_OPEN

LEAST = LEAST_PART_BYTES
PART_OF_IT = b"x" * LEAST
TEXT = {"Content-Type": "text/plain"}
CONTENT = Random(2).randbytes(2 * CHUNK_BYTES + 77_777)


def lying(attachments: Path) -> int:
    """How many files lie there."""
    return sum(file.is_file() for file in attachments.rglob("*"))


def line_to(house) -> socket.socket:
    host, port = house.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


def head_of(client: httpx.Client, upload: str, length: int) -> bytes:
    """The head of a request that goes on with an upload from its beginning and has so many bytes."""
    return (
        f"PATCH {upload} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
        "Content-Type: application/partial-upload\r\nUpload-Offset: 0\r\nUpload-Complete: ?1\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_a_file_that_is_sent_at_once_is_complete(alice: httpx.Client) -> None:
    answer = alice.post("/uploads", content=CONTENT, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 201
    told = answer.json()
    assert (told["received"], told["length"], told["complete"]) == (len(CONTENT), len(CONTENT), True)
    assert answer.headers["location"] == f"/uploads/{told['upload']}"
    assert answer.headers["upload-complete"] == "?1"
    assert answer.headers["upload-offset"] == answer.headers["upload-length"] == str(len(CONTENT))
    assert answer.headers["upload-limit"].startswith("max-size=104857600, min-append-size=65536, max-age=86")


def test_a_file_of_unknown_length_is_taken_as_it_comes(alice: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(CONTENT), 100_000):
            yield CONTENT[start : start + 100_000]

    answer = alice.post("/uploads", content=pieces(), headers={"Content-Type": "text/plain"})
    assert answer.json()["length"] == len(CONTENT)
    number = opened(alice)
    done(alice, number, "attach", upload=answer.json()["upload"])
    got = alice.get(f"/tickets/{number}/attachments/{answer.json()['upload']}")
    assert got.content == CONTENT


def test_a_file_comes_in_parts_each_from_where_the_last_one_ended(alice: httpx.Client) -> None:
    upload = begun(alice)
    cuts = [0, LEAST, CHUNK_BYTES, CHUNK_BYTES + LEAST, 2 * CHUNK_BYTES, len(CONTENT)]
    for start, end in pairwise(cuts):
        assert stands(alice, upload) == start
        answer = sent_on(alice, upload, start, CONTENT[start:end], ends=end == len(CONTENT))
        assert answer.status_code == 200, answer.text
        assert answer.headers["upload-offset"] == str(end)
        assert answer.headers["upload-complete"] == ("?1" if end == len(CONTENT) else "?0")
    number = opened(alice)
    done(alice, number, "attach", upload=upload.rpartition("/")[2])
    (file,) = alice.get(f"/tickets/{number}/attachments").json()["attachments"]
    assert (file["length"], file["sha256"]) == (len(CONTENT), sha256(CONTENT).hexdigest())


def test_an_upload_may_be_completed_by_saying_so(alice: httpx.Client) -> None:
    upload = begun(alice)
    sent_on(alice, upload, 0, PART_OF_IT, ends=False)
    assert sent_on(alice, upload, LEAST, b"", ends=True).json()["complete"]


def test_an_empty_file_is_a_file(alice: httpx.Client) -> None:
    number = opened(alice)
    file = attached(alice, number, b"")
    got = alice.get(f"/tickets/{number}/attachments/{file}")
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")


def test_after_a_broken_connection_it_goes_on_where_it_broke(alice: httpx.Client, house) -> None:
    upload = begun(alice, len(CONTENT))
    sent = CHUNK_BYTES + 300_000
    with line_to(house) as line:
        line.sendall(head_of(alice, upload, len(CONTENT)) + CONTENT[:sent])
        while stands(alice, upload) < CHUNK_BYTES:
            pass
    answer = None
    while answer is None or answer.status_code == 409:
        # Until the server has noticed, it may still keep what came last.
        offset = stands(alice, upload)
        assert CHUNK_BYTES <= offset <= sent
        answer = sent_on(alice, upload, offset, CONTENT[offset:], ends=True)
    assert answer.json()["complete"]
    number = opened(alice)
    done(alice, number, "attach", upload=answer.json()["upload"])
    assert alice.get(f"/tickets/{number}/attachments/{answer.json()['upload']}").content == CONTENT


def test_whoever_goes_on_from_elsewhere_is_told_from_where(alice: httpx.Client) -> None:
    upload = begun(alice)
    sent_on(alice, upload, 0, PART_OF_IT, ends=False)
    for offset in (0, LEAST - 1, LEAST + 1):
        answer = sent_on(alice, upload, offset, b"more", ends=True)
        assert refused(answer, 409, "wrong-offset")["received"] == LEAST
        assert answer.headers["upload-offset"] == str(LEAST)


def test_of_two_who_go_on_at_once_one_succeeds(alice: httpx.Client) -> None:
    upload = begun(alice)
    first, go = Flag(), Flag()

    def slowly() -> Iterator[bytes]:
        yield CONTENT[:10]
        first.set()
        go.wait()
        yield CONTENT[10:]

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: sent_on(alice, upload, 0, slowly(), ends=True))
        first.wait()
        fast = sent_on(alice, upload, 0, CONTENT, ends=True)
        go.set()
        assert fast.json()["complete"]
        assert refused(slow.result(), 409, "upload-is-complete")["received"] == len(CONTENT)


def test_a_part_that_is_too_small_is_not_kept_unless_it_is_the_last(alice: httpx.Client) -> None:
    """Whoever sends byte by byte would have up to a mebibyte sealed and written for each."""
    upload = begun(alice)
    small = b"x" * (LEAST - 1)
    for content in (small, iter([small[:9], small[9:]]), b"x"):
        answer = sent_on(alice, upload, 0, content, ends=False)
        told = refused(answer, 400, "part-too-small")
        assert (told["limit"], told["received"], answer.headers["upload-offset"]) == (LEAST, 0, "0")
    assert sent_on(alice, upload, 0, b"", ends=False).status_code == 200
    sent_on(alice, upload, 0, CONTENT[: CHUNK_BYTES - 1], ends=False)
    answer = sent_on(alice, upload, CHUNK_BYTES - 1, b"over the edge of a chunk", ends=False)
    stand = refused(answer, 400, "part-too-small")["received"]
    assert stand == stands(alice, upload) == CHUNK_BYTES
    assert sent_on(alice, upload, stand, b"x", ends=True).json()["received"] == CHUNK_BYTES + 1
    refused(alice.post("/uploads", content=b"x", headers={**TEXT, "Upload-Complete": "?0"}), 400, "part-too-small")


def test_a_last_part_that_is_too_short_is_kept_as_any_other(alice: httpx.Client) -> None:
    upload = begun(alice, 2 * LEAST)
    for sent, kept in ((LEAST - 1, 0), (LEAST, LEAST), (1, LEAST)):
        answer = sent_on(alice, upload, stands(alice, upload), iter([CONTENT[:sent]]), ends=True)
        assert refused(answer, 422, "upload-length-wrong")["received"] == stands(alice, upload) == kept


def test_a_file_that_is_not_what_it_is_declared_to_be_is_refused_and_nothing_of_it_stays(
    alice: httpx.Client, attachments: Path
) -> None:
    page, program = b"<html><script>alert(1)</script>", b"MZ\x90\0\3\0\0\0" + bytes(CHUNK_BYTES)
    for kind, content in (("image/png", page), ("application/pdf", page), ("text/plain", program), ("image/gif", b"")):
        answer = alice.post("/uploads", content=content, headers={"Content-Type": kind})
        assert refused(answer, 415, "content-not-as-declared")["detail"]
    upload = begun(alice, **{"Content-Type": "image/png"})
    sent_on(alice, upload, 0, page * 3_000, ends=False)
    assert stands(alice, upload) == len(page) * 3_000
    refused(sent_on(alice, upload, len(page) * 3_000, b"", ends=True), 415, "content-not-as-declared")
    assert alice.head(upload).status_code == 404
    assert lying(attachments) == 0
    assert uploaded(alice, program, kind="application/octet-stream")["complete"]


def test_a_complete_upload_takes_no_more(alice: httpx.Client) -> None:
    told = uploaded(alice, b"all")
    refused(sent_on(alice, f"/uploads/{told['upload']}", 3, b"more", ends=True), 409, "upload-is-complete")


def test_a_part_must_be_declared_as_one_and_say_where_it_belongs(alice: httpx.Client) -> None:
    upload = begun(alice)
    headers = {"Upload-Offset": "0", "Upload-Complete": "?1"}
    wrong = alice.patch(upload, content=b"x", headers={**headers, "Content-Type": "text/plain"})
    assert refused(wrong, 415, "media-type-not-taken")["known"] == ["application/partial-upload"]
    for missing in headers:
        given = {name: value for name, value in headers.items() if name != missing}
        (fault,) = refused(alice.patch(upload, content=b"x", headers={**PART, **given}), 422, "not-valid")["faults"]
        assert fault["field"] == missing
    refused(alice.patch(upload, content=b"x", headers={**PART, **headers, "Upload-Offset": "-1"}), 422, "not-valid")
    refused(alice.patch(upload, content=b"x", headers={**PART, **headers, "Upload-Complete": "1"}), 422, "not-valid")


@pytest.mark.parametrize(
    ("said", "ends", "sent"),
    [(10, True, 9), (10, True, 11), (10, False, 11)],
    ids=["fewer", "more", "more than ever"],
)
def test_a_length_that_lies_is_refused_before_a_byte_is_kept(
    alice: httpx.Client, attachments: Path, said: int, ends: bool, sent: int
) -> None:
    headers = {"Content-Type": "text/plain", "Upload-Length": str(said), "Upload-Complete": "?1" if ends else "?0"}
    answer = alice.post("/uploads", content=bytes(sent), headers=headers)
    assert refused(answer, 422, "upload-length-wrong")["length"] == said
    assert lying(attachments) == 0


def test_a_length_that_turns_out_to_be_a_lie_ends_the_upload(alice: httpx.Client, attachments: Path) -> None:
    upload = begun(alice, CHUNK_BYTES + 10)
    pieces = iter([CONTENT[:CHUNK_BYTES], bytes(11)])
    refused(sent_on(alice, upload, 0, pieces, ends=False), 422, "upload-length-wrong")
    assert alice.head(upload).status_code == 404
    assert lying(attachments) == 0


def test_another_length_than_before_is_refused_and_nothing_is_lost(alice: httpx.Client) -> None:
    upload = begun(alice, 10)
    assert refused(sent_on(alice, upload, 0, b"four", ends=True), 422, "upload-length-wrong")["length"] == 10
    assert stands(alice, upload) == 0
    assert sent_on(alice, upload, 0, b"ten bytes!", ends=True).json()["complete"]


def test_a_length_below_what_has_come_is_refused_and_the_upload_goes_on(alice: httpx.Client) -> None:
    upload = begun(alice)
    sent_on(alice, upload, 0, PART_OF_IT, ends=False)
    headers = {**PART, "Upload-Offset": str(LEAST), "Upload-Complete": "?0", "Upload-Length": "3"}
    answer = alice.patch(upload, content=iter([b""]), headers=headers)
    assert refused(answer, 422, "upload-length-wrong")["received"] == LEAST
    assert sent_on(alice, upload, LEAST, b"more", ends=True).json()["length"] == LEAST + 4


def test_a_file_that_is_too_large_is_refused_before_and_while_it_comes(build_house, attachments: Path) -> None:
    house = build_house(max_attachment_bytes=CHUNK_BYTES + 5)
    house.configure()
    alice = house.caller("alice", "agent", "it")
    for answer in (
        alice.post("/uploads", content=bytes(CHUNK_BYTES + 6), headers=TEXT),
        alice.post("/uploads", headers={**TEXT, "Upload-Complete": "?0", "Upload-Length": str(2**40)}),
        alice.post("/uploads", content=iter([bytes(CHUNK_BYTES), bytes(6)]), headers=TEXT),
    ):
        assert refused(answer, 413, "upload-too-large")["limit"] == CHUNK_BYTES + 5
        assert answer.headers["upload-limit"] == f"max-size={CHUNK_BYTES + 5}, min-append-size={LEAST}"
    assert uploaded(alice, bytes(CHUNK_BYTES + 5))["complete"]
    assert lying(attachments) == 2


def test_a_type_that_is_not_taken_is_refused_with_those_that_are(build_house) -> None:
    house = build_house(attachment_types=("image/*", "application/pdf"))
    house.configure()
    alice = house.caller("alice", "agent", "it")
    for kind in ("text/html", "application/x-msdownload", "multipart/form-data; boundary=x", "pdf", "image/../x"):
        answer = alice.post("/uploads", content=b"x", headers={"Content-Type": kind})
        assert refused(answer, 415, "media-type-not-taken")["known"] == ["application/pdf", "image/*"]
    assert uploaded(alice, PNG, kind="IMAGE/PNG; q=1")["complete"]


def test_what_a_form_of_a_browser_sends_is_refused(alice: httpx.Client) -> None:
    refused(alice.post("/uploads", files={"file": b"x"}), 415, "media-type-not-taken")
    refused(alice.post("/uploads", data={"file": "x"}), 415, "media-type-not-taken")


def test_another_s_upload_is_not_there(house, alice: httpx.Client, rita: httpx.Client) -> None:
    bob = house.caller("bob", "agent", "it")
    upload = begun(alice)
    number = opened(rita)
    for other in (bob, rita):
        refused(other.get(upload), 404, "upload-not-found")
        refused(sent_on(other, upload, 0, b"x", ends=True), 404, "upload-not-found")
        refused(other.delete(upload), 404, "upload-not-found")
    sent_on(alice, upload, 0, b"x", ends=True)
    for other in (bob, rita):
        body = {"upload": upload.rpartition("/")[2]}
        refused(other.post(f"/tickets/{number}/attach", json=body), 404, "upload-not-found")
    assert stands(alice, upload) == 1


def test_an_upload_that_is_given_up_is_gone_with_all_its_bytes(alice: httpx.Client, attachments: Path) -> None:
    upload = begun(alice)
    sent_on(alice, upload, 0, CONTENT, ends=False)
    assert lying(attachments) == 2
    assert alice.delete(upload).status_code == 204
    assert lying(attachments) == 0
    refused(alice.get(upload), 404, "upload-not-found")
    refused(alice.delete(upload), 404, "upload-not-found")


def test_an_upload_that_nobody_attached_in_time_is_gone(build_house, attachments: Path) -> None:
    house = build_house(upload_hours=1)
    house.configure()
    alice = house.caller("alice", "agent", "it")
    number = opened(alice)
    kept = attached(alice, number, CONTENT)
    told = uploaded(alice, CONTENT)
    assert lying(attachments) == 6
    later = house.desk.now() + timedelta(hours=1, seconds=1)
    assert clear(house.desk.uploads, house.app.state.edge.settings.attachments, later) == 1
    assert lying(attachments) == 3
    refused(alice.post(f"/tickets/{number}/attach", json={"upload": told["upload"]}), 404, "upload-not-found")
    assert alice.get(f"/tickets/{number}/attachments/{kept}").content == CONTENT


def test_who_may_attach_nothing_uploads_nothing(house) -> None:
    analyst = house.caller("ann", "analyst", "it")
    answer = analyst.post("/uploads", content=b"x", headers={"Content-Type": "text/plain"})
    assert refused(answer, 403, "not-allowed")["permission"] == "ticket.attach"


def test_an_incomplete_upload_is_not_attached(alice: httpx.Client) -> None:
    upload = begun(alice)
    sent_on(alice, upload, 0, PART_OF_IT, ends=False)
    body = {"upload": upload.rpartition("/")[2]}
    answer = alice.post(f"/tickets/{opened(alice)}/attach", json=body)
    assert refused(answer, 409, "upload-not-complete")["received"] == LEAST


def test_attaching_again_under_the_same_key_is_answered_as_before(alice: httpx.Client) -> None:
    number = opened(alice)
    body, key = {"upload": uploaded(alice, b"x")["upload"]}, {"Idempotency-Key": "attach-1"}
    once, again = (alice.post(f"/tickets/{number}/attach", json=body, headers=key) for _ in range(2))
    assert once.status_code == again.status_code == 200
    assert once.json() | {"position": 0} == again.json() | {"position": 0}
    assert len(alice.get(f"/tickets/{number}/attachments").json()["attachments"]) == 1
    refused(alice.post(f"/tickets/{number}/attach", json=body), 409, "already-attached")


def test_a_client_that_stops_sending_is_told_so_and_goes_on_later(build_house) -> None:
    house = build_house(chunk_seconds=0.2)
    house.configure()
    alice = house.caller("alice", "agent", "it")
    for sent, kept in ((LEAST, LEAST), (LEAST - 1, 0)):
        upload = begun(alice, 2 * LEAST)
        with line_to(house) as line:
            line.sendall(head_of(alice, upload, 2 * LEAST) + CONTENT[:sent])
            assert line.recv(65_536).startswith(b"HTTP/1.1 408")
        assert stands(alice, upload) == kept


def test_a_name_is_made_harmless(alice: httpx.Client) -> None:
    number = opened(alice)
    for given, shown in (
        ('attachment; filename="report.pdf"', "report.pdf"),
        ("attachment; filename=report.pdf", "report.pdf"),
        ("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ('attachment; filename="Grüße.txt"', "Grüße.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename*=UTF-8''C%3A%5Ctemp%5Cevil.exe", "evil.exe"),
        ("attachment; filename*=UTF-8''gpj.%E2%80%AEexe.txt", "gpj.exe.txt"),
        ("attachment; filename*=UTF-8''a%00b%0D%0AX-Evil%3A%201.txt", "ab X-Evil_ 1.txt"),
        ("attachment; filename*=UTF-8''zero%E2%80%8Bwidth.txt", "zerowidth.txt"),
        ("attachment; filename*=UTF-8''..", "file"),
        ('attachment; filename="con.txt"', "_con.txt"),
        ("inline", "file"),
    ):
        headers = [(b"Content-Type", b"text/plain"), (b"Content-Disposition", given.encode())]
        upload = alice.post("/uploads", content=b"x", headers=headers).json()["upload"]
        done(alice, number, "attach", upload=upload)
        file = alice.get(f"/tickets/{number}/attachments").json()["attachments"][-1]
        assert file["name"] == shown


def test_a_name_that_would_take_long_to_read_is_refused(alice: httpx.Client) -> None:
    for given in ('attachment; filename="' + ";" * 60_000, f"attachment; filename*=punycode''{'b' * 60_000}"):
        answer = alice.post("/uploads", content=b"x", headers={**TEXT, "Content-Disposition": given})
        (fault,) = refused(answer, 422, "not-valid")["faults"]
        assert fault["field"] == "Content-Disposition"


def test_what_was_compressed_on_its_way_is_refused(alice: httpx.Client) -> None:
    headers = {**PART, "Upload-Offset": "0", "Upload-Complete": "?1", "Content-Encoding": "gzip"}
    for answer in (
        alice.post("/uploads", content=b"x", headers={**TEXT, "Content-Encoding": "gzip"}),
        alice.patch(begun(alice), content=b"x", headers=headers),
    ):
        (fault,) = refused(answer, 422, "not-valid")["faults"]
        assert fault["field"] == "Content-Encoding"
    assert uploaded(alice, b"x", **{"Content-Encoding": "identity"})["complete"]


def test_what_was_sent_while_the_place_was_away_does_not_wait_among_the_uploads(
    house, attachments: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sam = house.caller("sam", "agent", "it")
    attachments.write_text("not a folder")
    for _ in range(MOST_OPEN + 1):
        refused(sam.post("/uploads", content=b"x", headers=TEXT), 503, "not-yet")
    assert str(attachments) in caplog.text
    attachments.unlink()
    assert uploaded(sam, b"x")["complete"]
