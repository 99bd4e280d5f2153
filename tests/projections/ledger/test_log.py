"""The log on disk: what is published is whole and stays so, wherever its writer died."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.record.note import Signer
from domain.record.tiles import Tile
from ledgers import SIGNER, kept, must_be_whole, signed_size
from projections.ledger import Damaged, Folder, Log, Occupied


class Killed(BaseException):
    """The process is no more."""


def entry(number: int) -> bytes:
    return b"entry %d " % number * (1 + number % 40)


def grow(folder: Path, *counts: int) -> None:
    """A process that adds so many entries, and publishes, for each of the counts."""
    with Log(folder, SIGNER) as log:
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


CALLS = ("pwrite", "fsync", "ftruncate", "replace")


def dying(at: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, torn: bool) -> bool:
    """Do ``act`` in a process that dies at its ``at``-th change of a file, with half of it done; whether it died."""
    left = [at]

    def fatal(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] > 0:
                return call(*given, **more)
            if torn and name == "pwrite":
                file, content, place = given
                call(file, content[: len(content) // 2], place)
            raise Killed

        return called

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, fatal(name, getattr(os, name)))
        try:
            act()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("torn", [False, True], ids=["before", "halfway"])
def test_wherever_the_writer_dies_the_next_goes_on_and_nothing_signed_is_contradicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        grow(folder, 250, 3)
        died = dying(at, monkeypatch, lambda folder=folder: grow(folder, 5, 300), torn=torn)
        binding = kept_whole(folder)
        shown = signed_size(folder)
        grow(folder, 20)
        must_be_whole(folder)
        assert {253, shown, *binding} <= {one.size for one in kept(folder)}
    assert at > 20


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
