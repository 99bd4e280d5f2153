"""Places: what is put is there whole, what is removed is gone, in a folder as in a bucket; files lie in either."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from buckets import bucket_of, object_store
from desks import TESTER, give, open_desk, opened, prepare
from domain.errors import Unreachable
from domain.store.chunks import CHUNK_BYTES, path_of
from domain.store.clearing import clear
from domain.store.handing_out import must_be_there
from domain.store.handing_out import opened as handed_out
from domain.store.places import BYTES, Directory, Place, place_at
from domain.store.receiving import Receiving
from domain.ticket.events import AttachmentAdded


@pytest.fixture(scope="session")
def store_of_objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_store(tmp_path_factory) as listens:
        yield listens


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return Directory(tmp_path / "files")
    return bucket_of(request.getfixturevalue("store_of_objects"), monkeypatch)


def test_what_is_put_is_there_and_what_is_removed_is_not(place: Place) -> None:
    place.put("aa/bb/one", b"first", BYTES)
    place.put("aa/bb/two", b"second", BYTES)
    assert place.missing(["aa/bb/one", "aa/bb/two", "cc/dd/three"]) == {"cc/dd/three"}
    place.remove(["aa/bb/one", "cc/dd/three"])
    place.remove([])
    assert place.read("aa/bb/one") is None
    assert place.read("aa/bb/two") == b"second"
    assert place.missing(["aa/bb/one", "aa/bb/two"]) == {"aa/bb/one"}
    assert place.missing([]) == set()


def test_many_are_removed_at_once(place: Place) -> None:
    paths = [f"aa/{number % 7}/{number}" for number in range(100)]
    for path in paths:
        place.put(path, b"", BYTES)
    place.remove(paths[:50] + paths[:50])
    assert place.missing(paths) == set(paths[:50])


def test_a_place_whose_last_file_is_removed_is_still_there(place: Place) -> None:
    """Whoever removes what was put must be able to go on after a kill."""
    place.put("aa/bb/one", b"first", BYTES)
    place.must_be_there()
    place.remove(["aa/bb/one"])
    place.must_be_there()


def test_a_place_that_nobody_reaches_or_uses_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "not mounted").mkdir()
    nowhere = place_at("s3://bucket/files?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    for place in (Directory(tmp_path / "nowhere"), Directory(tmp_path / "not mounted"), nowhere):
        with pytest.raises(Unreachable):
            place.must_be_there()


def test_a_file_comes_in_is_attached_and_handed_out_and_another_is_cleared(place: Place, database: str) -> None:
    content = Random(4).randbytes(2 * CHUNK_BYTES + 5)
    prepare(database)
    with open_desk(database) as desk:
        now = desk.now()
        holder = desk.uploads.holder(TESTER)
        uploads = []
        for _ in range(2):
            upload = desk.uploads.begin(holder, "log.txt", "text/plain", None, now, now + timedelta(days=365))
            receiving = Receiving(desk.uploads, place, upload, 10 * CHUNK_BYTES)
            receiving.fill(content)
            uploads.append(receiving.finish())
        ticket = opened(desk).ticket
        give(desk, "attach", str(ticket), upload=uploads[0].upload)
        desk.uploads.give_up(uploads[1].upload, holder, now)
        assert clear(desk.uploads, place, now) == 1
        (event,) = (event for event in desk.history(ticket) if isinstance(event, AttachmentAdded))
        must_be_there(place, event)
        assert b"".join(handed_out(place, event, 0, len(content))) == content
        gone = [path_of(address) for address in uploads[1].chunks]
        assert place.missing(gone) == set(gone)


def test_what_somebody_who_died_put_in_part_is_removed_with_the_rest(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    place.put("aa/bb/one", b"first", BYTES)
    for name in ("one", "two"):
        (tmp_path / "aa" / "bb" / f"{name}.new").write_bytes(b"fir")
    place.remove(["aa/bb/one", "aa/bb/two"])
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


def test_a_folder_that_cannot_be_written_is_not_reachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    place = Directory(tmp_path / "file")
    for act in (lambda: place.put("a/b", b"x", BYTES), lambda: place.read("a/b")):
        with pytest.raises(Unreachable):
            act()
