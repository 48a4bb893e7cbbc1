"""Canvas: what a row of tiles is enlarged from and to, with tiles blended into each other where they overlap."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from srgan_cli.image.picture import Picture
from srgan_cli.upscaling.tiles.geometry import Geometry, Window
from srgan_cli.upscaling.tiles.rows import RowBuffer


class Canvas:
    """The input rows and the result of one row of tiles.

    With `Geometry.blend` each tile's result extends that far beyond its output.  Its weights fall towards its edges,
    and a pixel is the weighted mean of the tiles that cover it.
    """

    def __init__(self, header: Picture, row_buffer: RowBuffer, geometry: Geometry, outputs: list[Window]) -> None:
        """The canvas of a row of tiles with these outputs; its input rows are taken from the buffer."""
        tile_row = Window(outputs[0].top, outputs[0].left, outputs[-1].bottom, outputs[-1].right)
        self.header, self.geometry, self.input_window = header, geometry, geometry.input_window(tile_row)
        self.layers = row_buffer.rows(self.input_window.top, self.input_window.bottom)
        self.output_window = geometry.output_window(geometry.blend_window(tile_row))
        self.stop = geometry.completed_rows(tile_row)
        blended = geometry.blend > 0
        shape = (geometry.layers.visible + blended, self.output_window.height, self.output_window.width)
        self.buffer = (torch.zeros if blended else torch.empty)(shape, dtype=self.layers.dtype)

    def blend_in(self, output: Window, layers: Tensor) -> None:
        """Write the result for a tile's output: colour, and alpha if the picture has it."""
        window = self.geometry.blend_window(output)
        region = self.geometry.output_window(window).relative_to(self.output_window).slices
        if not self.geometry.blend:
            self.buffer[:, *region] = layers
            return
        weight = self._weight(window)
        self.buffer[:-1, *region].addcmul_(layers, weight)
        self.buffer[-1:, *region] += weight

    def add_overlap(self, overlap: Tensor) -> None:
        """Add the rows that the previous row of tiles extends into this one."""
        self.buffer[:, : overlap.shape[1]] += overlap

    def completed_rows(self) -> tuple[Picture, Tensor | None]:
        """Return the rows that no further row of tiles reaches, and the overlap for the next one if tiles blend."""
        rows = self.stop - self.output_window.top
        overlap = self.buffer[:, rows:].clone() if self.geometry.blend else None
        result = self.buffer[:, :rows]
        if self.geometry.blend:
            result = result[:-1].div_(result[-1:])
        bands = self.geometry.layers.bands
        alpha = None if self.header.alpha is None else result[bands:].float()
        picture = replace(self.header, pixels=result[:bands], alpha=alpha, valid=None)
        return picture if self.header.valid is None else self._with_holes(picture), overlap

    def _with_holes(self, picture: Picture) -> Picture:
        """The picture with what is not valid as it was, enlarged by the nearest pixel."""
        window = replace(self.output_window, bottom=self.output_window.top + picture.height)
        nearest = partial(self.geometry.resize_nearest, at=self.input_window, part=window)
        stored, valid = map(nearest, self.geometry.layers.original(self.layers))
        alpha, index = picture.alpha, self.geometry.layers.bands
        if picture.has_mask:
            alpha = nearest(self.layers[index : index + 1]).float()
        return replace(picture, pixels=torch.where(valid, picture.pixels, stored), alpha=alpha, valid=valid)

    def _weight(self, window: Window) -> Tensor:
        """Weights (1, H, W) that fall towards every edge of the window that is not an edge of the picture."""
        place, target = self.geometry.output_window(window), (self.geometry.target_height, self.geometry.target_width)
        down = _ramp(place.top, place.bottom, target[0], 2 * self.geometry.blend * target[0] / self.geometry.height)
        across = _ramp(place.left, place.right, target[1], 2 * self.geometry.blend * target[1] / self.geometry.width)
        return down[None, :, None] * across[None, None, :]


def _ramp(start: int, stop: int, end: int, length: float) -> Tensor:
    """Weights of the samples `start` to `stop` of `end`: they rise to 1 within `length` of each inner edge."""
    rising = ((torch.arange(stop - start) + 0.5) / length).clamp(max=1)
    ones = torch.ones_like(rising)
    return (rising if start else ones) * (rising.flip(0) if stop < end else ones)
