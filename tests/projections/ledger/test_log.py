"""The log on disk: what is published is whole and stays so, wherever its writer died."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.record.merkle import leaf_hash
from domain.record.note import Signer
from domain.record.tiles import Tile
from dying import dying
from ledgers import SIGNER, kept, must_be_whole, naive_root, signed_size
from projections.ledger import Damaged, Folder, Log, Occupied


def entry(number: int) -> bytes:
    return b"entry %d " % number * (1 + number % 40)


def grow(folder: Path, *counts: int, bound_in: Path | None = None) -> None:
    """A process that adds so many entries, and publishes, for each of the counts."""
    with Log(folder, SIGNER, bound_in) as log:
        for count in counts:
            for _ in range(count):
                log.add(entry(log.size))
            log.publish()


def test_every_entry_is_read_as_it_was_added(tmp_path: Path) -> None:
    grow(tmp_path, 1, 254, 1, 1, 300)
    with Folder(tmp_path) as log:
        assert list(log.all_entries(557)) == [entry(number) for number in range(557)]
        assert [log.entry(number) for number in (0, 255, 256, 556)] == [entry(number) for number in (0, 255, 256, 556)]
    assert [one.size for one in kept(tmp_path)] == [1, 255, 256, 257, 557]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_in_whatever_steps_a_log_grows_its_files_and_roots_are_those_of_its_entries(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    for count in counts:
        grow(folder, count)
    assert must_be_whole(folder) == sum(counts)


@pytest.mark.soak
def test_a_log_with_a_third_level_is_whole(tmp_path: Path) -> None:
    grow(tmp_path, *[7_000] * 10)
    assert must_be_whole(tmp_path) == 70_000
    with Folder(tmp_path) as log:
        assert len(log.tile(Tile(2, 0, 1))) == 32


def test_what_is_added_and_not_published_is_nowhere(tmp_path: Path) -> None:
    grow(tmp_path, 3)
    with Log(tmp_path, SIGNER) as log:
        log.add(b"never")
        assert log.size == 4
    assert signed_size(tmp_path) == 3
    with Log(tmp_path, SIGNER) as log:
        assert log.size == 3


@pytest.mark.parametrize("torn", [False, True], ids=["before", "halfway"])
def test_wherever_the_writer_dies_the_next_goes_on_and_nothing_signed_is_contradicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    at, died = 0, True
    while died:
        at += 1
        folder, bound_in = tmp_path / str(at), tmp_path / f"{at}.signed"
        grow(folder, 250, 3, bound_in=bound_in)
        died = dying(at, monkeypatch, lambda f=folder, b=bound_in: grow(f, 5, 300, bound_in=b), torn=torn)
        binding = kept_whole(folder)
        shown, bound = signed_size(folder), bound_to(bound_in)
        assert shown <= bound <= max(binding)
        grow(folder, 20, bound_in=bound_in)
        must_be_whole(folder)
        assert {253, shown, bound, *binding} <= {one.size for one in kept(folder)}
        assert bound_to(bound_in) == signed_size(folder)
    assert at > 20


def bound_to(place: Path) -> int:
    """How many entries were signed, as the file outside the log says."""
    return SIGNER.verifier.open(place.read_text()).size


def test_a_folder_put_back_from_an_old_copy_is_not_signed_before_it_has_what_was_signed_since(tmp_path: Path) -> None:
    folder, old, bound_in = tmp_path / "log", tmp_path / "old", tmp_path / "signed"
    grow(folder, 250, bound_in=bound_in)
    shutil.copytree(folder, old)
    grow(folder, 100, bound_in=bound_in)
    newest = kept(folder)[-1]
    with Log(old, SIGNER, bound_in) as log:
        assert (log.signed, log.owes) == (250, 350)
        for number in range(250, 349):
            log.add(entry(number))
        with pytest.raises(Damaged, match="349 events are less than the 350 that were signed"):
            log.publish()
    with Log(old, SIGNER, bound_in) as log:
        assert log.size == 250
        for number in range(250, 360):
            log.add(entry(number))
            log.write()
        log.publish()
        assert log.owes == 0
    assert must_be_whole(old) == 360
    assert newest.root == naive_root([leaf_hash(entry(number)) for number in range(350)])


def test_a_folder_that_contradicts_what_was_signed_last_is_refused_with_the_sizes(tmp_path: Path) -> None:
    bound_in = tmp_path / "signed"
    grow(tmp_path / "log", 300, bound_in=bound_in)
    with Log(tmp_path / "other", SIGNER) as log:
        for number in range(311):
            log.add(b"another %d" % number)
        log.publish()
    with pytest.raises(Damaged, match="first 300 of the 311 events"):
        Log(tmp_path / "other", SIGNER, bound_in)
    with Log(tmp_path / "new", SIGNER, bound_in) as log:
        for number in range(400):
            log.add(b"another %d" % number)
        with pytest.raises(Damaged, match="first 300 of the 400 events"):
            log.publish()
    assert signed_size(tmp_path / "new") == 0


@pytest.mark.parametrize("content", ["", "not a note", "x\n3\ny\n\nz\n"])
def test_what_is_not_a_note_of_this_log_binds_to_nothing_and_is_refused(tmp_path: Path, content: str) -> None:
    grow(tmp_path / "log", 3, bound_in=tmp_path / "signed")
    (tmp_path / "signed").write_text(content)
    with pytest.raises(Damaged, match="does not hold what was signed last"):
        Log(tmp_path / "log", SIGNER, tmp_path / "signed")


def test_a_log_from_before_it_was_bound_is_bound_and_it_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grow(tmp_path / "log", 3)
    grow(tmp_path / "log", 3, bound_in=tmp_path / "signed")
    assert "state=unbound" in caplog.text
    assert bound_to(tmp_path / "signed") == 6


def kept_whole(folder: Path) -> set[int]:
    """The sizes of the notes that were kept whole, whatever follows them."""
    lines = (folder / "checkpoints").read_text().splitlines(keepends=True)
    notes = ["".join(lines[at : at + 5]) for at in range(0, len(lines) - 4, 5)]
    return {SIGNER.verifier.open(note).size for note in notes if note.endswith("\n")}


def test_a_checkpoint_that_was_signed_and_not_shown_any_more_binds_the_next_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path, 5)
    before = (tmp_path / "checkpoint").read_text()
    grow(tmp_path, 2)
    (tmp_path / "checkpoint").write_text(before)
    with Log(tmp_path, SIGNER) as log:
        assert log.signed == 7
    assert signed_size(tmp_path) == 7


def test_two_writers_cannot_have_one_log(tmp_path: Path) -> None:
    with Log(tmp_path, SIGNER), pytest.raises(Occupied):
        Log(tmp_path, SIGNER)
    with Log(tmp_path, SIGNER):
        pass


@pytest.mark.parametrize(
    "other", [Signer("acta.example/log", bytes(32)), Signer("acta.example/other", bytes(range(32)))]
)
def test_a_log_does_not_go_on_under_another_key_or_name(tmp_path: Path, other: Signer) -> None:
    grow(tmp_path, 3)
    with pytest.raises(Damaged, match="another key"):
        Log(tmp_path, other)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def shorten(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("level-0", flip),
        ("level-0", shorten),
        ("level-0", Path.unlink),
        ("level-1", flip),
        ("entries", shorten),
        ("bundles", Path.unlink),
        ("checkpoints", Path.unlink),
        ("checkpoints", shorten),
    ],
)
def test_a_folder_that_does_not_hold_what_was_signed_is_refused(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    grow(tmp_path, 600)
    damage(tmp_path / name)
    with pytest.raises(Damaged, match=str(tmp_path)):
        Log(tmp_path, SIGNER)
    assert signed_size(tmp_path) == 600


def test_a_lost_copy_of_the_newest_checkpoint_is_put_back(tmp_path: Path) -> None:
    grow(tmp_path, 3)
    (tmp_path / "checkpoint").unlink()
    with Log(tmp_path, SIGNER) as log:
        assert log.signed == 3
    assert signed_size(tmp_path) == 3


def test_an_old_note_stays_readable_after_many_more(tmp_path: Path) -> None:
    grow(tmp_path, *[1] * 400)
    assert [one.size for one in kept(tmp_path)] == list(range(1, 401))
    assert (tmp_path / "checkpoints").stat().st_size > 65_536
    grow(tmp_path, 1)
    assert must_be_whole(tmp_path) == 401
