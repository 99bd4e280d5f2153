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
    folder, away = tmp_path / "files", tmp_path / "away"
    place = Directory(folder)
    upload = uploaded(desk, place)
    folder.rename(away)
    folder.write_text("not a folder")
    with running(clearing, desk.uploads, place, lambda: desk.now() + LONG) as run:
        until(lambda: "Unreachable" in caplog.text, run)
        assert lying(away) == set(upload.chunks)
        folder.unlink()
        away.rename(folder)
        until(lambda: lying(folder) == set(), run)
