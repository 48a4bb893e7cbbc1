"""What it takes to enlarge a picture part by part: rows that roll by, and which pixels come of which."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import torch
from torch import Tensor

from srgan_cli.image.ops import AxisResize, Kernel, resize_part
from srgan_cli.upscaling.tiles.tiling import Window, even_length

_BESIDE = 3
"""Taps of a kernel may lie so many samples beyond its reach; they weigh nothing."""


@dataclass(frozen=True)
class Geometry:
    """A picture of height x width pixels, enlarged `scale` times by a generator and then brought to the target's size.

    radius, grid and blend: the generator's.  direct: the picture is also resampled itself, as its alpha is.
    side: where tiles all read windows of one shape, the longest side of what they keep; else 0.
    """

    height: int
    width: int
    scale: int
    target_height: int
    target_width: int
    kernel: Kernel
    radius: int
    grid: int = 1
    blend: int = 0
    direct: bool = False
    side: int = 0

    @property
    def area_ratio(self) -> float:
        """How many pixels of the result there are for one of the picture."""
        return self.target_height * self.target_width / (self.height * self.width)

    @cached_property
    def resize_margin(self) -> int:
        """How far around a window the enlarged picture must be known to bring the window to the target's size."""
        return -(-max(self._support(self.scale)) // self.scale)

    @cached_property
    def halo(self) -> int:
        """How far around a window the picture must be known, in pixels."""
        return max(self.radius + self.resize_margin, max(self._support(1)) if self.direct else 0)

    @cached_property
    def window_size(self) -> tuple[int, int]:
        """Height and width of what tiles read under `side`, the same in all pictures that are larger, but for the grid.

        It ends where the picture ends and begins on the grid, wherever it lies.
        """
        least = self.side + 2 * (self.halo + self.grid - 1)
        height, width = (min(end, least + (end - least) % self.grid) for end in (self.height, self.width))
        return height, width

    @property
    def tile_sides(self) -> tuple[int, int]:
        """Height and width of what tiles keep under `side`: about equal, and the whole of what a window holds."""
        ends = zip((self.height, self.width), self.window_size, strict=True)
        height, width = (end if end == held else even_length(end, self.side) for end, held in ends)
        return height, width

    def input_window(self, output: Window) -> Window:
        """What of the picture decides over this window of it; under `side` what tiles read, which is more."""
        needed = output.pad(self.halo, self.height, self.width, self.grid)
        return needed.pad_to(*self.window_size, Window(0, 0, self.height, self.width)) if self.side else needed

    def blend_window(self, output: Window) -> Window:
        """What of the picture the result of this window is shown in: it, and where it is blended with others."""
        return output.pad(self.blend, self.height, self.width)

    def completed_rows(self, tile_row: Window) -> int:
        """The first row of the result that further strips reach into."""
        end = tile_row.bottom if tile_row.bottom == self.height else max(tile_row.bottom - self.blend, 0)
        return self.output_window(Window(0, 0, end, self.width)).bottom

    def output_window(self, output: Window) -> Window:
        """The pixels of the result that this window answers for."""
        down, across = self.target_height / self.height, self.target_width / self.width
        top, bottom = (round(row * down) for row in (output.top, output.bottom))
        left, right = (round(column * across) for column in (output.left, output.right))
        return Window(top, left, bottom, right)

    def resize_output(self, pixels: Tensor, at: Window, output: Window, scale: int) -> Tensor:
        """The result's pixels for `output`, from those of the picture enlarged `scale` times in the window `at`."""
        part = self.output_window(output)
        first = at.scaled(scale)
        rows = AxisResize(self.height * scale, self.target_height, first.top, part.top, part.bottom)
        columns = AxisResize(self.width * scale, self.target_width, first.left, part.left, part.right)
        return resize_part(pixels, rows, columns, self.kernel)

    def _support(self, scale: int) -> list[int]:
        sides = ((self.height * scale, self.target_height), (self.width * scale, self.target_width))
        return [0 if before == after else ceil(self.kernel.support(before, after)) + _BESIDE for before, after in sides]


class RowBuffer:
    """Rows (C, H, W) that come in bands, of which no more are held than are still needed."""

    def __init__(self, bands: Iterator[Tensor]) -> None:
        self.bands = bands
        self.buffered: Tensor | None = None
        self.top = 0

    def rows(self, top: int, bottom: int) -> Tensor:
        """Rows from `top` on, which may not lie above what was asked for before, to `bottom`."""
        parts = [] if self.buffered is None else [self.buffered[:, top - self.top :]]
        count = parts[0].shape[1] if parts else top - self.top
        self.buffered = None
        while top + count < bottom:
            parts.append(next(self.bands))
            count += parts[-1].shape[1]
        self.buffered, self.top = parts[0] if len(parts) == 1 else torch.cat(parts, 1), top
        return self.buffered[:, : bottom - top]
