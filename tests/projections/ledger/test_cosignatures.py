"""Cosignatures are kept once, found by size, and outlive a writer that died."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.record.cosignature import Cosignature, Cosigner
from projections.ledger import Cosignatures, Overtaken

FIRST, SECOND, THIRD = (Cosigner(f"witness.example/{n}", bytes([n] * 32)).witness for n in (1, 2, 3))
GIVEN = Cosignature(1_700_000_000, b"s" * 64)


@pytest.fixture
def kept(tmp_path: Path) -> Cosignatures:
    return Cosignatures(tmp_path / "cosignatures", [FIRST, SECOND, THIRD])


def test_what_is_kept_is_served_as_a_line(kept: Cosignatures) -> None:
    kept.keep(FIRST, 3, GIVEN)
    kept.keep(SECOND, 3, GIVEN)
    kept.keep(FIRST, 8, GIVEN)
    assert kept.lines(3) == FIRST.line(GIVEN.packed()) + SECOND.line(GIVEN.packed())
    assert kept.lines(8) == FIRST.line(GIVEN.packed())
    assert kept.lines(5) == ""


def test_one_that_is_there_stays_and_an_older_checkpoint_is_not_taken_any_more(kept: Cosignatures) -> None:
    kept.keep(FIRST, 8, GIVEN)
    kept.keep(FIRST, 8, Cosignature(1_800_000_000, b"t" * 64))
    assert kept.lines(8) == FIRST.line(GIVEN.packed())
    with pytest.raises(Overtaken) as why:
        kept.keep(FIRST, 7, GIVEN)
    assert why.value.size == 8


@pytest.mark.parametrize("left", [b"\0", b"x" * 79, bytes(80), bytes(163)])
def test_what_a_dead_writer_left_is_written_over(kept: Cosignatures, tmp_path: Path, left: bytes) -> None:
    kept.keep(FIRST, 3, GIVEN)
    (file,) = (tmp_path / "cosignatures").iterdir()
    with file.open("ab") as more:
        more.write(left)
    assert kept.newest(FIRST) == 3
    kept.keep(FIRST, 9, GIVEN)
    assert (kept.newest(FIRST), kept.lines(3), kept.lines(9)) == (9, *[FIRST.line(GIVEN.packed())] * 2)


sizes = st.sets(st.integers(1, 30), max_size=12)


@settings(max_examples=60, deadline=None)
@given(cosigned=st.tuples(sizes, sizes, sizes), count=st.integers(1, 4))
def test_the_newest_that_so_many_have_cosigned_is_found(cosigned: tuple[set[int], ...], count: int) -> None:
    with TemporaryDirectory() as folder:
        kept = Cosignatures(Path(folder), [FIRST, SECOND, THIRD])
        for witness, some in zip(kept.witnesses, cosigned, strict=True):
            for size in sorted(some):
                kept.keep(witness, size, GIVEN)
        enough = [size for size in range(1, 31) if sum(size in some for some in cosigned) >= count]
        assert kept.common(count) == max(enough, default=0)
