"""The geometry of tiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srgan_cli.errors import UsageError
from srgan_cli.upscaling.tiles.tiling import Tile, TilePolicy, Window, tiles

sides = st.integers(1, 90)
halos = st.integers(0, 30)
sizes = st.integers(1, 50)


@given(sides, sides, halos, st.just(0) | sizes)
def test_keeps_partition_the_picture(height: int, width: int, halo: int, size: int) -> None:
    answered = np.zeros((height, width), int)
    for tile in tiles(height, width, halo, TilePolicy(size).sides(height, width)):
        answered[tile.output.slices] += 1
        assert answered[tile.output.slices].size == tile.output.area
    assert (answered == 1).all()


@given(sides, sides, halos, sizes)
def test_every_read_is_the_keep_grown_by_the_halo_or_ends_at_the_edge(
    height: int, width: int, halo: int, size: int
) -> None:
    for tile in tiles(height, width, halo, TilePolicy(size).sides(height, width)):
        read, keep = tile.input, tile.output
        assert read.top == max(0, keep.top - halo)
        assert read.left == max(0, keep.left - halo)
        assert read.bottom == min(height, keep.bottom + halo)
        assert read.right == min(width, keep.right + halo)


@given(sides, sides, halos, sizes, st.integers(1, 8))
def test_reads_begin_and_end_on_the_grid_or_at_the_edge(
    height: int, width: int, halo: int, size: int, grid: int
) -> None:
    for tile in tiles(height, width, halo, TilePolicy(size).sides(height, width), grid):
        read, keep = tile.input, tile.output
        assert read.top % grid == read.left % grid == 0
        assert read.bottom % grid == 0 or read.bottom == height
        assert read.right % grid == 0 or read.right == width
        assert read.top <= max(0, keep.top - halo)
        assert read.right >= min(width, keep.right + halo)


@given(sides, sides, sizes)
def test_no_side_exceeds_the_policy_and_no_tile_is_superfluous(height: int, width: int, size: int) -> None:
    keeps = [tile.output for tile in tiles(height, width, 0, TilePolicy(size).sides(height, width))]
    assert all(keep.bottom - keep.top <= size and keep.right - keep.left <= size for keep in keeps)
    assert len(keeps) == -(-height // size) * -(-width // size)


def test_tiles_are_about_equal() -> None:
    widths = [tile.output.right - tile.output.left for tile in tiles(1, 101, 0, TilePolicy(50).sides(1, 101))]
    assert widths == [34, 34, 33]


@given(sides, sides, halos)
def test_size_zero_takes_the_picture_whole(height: int, width: int, halo: int) -> None:
    whole = Window(0, 0, height, width)
    assert list(tiles(height, width, halo, TilePolicy(0).sides(height, width))) == [Tile(whole, whole)]


def test_a_scaled_window_shows_the_same_in_an_enlarged_picture() -> None:
    picture = np.arange(20).reshape(4, 5)
    window = Window(1, 2, 3, 5)
    enlarged = np.kron(picture, np.ones((3, 3), int))
    expected = np.kron(picture[window.slices], np.ones((3, 3), int))
    assert (enlarged[window.scaled(3).slices] == expected).all()


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        (Window(0, 0, 4, 5), Window(1, 2, 2, 4)),
        (Window(1, 1, 3, 4), Window(0, 1, 1, 3)),
        (Window(1, 2, 2, 4), Window(0, 0, 1, 2)),
    ],
)
def test_a_window_within_another_shows_the_same(outer: Window, expected: Window) -> None:
    picture = np.arange(20).reshape(4, 5)
    window = Window(1, 2, 2, 4)
    assert window.relative_to(outer) == expected
    assert (picture[outer.slices][window.relative_to(outer).slices] == picture[window.slices]).all()


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(UsageError, match="the tile size is -1"):
        TilePolicy(-1)
