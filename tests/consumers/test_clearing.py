"""Clearing: what nobody attached in time goes, if need be once it can be reached again; what was attached stays."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.clearing import clearing
from consuming import running, until
from desks import TESTER, give, open_desk, opened, prepare
from domain.desk import Desk
from domain.store.places import Directory
from domain.store.receiving import Receiving
from domain.store.uploads import Upload

LONG = timedelta(days=2)


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    prepare(database)
    with open_desk(database) as desk:
        yield desk


def uploaded(desk: Desk, place: Directory) -> Upload:
    now = desk.now()
    holder = desk.uploads.holder(TESTER)
    upload = desk.uploads.begin(holder, "log.txt", "text/plain", None, now, now + timedelta(days=1))
    receiving = Receiving(desk.uploads, place, upload, 100)
    receiving.fill(b"some bytes")
    return receiving.finish()


def lying(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def test_what_nobody_attached_in_time_goes_and_what_was_attached_stays(desk: Desk, tmp_path: Path) -> None:
    place = Directory(tmp_path)
    kept, _ = uploaded(desk, place), uploaded(desk, place)
    give(desk, "attach", str(opened(desk).ticket), upload=kept.upload)
    with running(clearing, desk.uploads, place, lambda: desk.now() + LONG) as run:
        until(lambda: lying(tmp_path) == set(kept.chunks), run)
    assert desk.uploads.given_up(desk.now() + LONG, 10) == []


def test_a_place_that_cannot_be_reached_is_tried_again(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, no_folder = tmp_path / "files", tmp_path / "no folder"
    place = Directory(tmp_path / "place")
    files.mkdir()
    no_folder.touch()
    point(tmp_path / "place", files)
    upload = uploaded(desk, place)
    point(tmp_path / "place", no_folder)
    with running(clearing, desk.uploads, place, lambda: desk.now() + LONG) as run:
        until(lambda: "Unreachable" in caplog.text, run)
        assert lying(files) == set(upload.chunks)
        point(tmp_path / "place", files)
        until(lambda: lying(files) == set(), run)


def point(link: Path, to: Path) -> None:
    """Let a path lead there from one moment to the next: were it missing in between, so would be the files."""
    new = link.with_name("new")
    new.symlink_to(to)
    new.replace(link)
