"""Uploads of which somebody died, or that found no place: what was counted is not lost, what was not does not stay."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from desks import give, opened
from domain.desk import Desk
from domain.errors import Unreachable
from domain.store.chunks import CHUNK_BYTES
from domain.store.clearing import clear
from domain.store.handing_out import chunks_of, must_be_there
from domain.store.handing_out import opened as handed_out
from domain.store.places import Directory
from domain.store.uploads import PUT_BY_THEN
from dying import Killed, dying
from uploading import CONTENT, DAY, added, again, begun, put, send, whole


def test_whoever_dies_at_whichever_change_of_a_file_leaves_what_can_be_gone_on_with(
    desk: Desk, place: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died, at, attached = True, 0, set[str]()
    while died:
        at += 1
        upload = begun(desk, len(CONTENT)).upload
        died = dying(at, monkeypatch, partial(_send_all, desk, place, upload), torn=False)
        found = again(desk, upload)
        if not found.complete:
            send(desk, place, found, CONTENT[found.received :], last=True)
        ticket = opened(desk).ticket
        give(desk, "attach", str(ticket), upload=upload)
        event = added(desk, ticket)
        assert b"".join(handed_out(place, event, 0, len(CONTENT))) == CONTENT
        attached |= set(event.chunks)
        clear(desk.uploads, place, desk.now() + 2 * PUT_BY_THEN)
        assert put(folder) == attached
    assert at > 10


def _send_all(desk: Desk, place: Directory, upload: UUID) -> None:
    send(desk, place, again(desk, upload), CONTENT, last=True)


def test_what_somebody_who_died_had_put_goes_with_the_upload(
    desk: Desk, place: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (1, 2, 6, 8):
        upload = begun(desk, len(CONTENT)).upload
        assert dying(at, monkeypatch, partial(_send_all, desk, place, upload), torn=False)
    assert put(folder)
    over = desk.now() + 2 * DAY
    assert clear(desk.uploads, place, desk.now()) == clear(desk.uploads, place, over) == 0
    assert clear(desk.uploads, place, over + 2 * PUT_BY_THEN) == 4
    assert put(folder) == set()


def test_what_somebody_who_died_had_put_goes_also_when_another_goes_on_and_the_file_is_attached(
    desk: Desk, place: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(desk, len(CONTENT)).upload
    for at in (6, 1, 2, 5):
        assert dying(at, monkeypatch, partial(_send_all, desk, place, upload), torn=False)
    send(desk, place, again(desk, upload), CONTENT, last=True)
    ticket = opened(desk).ticket
    give(desk, "attach", str(ticket), upload=upload)
    attached = set(chunks_of(desk.history(ticket)))
    assert put(folder) > attached
    assert clear(desk.uploads, place, desk.now()) == 0
    assert clear(desk.uploads, place, desk.now() + 2 * PUT_BY_THEN) == 1
    assert put(folder) == attached


class _Slow(Directory):
    """A place to which somebody puts a chunk when much has happened since it was announced, and dies then."""

    def __init__(self, path: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(path)
        self._meanwhile = meanwhile

    def put(self, path: str, content: bytes, kind: str) -> None:
        self._meanwhile()
        super().put(path, content, kind)
        raise Killed


@pytest.mark.parametrize("ended", ["given up", "expired", "attached"])
def test_what_is_put_by_somebody_who_dies_when_the_upload_is_over_and_cleared_goes_all_the_same(
    desk: Desk, another: Desk, place: Directory, folder: Path, ended: str
) -> None:
    upload = begun(desk, len(CONTENT))
    ticket = opened(desk).ticket
    over = desk.now() + (DAY if ended == "expired" else timedelta())

    def meanwhile() -> None:
        if ended == "given up":
            another.uploads.give_up(upload.upload, upload.holder, over)
        elif ended == "attached":
            send(another, place, again(another, upload.upload), CONTENT, last=True)
            give(another, "attach", str(ticket), upload=upload.upload)
        assert clear(another.uploads, place, over) == 0

    with pytest.raises(Killed):
        send(desk, _Slow(folder, meanwhile), upload, CONTENT, last=True)
    attached = set(chunks_of(desk.history(ticket)))
    assert len(put(folder) - attached) == 1
    assert clear(desk.uploads, place, over + 2 * PUT_BY_THEN) == 1
    assert put(folder) == attached


class _Full(Directory):
    """A place without room for a whole chunk."""

    def put(self, path: str, content: bytes, kind: str) -> None:
        draft = self._path / f"{path}.new"
        draft.parent.mkdir(parents=True)
        draft.write_bytes(content[:100])
        raise Unreachable("No space left on device")


def test_what_did_not_fit_is_gone_at_once_and_the_upload_goes_on_when_there_is_room(
    desk: Desk, place: Directory, folder: Path
) -> None:
    upload = begun(desk)
    for content, last in ((CONTENT, True), (CONTENT[: CHUNK_BYTES + 1], False)):
        with pytest.raises(Unreachable):
            send(desk, _Full(folder), again(desk, upload.upload), content, last=last)
        assert put(folder) == set()
    send(desk, place, again(desk, upload.upload), CONTENT[: 2 * CHUNK_BYTES + 1], last=False)
    with pytest.raises(Unreachable):
        send(desk, _Full(folder), again(desk, upload.upload), CONTENT, last=True)
    assert len(put(folder)) == 2
    desk.uploads.give_up(upload.upload, upload.holder, desk.now())
    assert clear(desk.uploads, place, desk.now()) == 1
    assert put(folder) == set()


def test_nothing_is_put_where_a_place_that_had_files_was_not_mounted(
    desk: Desk, place: Directory, folder: Path, tmp_path: Path
) -> None:
    ticket = opened(desk).ticket
    give(desk, "attach", str(ticket), upload=whole(desk, place))
    folder.rename(tmp_path / "elsewhere")
    for made in (False, True):
        if made:
            folder.mkdir()
        with pytest.raises(Unreachable):
            whole(desk, place)
        with pytest.raises(Unreachable):
            must_be_there(place, added(desk, ticket))
        assert put(folder) == set()
    folder.rmdir()
    (tmp_path / "elsewhere").rename(folder)
    must_be_there(place, added(desk, ticket))
    whole(desk, place)
