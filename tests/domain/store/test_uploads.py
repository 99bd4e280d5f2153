"""Uploads: what has come is kept, whoever dies or comes between; a ticket takes one whole, once; the rest goes."""

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desks import ACT, TESTER, give, opened
from domain.desk import Desk
from domain.desk.forgetting import erase
from domain.errors import (
    AlreadyAttached,
    Altered,
    Refused,
    TooManyUploads,
    UploadIsComplete,
    UploadLengthWrong,
    UploadNotComplete,
    UploadNotFound,
    UploadTooLarge,
    WrongOffset,
)
from domain.store import chunks, handing_out
from domain.store import receiving as receiving_module
from domain.store import uploads as module
from domain.store.chunks import CHUNK_BYTES, path_of
from domain.store.clearing import clear
from domain.store.handing_out import chunks_of, must_be_there
from domain.store.handing_out import opened as handed_out
from domain.store.places import Directory
from domain.store.receiving import Receiving
from domain.ticket.events import AttachmentAdded
from uploading import CONTENT, DAY, added, again, begun, put, receiving, send, whole


@pytest.mark.parametrize("known", [True, False], ids=["length known", "length not known"])
@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, len(CONTENT)])
def test_what_is_taken_in_is_handed_out(desk: Desk, place: Directory, length: int, known: bool) -> None:
    content = CONTENT[:length]
    upload = whole(desk, place, content, length if known else None)
    ticket = opened(desk).ticket
    give(desk, "attach", str(ticket), upload=upload)
    event = added(desk, ticket)
    assert (event.name, event.media_type, event.length) == ("log.txt", "text/plain", length)
    assert event.sha256 == sha256(content).hexdigest()
    assert event.stored == sum(len(place.read(path_of(address)) or b"") for address in event.chunks)
    must_be_there(place, event)
    assert b"".join(handed_out(place, event, 0, length)) == content
    for start, end in ((0, 1), (length // 2, length), (max(0, length - 1), length)):
        assert b"".join(handed_out(place, event, start, min(end, length))) == content[start : min(end, length)]


@pytest.mark.parametrize("seed", range(3))
def test_the_bytes_may_come_in_any_number_of_requests_of_any_length(desk: Desk, place: Directory, seed: int) -> None:
    draw = Random(seed)
    cuts = sorted(draw.sample([*range(1, len(CONTENT)), CHUNK_BYTES, 2 * CHUNK_BYTES], 4))
    upload = begun(desk, draw.choice([None, len(CONTENT)])).upload
    for start, end in zip([0, *cuts], [*cuts, len(CONTENT)], strict=True):
        found = again(desk, upload)
        assert found.received == start
        send(desk, place, found, CONTENT[start:end], last=end == len(CONTENT), piece=draw.randint(1_000, 200_000))
    complete = again(desk, upload)
    assert complete.complete
    assert complete.sha256 == sha256(CONTENT).hexdigest()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_comes_in_whatever_pieces_is_handed_out_in_whatever_parts(
    desk: Desk, place: Directory, data: st.DataObject
) -> None:
    content = data.draw(st.binary(max_size=50))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
    piece = data.draw(st.integers(1, 20))
    with pytest.MonkeyPatch.context() as patch:
        for part in (chunks, receiving_module, module, handing_out):
            patch.setattr(part, "CHUNK_BYTES", 8)
        upload = begun(desk, data.draw(st.sampled_from([None, len(content)]))).upload
        for start, end in pairwise([0, *cuts]):
            send(desk, place, again(desk, upload), content[start:end], last=False, piece=piece)
        rest = content[cuts[-1] :] if cuts else content
        send(desk, place, again(desk, upload), rest, last=True, piece=piece)
        ticket = opened(desk).ticket
        give(desk, "attach", str(ticket), upload=upload)
        event = added(desk, ticket)
        assert len(event.chunks) == max(1, -(-len(content) // 8))
        assert event.sha256 == sha256(content).hexdigest()
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        assert b"".join(handed_out(place, event, start, end)) == content[start:end]


def test_nothing_of_a_file_is_readable_where_it_lies_nor_in_the_database(
    desk: Desk, place: Directory, folder: Path, database: str
) -> None:
    content = b"The patient's name is Petra. " * 60_000
    upload = send(desk, place, begun(desk), content[:1_200_000], last=False)
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT sealed, tail FROM acta.uploads").fetchone()
    assert row is not None
    stored = [*map(bytes, row), *(file.read_bytes() for file in folder.rglob("*") if file.is_file())]
    assert len(stored) == 3
    for one in stored:
        assert b"Petra" not in one
        assert b"log.txt" not in one
        assert upload.key not in one


def test_of_two_who_append_at_once_one_is_told_where_the_upload_stands(
    desk: Desk, another: Desk, place: Directory, folder: Path
) -> None:
    upload = begun(desk).upload
    slow, fast = (receiving(one, place, again(one, upload)) for one in (desk, another))
    slow.fill(CONTENT[: CHUNK_BYTES + 1])
    fast.fill(CONTENT[: CHUNK_BYTES + 1])
    fast.store()
    with pytest.raises(WrongOffset) as refused:
        slow.store()
    assert refused.value.particulars == {"received": CHUNK_BYTES}
    assert put(folder) == set(again(desk, upload).chunks)


def test_whoever_was_overtaken_between_announcing_and_counting_takes_their_chunk_away(
    desk: Desk, another: Desk, place: Directory, folder: Path
) -> None:
    upload = begun(desk).upload
    start = Barrier(8)

    def append(one: Desk) -> bool:
        taking = receiving(one, place, again(one, upload))
        taking.fill(CONTENT[: CHUNK_BYTES + 1])
        start.wait()
        try:
            taking.store()
        except WrongOffset:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(append, [desk, another] * 4)) == 1
    assert put(folder) == set(again(desk, upload).chunks)


def test_a_file_that_is_longer_than_was_said_or_than_is_taken_is_refused(desk: Desk, place: Directory) -> None:
    taking = receiving(desk, place, begun(desk, 10))
    with pytest.raises(UploadLengthWrong):
        taking.fill(b"eleven byte")
    taking = Receiving(desk.uploads, place, begun(desk), 10)
    with pytest.raises(UploadTooLarge):
        taking.fill(b"eleven byte")


def test_a_file_that_is_shorter_than_was_said_is_not_complete_and_goes_on(desk: Desk, place: Directory) -> None:
    upload = begun(desk, 10)
    with pytest.raises(UploadLengthWrong) as refused:
        send(desk, place, upload, b"four", last=True)
    assert refused.value.particulars == {"length": 10, "received": 4}
    send(desk, place, again(desk, upload.upload), b"teen67", last=True)


def test_a_complete_upload_takes_nothing_more(desk: Desk, place: Directory, folder: Path) -> None:
    upload = begun(desk)
    send(desk, place, upload, b"all of it", last=True)
    there = put(folder)
    with pytest.raises(UploadIsComplete):
        send(desk, place, again(desk, upload.upload), b"more", last=True)
    assert put(folder) == there


def test_an_upload_of_which_a_part_was_lost_or_altered_does_not_become_complete(
    desk: Desk, place: Directory, folder: Path
) -> None:
    for harm in (lambda file: file.unlink(), lambda file: file.write_bytes(bytes(file.stat().st_size))):
        upload = send(desk, place, begun(desk), CONTENT[: CHUNK_BYTES + 9], last=False)
        harm(folder / path_of(upload.chunks[0]))
        with pytest.raises(Altered):
            send(desk, place, again(desk, upload.upload), b"rest", last=True)


def test_only_a_complete_upload_is_attached(desk: Desk, place: Directory) -> None:
    upload = send(desk, place, begun(desk), b"half of", last=False)
    with pytest.raises(UploadNotComplete):
        give(desk, "attach", str(opened(desk).ticket), upload=upload.upload)


def test_a_person_has_so_many_uploads_waiting_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 2)
    begun(desk)
    other = begun(desk)
    with pytest.raises(TooManyUploads):
        begun(desk)
    desk.uploads.give_up(other.upload, other.holder, desk.now())
    begun(desk)


def test_whoever_begins_many_at_once_has_no_more(desk: Desk, another: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 2)
    start = Barrier(12)

    def begin(one: Desk) -> bool:
        start.wait()
        try:
            begun(one)
        except TooManyUploads:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(begin, [desk, another] * 6)) == 2


def test_an_upload_is_its_holders_alone(desk: Desk, place: Directory) -> None:
    upload = whole(desk, place)
    with pytest.raises(UploadNotFound):
        desk.uploads.find(upload, desk.keys.person("agent", "eve"), desk.now())
    with pytest.raises(UploadNotFound):
        desk.uploads.give_up(upload, desk.keys.person("agent", "eve"), desk.now())


def test_an_upload_is_used_up_by_the_ticket_that_takes_it(desk: Desk, place: Directory) -> None:
    upload = whole(desk, place)
    ticket, other = opened(desk).ticket, opened(desk).ticket
    give(desk, "attach", str(ticket), upload=upload)
    with pytest.raises(AlreadyAttached):
        give(desk, "attach", str(ticket), upload=upload)
    with pytest.raises(UploadNotFound):
        give(desk, "attach", str(other), upload=upload)


def test_whatever_comes_at_once_an_upload_is_taken_once(desk: Desk, another: Desk, place: Directory) -> None:
    tickets = [str(opened(desk).ticket) for _ in range(6)]
    for _ in range(5):
        upload = whole(desk, place, b"a file")
        start = Barrier(12)

        def attach(given: tuple[Desk, str], upload: UUID = upload, start: Barrier = start) -> bool:
            start.wait()
            try:
                give(given[0], "attach", given[1], upload=upload)
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(12) as threads:
            given = [(one, ticket) for ticket in tickets for one in (desk, another)]
            assert sum(threads.map(attach, given)) == 1
    files = [one.attachment for ticket in tickets for one in desk.ticket(UUID(ticket)).attachments]
    assert len(files) == len(set(files)) == 5


def test_an_upload_is_taken_or_given_up_whatever_comes_at_once(desk: Desk, another: Desk, place: Directory) -> None:
    ticket = opened(desk).ticket
    for _ in range(20):
        upload = whole(desk, place, os.urandom(9))
        start = Barrier(2)

        def give_up(upload: UUID = upload, start: Barrier = start) -> None:
            start.wait()
            try:
                another.uploads.give_up(upload, another.uploads.holder(TESTER), another.now())
            except UploadNotFound:
                return
            clear(another.uploads, place, another.now())

        with ThreadPoolExecutor(1) as threads:
            other = threads.submit(give_up)
            start.wait()
            try:
                give(desk, "attach", str(ticket), upload=upload)
            except UploadNotFound:
                assert upload not in {one.attachment for one in desk.ticket(ticket).attachments}
            other.result()
    for event in desk.history(ticket):
        if isinstance(event, AttachmentAdded):
            assert len(b"".join(handed_out(place, event, 0, event.length))) == 9


def test_what_is_attached_is_never_cleared(desk: Desk, place: Directory, folder: Path) -> None:
    ticket = opened(desk).ticket
    give(desk, "attach", str(ticket), upload=whole(desk, place))
    forgotten = whole(desk, place)
    assert clear(desk.uploads, place, desk.now() + 2 * DAY) == 1
    assert put(folder) == set(chunks_of(desk.history(ticket)))
    with pytest.raises(UploadNotFound):
        again(desk, forgotten)


def test_an_expired_upload_is_not_there(desk: Desk, place: Directory) -> None:
    upload = whole(desk, place)
    with pytest.raises(UploadNotFound):
        desk.uploads.find(upload, desk.uploads.holder(TESTER), desk.now() + 2 * DAY)


def test_an_altered_or_missing_chunk_is_not_handed_out(desk: Desk, place: Directory, folder: Path) -> None:
    ticket = opened(desk).ticket
    give(desk, "attach", str(ticket), upload=whole(desk, place))
    event = added(desk, ticket)
    first, second, third = (folder / path_of(address) for address in event.chunks)
    kept = second.read_bytes()
    for other in (first.read_bytes(), kept[:-1], bytes(len(kept)), b""):
        second.write_bytes(other)
        pieces = handed_out(place, event, 0, event.length)
        assert next(pieces) == CONTENT[:CHUNK_BYTES]
        with pytest.raises(Altered):
            next(pieces)
    second.write_bytes(kept)
    third.unlink()
    with pytest.raises(Altered):
        must_be_there(place, event)


def test_a_file_goes_with_the_key_of_whoever_it_tells_of(desk: Desk, place: Directory) -> None:
    petra = {"email": "petra@example.org", "name": "Petra Prosser"}
    ticket = opened(desk, requester=petra).ticket
    give(desk, "attach", str(ticket), upload=whole(desk, place))
    event = added(desk, ticket)
    person = desk.ticket(ticket).requester
    assert event.seal is not None
    assert event.seal.subject == person
    desk.keys.destroy(erase(desk, person, "GDPR Art. 17(1)(b)", ACT))
    desk.keys.learn()
    erased = added(desk, ticket)
    assert erased.withheld == "erased"
    assert erased.key == "[erased]"
    assert erased.chunks == event.chunks


def test_who_brought_an_upload_and_was_erased_has_it_no_more(desk: Desk, place: Directory) -> None:
    upload = whole(desk, place)
    holder = desk.uploads.holder(TESTER)
    give(desk, "open", department="it", title="Mine")
    desk.keys.destroy(erase(desk, holder, "GDPR Art. 17(1)(b)", ACT))
    desk.keys.learn()
    with pytest.raises(UploadNotFound):
        desk.uploads.find(upload, holder, desk.now())


def test_the_key_of_a_file_is_not_left_where_its_upload_stood_once_the_keys_are_written_anew(
    desk: Desk, place: Directory, database: str
) -> None:
    """It was sealed there for whoever brought it, who may not be the one that was erased."""
    ticket, upload, waits = opened(desk).ticket, whole(desk, place), whole(desk, place)
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute("SELECT sealed FROM acta.uploads WHERE upload = %s", (upload,)).fetchone()
        assert row is not None
        give(desk, "attach", str(ticket), upload=upload)
        desk.keys.rewrite()
        connection.execute("CHECKPOINT")
        on_disk = connection.execute("SELECT pg_read_binary_file(pg_relation_filepath('acta.uploads'))").fetchone()
    assert on_disk is not None
    assert row[0] not in on_disk[0]
    assert again(desk, waits).complete
    give(desk, "attach", str(ticket), upload=waits)
