"""Which input pixels an output pixel depends on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from srgan_cli.image.ops import KERNELS
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import Window

ends = st.integers(1, 200)


def uniform(height: int, width: int, side: int, radius: int, grid: int) -> Geometry:
    """A picture enlarged twice, in tiles that read windows of one shape."""
    return Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], radius, grid, side=side)


@given(ends, ends, st.integers(1, 60), st.integers(0, 30), st.integers(1, 8))
def test_uniform_tiles_read_windows_of_one_shape(height: int, width: int, side: int, radius: int, grid: int) -> None:
    geometry = uniform(height, width, side, radius, grid)
    plain = Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], radius, grid)
    answered, tops = np.zeros((height, width), int), []
    for output in Window(0, 0, height, width).split(*geometry.tile_sides):
        read, needed = geometry.input_window(output), plain.input_window(output)
        answered[output.slices] += 1
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
    assert tops == sorted(tops)  # RowBuffer does not return to earlier rows


@given(ends, ends, st.integers(1, 60), st.integers(0, 30), st.integers(1, 8))
def test_a_row_of_tiles_reads_the_rows_of_its_tiles(height: int, width: int, side: int, radius: int, grid: int) -> None:
    geometry = uniform(height, width, side, radius, grid)
    rows, _ = geometry.tile_sides
    for strip in Window(0, 0, height, width).split(rows, width):
        read = geometry.input_window(strip)
        assert (read.left, read.right) == (0, width)
        for output in strip.split(*geometry.tile_sides):
            assert (geometry.input_window(output).top, geometry.input_window(output).bottom) == (read.top, read.bottom)


@given(st.integers(80, 200), st.integers(80, 200), st.integers(1, 8))
def test_all_pictures_larger_than_a_window_share_its_shape(height: int, width: int, grid: int) -> None:
    """Except for their size modulo the grid."""
    window = uniform(height, width, 30, 10, grid).window_size
    assert window == tuple(48 + 2 * grid + (end - 48 - 2 * grid) % grid for end in (height, width))


def test_a_picture_that_fits_a_window_is_not_cut() -> None:
    assert uniform(49, 51, 30, 10, 1).tile_sides == (49, 26)
    assert uniform(50, 20, 30, 10, 1).window_size == (50, 20)
