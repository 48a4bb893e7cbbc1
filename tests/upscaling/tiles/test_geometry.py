"""How pictures are cut into tiles, and which input pixels an output pixel depends on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import KERNELS
from srgan_cli.upscaling.tiles.geometry import Geometry, Window
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy

ends = st.integers(1, 200)
sides = st.integers(1, 90)
halos = st.integers(0, 30)
sizes = st.integers(1, 50)


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


def cut(height: int, width: int, size: int) -> list[Window]:
    """The outputs of the tiles of a picture."""
    return list(Window(0, 0, height, width).split(*TilePolicy(size).sides(height, width)))


@given(sides, sides, st.just(0) | sizes)
def test_outputs_partition_the_picture(height: int, width: int, size: int) -> None:
    answered = np.zeros((height, width), int)
    for output in cut(height, width, size):
        answered[output.slices] += 1
        assert answered[output.slices].size == output.area
    assert (answered == 1).all()


@given(sides, sides, halos, sizes)
def test_inputs_extend_outputs_by_the_halo_or_end_at_the_edge(height: int, width: int, halo: int, size: int) -> None:
    geometry = Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], halo)
    for output in cut(height, width, size):
        window = geometry.input_window(output)
        assert window.top == max(0, output.top - halo)
        assert window.left == max(0, output.left - halo)
        assert window.bottom == min(height, output.bottom + halo)
        assert window.right == min(width, output.right + halo)


@given(sides, sides, halos, sizes, st.integers(1, 8))
def test_inputs_start_and_end_on_the_grid_or_at_the_edge(
    height: int, width: int, halo: int, size: int, grid: int
) -> None:
    geometry = Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], halo, grid)
    for output in cut(height, width, size):
        window = geometry.input_window(output)
        assert window.top % grid == window.left % grid == 0
        assert window.bottom % grid == 0 or window.bottom == height
        assert window.right % grid == 0 or window.right == width
        assert window.top <= max(0, output.top - halo)
        assert window.right >= min(width, output.right + halo)


@given(sides, sides, sizes)
def test_no_side_exceeds_the_policy_and_there_are_no_more_tiles_than_needed(height: int, width: int, size: int) -> None:
    outputs = cut(height, width, size)
    assert all(output.height <= size and output.width <= size for output in outputs)
    assert len(outputs) == -(-height // size) * -(-width // size)


def test_tiles_have_about_equal_sizes() -> None:
    assert [output.width for output in cut(1, 101, 50)] == [34, 34, 33]


@given(sides, sides, halos)
def test_size_zero_keeps_the_picture_whole(height: int, width: int, halo: int) -> None:
    geometry = Geometry(height, width, 2, 2 * height, 2 * width, KERNELS["bicubic"], halo)
    assert cut(height, width, 0) == [Window(0, 0, height, width)]
    assert geometry.input_window(Window(0, 0, height, width)) == Window(0, 0, height, width)


def test_a_scaled_window_covers_the_same_area() -> None:
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
def test_a_relative_window_covers_the_same_area(outer: Window, expected: Window) -> None:
    picture = np.arange(20).reshape(4, 5)
    window = Window(1, 2, 2, 4)
    assert window.relative_to(outer) == expected
    assert (picture[outer.slices][window.relative_to(outer).slices] == picture[window.slices]).all()


def test_a_negative_size_is_an_error() -> None:
    with pytest.raises(UsageError, match="size is -1, expected an integer from 0 on"):
        TilePolicy(-1)
