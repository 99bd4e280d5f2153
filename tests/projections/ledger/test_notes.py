"""Any checkpoint is found among all that were signed, without an index."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.record.merkle import leaf_hash
from ledgers import SIGNER
from projections.ledger.notes import first_note

ROOT = leaf_hash(b"any")
TORN = SIGNER.note(10**9, ROOT)


def found(path: Path, size: int) -> str:
    with path.open("rb") as file:
        return first_note(file.fileno(), size)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.integers(1, 5_000), max_size=60),
    torn=st.integers(0, len(TORN.encode()) - 1),
    asked=st.lists(st.integers(1, 300_000), min_size=1, max_size=20),
)
def test_the_first_that_signs_so_many_is_found_whatever_a_dead_writer_left_behind_them(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], torn: int, asked: list[int]
) -> None:
    sizes = [sum(steps[: count + 1]) for count in range(len(steps))]
    path = tmp_path_factory.mktemp("notes") / "checkpoints"
    notes = {size: SIGNER.note(size, ROOT) for size in sizes}
    path.write_bytes("".join(notes.values()).encode() + TORN.encode()[:torn])
    for size in [*sizes, *asked]:
        assert found(path, size) == next((note for one, note in notes.items() if one >= size), "")


def test_among_very_many_few_bytes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoints"
    path.write_text("".join(SIGNER.note(size, ROOT) for size in range(1, 20_000)))
    calls: list[int] = []
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda file, length, at: calls.append(length) or read(file, length, at))
    assert found(path, 12_345) == SIGNER.note(12_345, ROOT)
    assert sum(calls) < 300_000
