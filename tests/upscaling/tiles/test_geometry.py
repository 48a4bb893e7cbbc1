"""Which pixels come of which."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from srgan_cli.image.ops import KERNELS
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import Window

ends = st.integers(1, 200)


def alike(height: int, width: int, side: int, radius: int, grid: int) -> Geometry:
    """A picture that is enlarged twice by tiles that read windows of one shape."""
    return Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], radius, grid, side=side)


@given(ends, ends, st.integers(1, 60), st.integers(0, 30), st.integers(1, 8))
def test_tiles_that_are_to_read_windows_of_one_shape_do(
    height: int, width: int, side: int, radius: int, grid: int
) -> None:
    geometry = alike(height, width, side, radius, grid)
    needs = Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], radius, grid)
    answered, tops = np.zeros((height, width), int), []
    for keep in Window(0, 0, height, width).split(*geometry.tile_sides):
        read, needed = geometry.input_window(keep), needs.input_window(keep)
        answered[keep.slices] += 1
        tops.append(read.top)
        assert (read.height, read.width) == geometry.window_size
        assert read.top <= needed.top
        assert read.left <= needed.left
        assert read.bottom >= needed.bottom
        assert read.right >= needed.right
        assert read.top >= 0
        assert read.left >= 0
        assert read.bottom <= height
        assert read.right <= width
        assert read.top % grid == read.left % grid == 0
    assert (answered == 1).all()
    assert tops == sorted(tops)  # rows that have gone by are not asked for again


@given(ends, ends, st.integers(1, 60), st.integers(0, 30), st.integers(1, 8))
def test_a_row_of_tiles_reads_what_its_tiles_read(height: int, width: int, side: int, radius: int, grid: int) -> None:
    geometry = alike(height, width, side, radius, grid)
    rows, _ = geometry.tile_sides
    for strip in Window(0, 0, height, width).split(rows, width):
        read = geometry.input_window(strip)
        assert (read.left, read.right) == (0, width)
        for keep in strip.split(*geometry.tile_sides):
            assert (geometry.input_window(keep).top, geometry.input_window(keep).bottom) == (read.top, read.bottom)


@given(st.integers(80, 200), st.integers(80, 200), st.integers(1, 8))
def test_all_pictures_that_are_larger_than_a_window_share_its_shape(height: int, width: int, grid: int) -> None:
    """But for what they are beyond a multiple of the grid."""
    window = alike(height, width, 30, 10, grid).window_size
    assert window == tuple(48 + 2 * grid + (end - 48 - 2 * grid) % grid for end in (height, width))


def test_a_picture_that_a_window_holds_is_not_cut() -> None:
    assert alike(49, 51, 30, 10, 1).tile_sides == (49, 26)
    assert alike(50, 20, 30, 10, 1).window_size == (50, 20)
