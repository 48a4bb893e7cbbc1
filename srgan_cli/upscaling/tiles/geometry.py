"""What it takes to enlarge a picture part by part: rows that roll by, and which pixels come of which."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import torch
from torch import Tensor

from srgan_cli.image.ops import Kernel, Stretch, resize_part
from srgan_cli.upscaling.tiles.tiling import Window, even

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
    def growth(self) -> float:
        """How many pixels of the result there are for one of the picture."""
        return self.target_height * self.target_width / (self.height * self.width)

    @cached_property
    def margin(self) -> int:
        """How far around a window the enlarged picture must be known to bring the window to the target's size."""
        return -(-max(self._reach(self.scale)) // self.scale)

    @cached_property
    def halo(self) -> int:
        """How far around a window the picture must be known, in pixels."""
        return max(self.radius + self.margin, max(self._reach(1)) if self.direct else 0)

    @cached_property
    def window(self) -> tuple[int, int]:
        """Height and width of what tiles read under `side`, the same in all pictures that are larger, but for the grid.

        It ends where the picture ends and begins on the grid, wherever it lies.
        """
        least = self.side + 2 * (self.halo + self.grid - 1)
        height, width = (min(end, least + (end - least) % self.grid) for end in (self.height, self.width))
        return height, width

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what tiles keep under `side`: about equal, and the whole of what a window holds."""
        ends = zip((self.height, self.width), self.window, strict=True)
        height, width = (end if end == held else even(end, self.side) for end, held in ends)
        return height, width

    def read(self, keep: Window) -> Window:
        """What of the picture decides over this window of it; under `side` what tiles read, which is more."""
        needed = keep.grown(self.halo, self.height, self.width, self.grid)
        return needed.widened(*self.window, Window(0, 0, self.height, self.width)) if self.side else needed

    def shown(self, keep: Window) -> Window:
        """What of the picture the result of this window is shown in: it, and where it is blended with others."""
        return keep.grown(self.blend, self.height, self.width)

    def settled(self, strip: Window) -> int:
        """The first row of the result that further strips reach into."""
        end = strip.bottom if strip.bottom == self.height else max(strip.bottom - self.blend, 0)
        return self.target(Window(0, 0, end, self.width)).bottom

    def target(self, keep: Window) -> Window:
        """The pixels of the result that this window answers for."""
        down, across = self.target_height / self.height, self.target_width / self.width
        top, bottom = (round(row * down) for row in (keep.top, keep.bottom))
        left, right = (round(column * across) for column in (keep.left, keep.right))
        return Window(top, left, bottom, right)

    def resampled(self, pixels: Tensor, at: Window, keep: Window, scale: int) -> Tensor:
        """The result's pixels for `keep`, from those of the picture enlarged `scale` times in the window `at`."""
        part = self.target(keep)
        first = at.scaled(scale)
        rows = Stretch(self.height * scale, self.target_height, first.top, part.top, part.bottom)
        columns = Stretch(self.width * scale, self.target_width, first.left, part.left, part.right)
        return resize_part(pixels, rows, columns, self.kernel)

    def _reach(self, scale: int) -> list[int]:
        sides = ((self.height * scale, self.target_height), (self.width * scale, self.target_width))
        return [0 if before == after else ceil(self.kernel.reach(before, after)) + _BESIDE for before, after in sides]


class Rolling:
    """Rows (C, H, W) that come in bands, of which no more are held than are still needed."""

    def __init__(self, bands: Iterator[Tensor]) -> None:
        self.bands = bands
        self.held: Tensor | None = None
        self.top = 0

    def rows(self, top: int, bottom: int) -> Tensor:
        """Rows from `top` on, which may not lie above what was asked for before, to `bottom`."""
        parts = [] if self.held is None else [self.held[:, top - self.top :]]
        count = parts[0].shape[1] if parts else top - self.top
        self.held = None
        while top + count < bottom:
            parts.append(next(self.bands))
            count += parts[-1].shape[1]
        self.held, self.top = parts[0] if len(parts) == 1 else torch.cat(parts, 1), top
        return self.held[:, : bottom - top]
