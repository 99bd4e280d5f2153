"""A mirror is the log as tlog-tiles lays it out, whatever it missed; it is never brought to contradict itself."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buckets import bucket_of, object_store
from consumers.lease import Leases
from consumers.loop import Halted
from consumers.record.mirroring import STANDBY_S, _Mirroring, grown_full, mirror, tiles_between
from consumers.record.remote_log import RemoteLog
from consuming import Running, running, until
from domain.errors import Unreachable
from domain.record import merkle
from domain.record.tiles import WIDTH, Tile
from domain.store.places import Bucket, Directory, Place, place_at
from dying import dying
from ledgers import SIGNER, grow, signed, signed_size
from projections.ledger import Folder, size_of


@pytest.fixture(scope="session")
def store_of_objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_store(tmp_path_factory) as listens:
        yield listens


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return place_at(str(tmp_path / "mirror"))
    return bucket_of(request.getfixturevalue("store_of_objects"), monkeypatch)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def bring(app_dsn: str, log: Path) -> Callable[[Place], None]:
    """Let a mirror come to the newest checkpoint."""

    def bring(place: Place) -> None:
        with running(mirror, log, SIGNER.verifier, app_dsn, place) as run:
            until(lambda: shown(place) == signed_size(log), run)

    return bring


def shown(place: Place) -> int:
    found = place.read("checkpoint")
    return size_of(found.decode()) if found else 0


def must_be_the_log(place: Place, folder: Path) -> None:
    """Every tile that a reader of the checkpoint may ask for is there, and is the log's."""
    checkpoint = signed(folder)
    assert checkpoint is not None
    assert SIGNER.verifier.open((place.read("checkpoint") or b"").decode()) == checkpoint
    with Folder(folder) as log:
        for tile in tiles_between(0, checkpoint.size):
            assert place.read(tile.path) == log.tile(tile), tile.path


def test_a_mirror_has_every_tile_of_the_log(log: Path, place: Place, bring: Callable[[Place], None]) -> None:
    for size in (3, 255, 256, 700):
        grow(log, size)
        bring(place)
        must_be_the_log(place, log)
    assert place.read("tile/0/000.p/3") is None, "a part of what is full by now"
    assert place.read("tile/0/002.p/188") is not None


def test_a_mirror_that_was_away_catches_up(log: Path, place: Place, bring: Callable[[Place], None]) -> None:
    grow(log, 3, 200)
    bring(place)
    grow(log, 201, 513, 514, 1_000)
    bring(place)
    must_be_the_log(place, log)
    assert place.read("checkpoint") == (log / "checkpoint").read_bytes()


def test_wherever_mirroring_dies_the_mirror_is_whole_and_the_next_goes_on(
    log: Path, tmp_path: Path, bring: Callable[[Place], None], app_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, died = 0, True
    while died:
        at += 1
        shutil.rmtree(log, ignore_errors=True)
        place = Directory(tmp_path / f"mirror-{at}")
        grow(log, 200)
        bring(place)
        shutil.copytree(log, tmp_path / f"old-{at}")
        grow(log, 600)
        died = dying(at, monkeypatch, lambda place=place: one_step(log, app_dsn, place), torn=False)
        must_be_the_log(place, tmp_path / f"old-{at}" if shown(place) == 200 else log)
        bring(place)
        must_be_the_log(place, log)
        assert place.read("tile/0/000.p/200") is None or died
    assert at > 10


def one_step(log: Path, app_dsn: str, place: Place) -> None:
    """Mirror once, in this thread."""
    life = _Mirroring(log, SIGNER.verifier, Leases(app_dsn), place)
    try:
        # The one before has ended; the database hears of it a moment later.
        while life.step() == STANDBY_S:
            pass
    finally:
        life.close()


def test_a_mirror_that_holds_another_history_is_left_alone(
    log: Path, place: Place, bring: Callable[[Place], None], app_dsn: str
) -> None:
    grow(log, 300)
    bring(place)
    before = place.read("checkpoint")
    shutil.rmtree(log)
    grow(log, 400, word="other")
    run = Running(mirror, log, SIGNER.verifier, app_dsn, place)
    until(lambda: not run.alive)
    assert isinstance(run.error, Halted)
    assert "300 events that contradicts" in str(run.error)
    assert place.read("checkpoint") == before


def test_a_mirror_that_is_ahead_is_left_alone_until_the_log_has_come_so_far(
    log: Path, place: Place, bring: Callable[[Place], None], app_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    grow(log, 200, 300)
    bring(place)
    shutil.rmtree(log)
    grow(log, 100)
    with running(mirror, log, SIGNER.verifier, app_dsn, place) as run:
        until(lambda: "the mirror shows 300 events" in caplog.text, run)
        assert shown(place) == 300
        grow(log, 310)
        until(lambda: shown(place) == 310, run)
    must_be_the_log(place, log)


@pytest.mark.parametrize(
    "there", [b"", b"not a note", SIGNER.note(3, bytes(32)).encode().replace(b"example", b"exemple")]
)
def test_what_is_no_mirror_of_this_log_is_left_alone(log: Path, tmp_path: Path, app_dsn: str, there: bytes) -> None:
    grow(log, 3)
    place = Directory(tmp_path / "mirror")
    place.put("checkpoint", there, "")
    run = Running(mirror, log, SIGNER.verifier, app_dsn, place)
    until(lambda: not run.alive)
    assert isinstance(run.error, Halted)
    assert place.read("checkpoint") == there


def test_one_that_cannot_be_reached_is_tried_again(
    log: Path, tmp_path: Path, app_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    grow(log, 300)
    (tmp_path / "mirror").write_text("not a folder")
    with running(mirror, log, SIGNER.verifier, app_dsn, Directory(tmp_path / "mirror")) as run:
        until(lambda: "Unreachable" in caplog.text, run)
        (tmp_path / "mirror").unlink()
        until(lambda: shown(Directory(tmp_path / "mirror")) == 300, run)


def test_a_bucket_that_cannot_be_reached_is_said_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "acta")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-so-secret")
    bucket = place_at("s3://bucket/log?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    assert isinstance(bucket, Bucket)
    with pytest.raises(Unreachable) as why:
        bucket.read("checkpoint")
    assert "secret" not in str(why.value)


def test_a_web_server_serves_the_mirror_and_a_reader_proves_what_it_reads(
    log: Path, tmp_path: Path, bring: Callable[[Place], None]
) -> None:
    grow(log, 300, 70_000)
    bring(Directory(tmp_path / "mirror"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "mirror"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        with RemoteLog(f"http://127.0.0.1:{server.server_port}") as remote:
            checkpoint = SIGNER.verifier.open(remote.text("checkpoint"))
            assert merkle.root(remote.tree(checkpoint.size), checkpoint.size) == checkpoint.root
        server.shutdown()
        thread.join()
    must_be_the_log(Directory(tmp_path / "mirror"), log)


def paths(size: int) -> dict[str, Tile]:
    """Every tile of a log, told from the definition alone."""
    found = {}
    for level in (None, 0, 1, 2):
        count = size >> 8 * (level or 0)
        for number in range(-(-count // WIDTH)):
            tile = Tile(level, number, min(WIDTH, count - number * WIDTH))
            found[tile.path] = tile
    return found


@settings(max_examples=100, deadline=None)
@given(old=st.integers(0, 70_000), more=st.integers(0, 70_000))
def test_what_is_put_is_what_was_not_there(old: int, more: int) -> None:
    before, after = paths(old), paths(old + more)
    put = [tile.path for tile in tiles_between(old, old + more)]
    assert sorted(put) == sorted(set(after) - set(before))
    full = {tile.path for tile in grown_full(old, old + more)}
    assert full == {path for path in set(after) - set(before) if any(p.startswith(f"{path}.p/") for p in before)}
