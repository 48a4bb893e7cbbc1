"""What a row of tiles is enlarged from and to; tiles that do not fit each other exactly are faded into one another."""

from dataclasses import replace

import torch
from torch import Tensor

from srgan_cli.image.picture import Picture
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import Window


class Canvas:
    """A row of tiles: what is read of the picture, and what comes of it.

    Under Geometry.blend each tile's result reaches that far beyond what it keeps, with weights that fall towards its
    edge, and a pixel is the weighted mean of the tiles that reach it.
    """

    def __init__(self, outline: Picture, layers: Tensor, read: Window, geometry: Geometry, strip: Window) -> None:
        self.outline, self.layers, self.read, self.geometry = outline, layers, read, geometry
        self.target = geometry.target(geometry.shown(strip))
        self.stop = geometry.settled(strip)
        blended = geometry.blend > 0
        count = len(outline.pixels) + (outline.alpha is not None) + blended
        self.canvas = (torch.zeros if blended else torch.empty)(count, self.target.height, self.target.width)

    def put(self, keep: Window, layers: Tensor) -> None:
        """Lay the result for one window in its place: colour, and alpha if there is any."""
        window = self.geometry.shown(keep)
        place = self.geometry.target(window).within(self.target).slices
        if not self.geometry.blend:
            self.canvas[:, *place] = layers
            return
        weight = self._weight(window)
        self.canvas[:-1, *place].addcmul_(layers, weight)
        self.canvas[-1:, *place] += weight

    def join(self, rest: Tensor) -> None:
        """Take over what reaches into this row from those above it."""
        self.canvas[:, : rest.shape[1]] += rest

    def settled(self) -> tuple[Picture, Tensor | None]:
        """What came of it as far as no further row reaches, and what of it the next one is to join."""
        rows = self.stop - self.target.top
        rest = self.canvas[:, rows:].clone() if self.geometry.blend else None
        result = self.canvas[:, :rows]
        if self.geometry.blend:
            result = result[:-1].div_(result[-1:])
        colours = len(self.outline.pixels)
        alpha = None if self.outline.alpha is None else result[colours:]
        return replace(self.outline, pixels=result[:colours], alpha=alpha), rest

    def _weight(self, window: Window) -> Tensor:
        """(1, H, W), rising from every edge of the window that is none of the picture's."""
        place, whole = self.geometry.target(window), (self.geometry.target_height, self.geometry.target_width)
        down = _ramp(place.top, place.bottom, whole[0], 2 * self.geometry.blend * whole[0] / self.geometry.height)
        across = _ramp(place.left, place.right, whole[1], 2 * self.geometry.blend * whole[1] / self.geometry.width)
        return down[None, :, None] * across[None, None, :]


def _ramp(start: int, stop: int, end: int, length: float) -> Tensor:
    """Weights of the samples from `start` to `stop` of `end`; to both sides they rise over a length, to one."""
    rising = ((torch.arange(stop - start) + 0.5) / length).clamp(max=1)
    ones = torch.ones_like(rising)
    return (rising if start else ones) * (rising.flip(0) if stop < end else ones)
