"""How a picture is cut into tiles, and which input pixels each output pixel depends on.

A generator whose receptive radius is r gives the same result on a window as on the whole picture, except within r
pixels of a cut.  Every tile therefore reads r pixels more than it outputs, and tiled equals whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil

import torch
from torch import Tensor

from srgan_cli.image.ops import AxisResize, Kernel, resize_part
from srgan_cli.upscaling.tiles.layers import Layers

_EXTRA_TAPS = 3  # taps of a kernel may lie this many samples beyond its support; their weight is 0


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; `bottom` and `right` are excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture of shape (..., H, W)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def pad(self, halo: int, height: int, width: int, grid: int = 1) -> "Window":
        """Extend each side by `halo` and then to the next multiple of `grid`, or to the edge of the picture."""
        return Window(
            max(self.top - halo, 0) // grid * grid,
            max(self.left - halo, 0) // grid * grid,
            min(-(-(self.bottom + halo) // grid) * grid, height),
            min(-(-(self.right + halo) // grid) * grid, width),
        )

    def pad_to(self, height: int, width: int, outer: "Window") -> "Window":
        """Extend to at least this height and width: down and right, or up and left where `outer` ends."""
        top, left = min(self.top, outer.bottom - height), min(self.left, outer.right - width)
        return Window(top, left, max(self.bottom, top + height), max(self.right, left + width))

    def split(self, height: int, width: int) -> "Iterator[Window]":
        """Partition into windows of at most this height and width, row by row."""
        for top in range(self.top, self.bottom, height):
            for left in range(self.left, self.right, width):
                yield Window(top, left, min(top + height, self.bottom), min(left + width, self.right))

    def scaled(self, factor: int) -> "Window":
        """Return the same rectangle in a picture enlarged `factor` times."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def relative_to(self, outer: "Window") -> "Window":
        """Return the same rectangle in coordinates relative to the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


@dataclass(frozen=True)
class Geometry:
    """A picture that a generator enlarges by a whole factor, and that is then resized to its target size."""

    height: int
    width: int
    scale: int
    target_height: int
    target_width: int
    kernel: Kernel
    """The kernel that resizes the generator's result to the target size."""
    radius: int
    """The generator's receptive radius in input pixels."""
    grid: int = 1
    """Windows start at multiples of the generator's grid."""
    blend: int = 0
    """How far tiles are blended into each other, in input pixels."""
    layers: Layers = field(default_factory=Layers)
    side: int = 0
    """Longest side of a tile's output when all tiles read windows of one shape, else 0."""

    @property
    def area_ratio(self) -> float:
        """Pixels of the result for each pixel of the picture."""
        return self.target_height * self.target_width / (self.height * self.width)

    @cached_property
    def resize_margin(self) -> int:
        """How far around a window the generator's result is needed to resize the window, in input pixels."""
        return -(-max(self._support(self.scale)) // self.scale)

    @cached_property
    def halo(self) -> int:
        """How far around a window the input is needed, in input pixels."""
        resizes_input = self.layers.has_alpha or self.layers.has_ranges  # beside the network's result
        return max(self.radius + self.resize_margin, max(self._support(1)) if resizes_input else 0)

    @property
    def max_halo(self) -> int:
        """How far a tile reads beyond its output at most, with what the grid adds, in input pixels."""
        return self.halo + 2 * (self.grid - 1)

    @cached_property
    def window_size(self) -> tuple[int, int]:
        """Height and width of the window that every tile reads when `side` is set.

        A window starts on the grid and may end at the edge of the picture, so its size depends on the picture only if
        the picture is smaller than a window, and on the picture's size modulo the grid.
        """
        smallest = self.side + 2 * (self.halo + self.grid - 1)
        height, width = (min(end, smallest + (end - smallest) % self.grid) for end in (self.height, self.width))
        return height, width

    @property
    def tile_sides(self) -> tuple[int, int]:
        """Height and width of a tile's output when `side` is set; the whole length where one window covers it."""
        lengths = zip((self.height, self.width), self.window_size, strict=True)
        height, width = (end if end == window else even_length(end, self.side) for end, window in lengths)
        return height, width

    def input_window(self, output: Window) -> Window:
        """Return the window that a tile reads to compute `output`."""
        needed = output.pad(self.halo, self.height, self.width, self.grid)
        return needed.pad_to(*self.window_size, Window(0, 0, self.height, self.width)) if self.side else needed

    def blend_window(self, output: Window) -> Window:
        """Return the window that a tile contributes to: its output and the area where it is blended with others."""
        return output.pad(self.blend, self.height, self.width)

    def completed_rows(self, tile_row: Window) -> int:
        """Return the number of rows of the result that the rows of tiles below `tile_row` do not reach."""
        end = tile_row.bottom if tile_row.bottom == self.height else max(tile_row.bottom - self.blend, 0)
        return self.output_window(Window(0, 0, end, self.width)).bottom

    def output_window(self, output: Window) -> Window:
        """Convert a window of the picture to the window of the result that shows the same."""
        down, across = self.target_height / self.height, self.target_width / self.width
        top, bottom = (round(row * down) for row in (output.top, output.bottom))
        left, right = (round(column * across) for column in (output.left, output.right))
        return Window(top, left, bottom, right)

    def resize_output(
        self, pixels: Tensor, at: Window, output: Window, scale: int, kernel: Kernel | None = None
    ) -> Tensor:
        """The result's pixels for `output`, from the window `at` enlarged `scale` times; `kernel` replaces its own."""
        part = self.output_window(output)
        first = at.scaled(scale)
        rows = AxisResize(self.height * scale, self.target_height, first.top, part.top, part.bottom)
        columns = AxisResize(self.width * scale, self.target_width, first.left, part.left, part.right)
        return resize_part(pixels, rows, columns, kernel or self.kernel)

    def resize_nearest(self, pixels: Tensor, at: Window, part: Window) -> Tensor:
        """Return the nearest pixel for each pixel of `part` of the result, from the window `at` of the picture."""
        for dim, sizes, first, ends in (
            (1, (self.height, self.target_height), at.top, (part.top, part.bottom)),
            (2, (self.width, self.target_width), at.left, (part.left, part.right)),
        ):
            centre = (torch.arange(*ends, dtype=torch.float64) + 0.5) * sizes[0] / sizes[1]
            pixels = pixels.index_select(dim, centre.long().clamp(max=sizes[0] - 1) - first)
        return pixels

    def for_crop(self, height: int, width: int, layers: Layers) -> "Geometry":
        """Return the geometry of a crop with these layers of the picture, enlarged by the same factor."""
        tall = max(1, round(height * self.target_height / self.height))
        wide = max(1, round(width * self.target_width / self.width))
        return replace(self, height=height, width=width, target_height=tall, target_width=wide, layers=layers, side=0)

    def _support(self, scale: int) -> list[int]:
        lengths = ((self.height * scale, self.target_height), (self.width * scale, self.target_width))
        return [0 if old == new else ceil(self.kernel.support(old, new)) + _EXTRA_TAPS for old, new in lengths]


def even_length(length: int, limit: int) -> int:
    """Return the length of equal pieces of `length`, as few as `limit` allows."""
    return ceil(length / ceil(length / limit))
