"""Tiles and their paths: each has one, and it says what it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.record.tiles import Tile, tile_at

LEVELS = st.one_of(st.none(), st.integers(0, 63))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 5), "tile/0/005"),
        (Tile(1, 1000, 17), "tile/1/x001/000.p/17"),
        (Tile(2, 1_234_067), "tile/2/x001/x234/067"),
        (Tile(None, 1_234_067, 5), "tile/entries/x001/x234/067.p/5"),
    ],
)
def test_a_path_is_written_as_the_format_says(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile_at(path) == tile


@given(LEVELS, st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_leads_back_to_its_tile(level: int | None, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert tile_at(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/00",
        "tile/0/1000",
        "tile/0/x000/005",
        "tile/0/x001/x234",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/8/0/000",
        "tile/data/000",
        "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 6 + "999",
        "",
    ],
)
def test_what_is_no_tiles_path_leads_nowhere(path: str) -> None:
    assert tile_at(path) is None


@pytest.mark.parametrize(
    ("size", "there", "missing"),
    [
        (0, [], [Tile(0, 0, 1), Tile(None, 0, 1)]),
        (256, [Tile(0, 0), Tile(1, 0, 1), Tile(None, 0), Tile(0, 0, 7)], [Tile(0, 1, 1), Tile(1, 0, 2), Tile(2, 0, 1)]),
        (
            70_000,
            [Tile(0, 272), Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1), Tile(None, 273, 112)],
            [Tile(0, 273, 113), Tile(0, 273), Tile(1, 1, 18), Tile(2, 0, 2), Tile(3, 0, 1), Tile(None, 273, 113)],
        ),
    ],
)
def test_a_tree_has_the_tiles_of_its_size(size: int, there: list[Tile], missing: list[Tile]) -> None:
    assert all(tile.is_within(size) for tile in there)
    assert not any(tile.is_within(size) for tile in missing)
