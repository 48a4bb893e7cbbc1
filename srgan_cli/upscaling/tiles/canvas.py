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

    def __init__(
        self, header: Picture, layers: Tensor, input_window: Window, geometry: Geometry, tile_row: Window
    ) -> None:
        self.header, self.layers, self.input_window, self.geometry = header, layers, input_window, geometry
        self.output_window = geometry.output_window(geometry.blend_window(tile_row))
        self.stop = geometry.completed_rows(tile_row)
        blended = geometry.blend > 0
        count = len(header.pixels) + (header.alpha is not None) + blended
        self.buffer = (torch.zeros if blended else torch.empty)(
            count, self.output_window.height, self.output_window.width
        )

    def blend_in(self, output: Window, layers: Tensor) -> None:
        """Lay the result for one window in its region: colour, and alpha if there is any."""
        window = self.geometry.blend_window(output)
        region = self.geometry.output_window(window).relative_to(self.output_window).slices
        if not self.geometry.blend:
            self.buffer[:, *region] = layers
            return
        weight = self._weight(window)
        self.buffer[:-1, *region].addcmul_(layers, weight)
        self.buffer[-1:, *region] += weight

    def add_overlap(self, overlap: Tensor) -> None:
        """Take over what reaches into this row from those above it."""
        self.buffer[:, : overlap.shape[1]] += overlap

    def completed_rows(self) -> tuple[Picture, Tensor | None]:
        """What came of it as far as no further row reaches, and what of it the next one is to join."""
        rows = self.stop - self.output_window.top
        overlap = self.buffer[:, rows:].clone() if self.geometry.blend else None
        result = self.buffer[:, :rows]
        if self.geometry.blend:
            result = result[:-1].div_(result[-1:])
        colours = len(self.header.pixels)
        alpha = None if self.header.alpha is None else result[colours:]
        return replace(self.header, pixels=result[:colours], alpha=alpha), overlap

    def _weight(self, window: Window) -> Tensor:
        """(1, H, W), rising from every edge of the window that is none of the picture's."""
        place, whole = self.geometry.output_window(window), (self.geometry.target_height, self.geometry.target_width)
        down = _ramp(place.top, place.bottom, whole[0], 2 * self.geometry.blend * whole[0] / self.geometry.height)
        across = _ramp(place.left, place.right, whole[1], 2 * self.geometry.blend * whole[1] / self.geometry.width)
        return down[None, :, None] * across[None, None, :]


def _ramp(start: int, stop: int, end: int, length: float) -> Tensor:
    """Weights of the samples from `start` to `stop` of `end`; to both sides they rise over a length, to one."""
    rising = ((torch.arange(stop - start) + 0.5) / length).clamp(max=1)
    ones = torch.ones_like(rising)
    return (rising if start else ones) * (rising.flip(0) if stop < end else ones)
