"""The input rows of tiles: with what is hidden filled, and with noise."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from srgan_cli.image.alpha import fill_hidden
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.upscaling.tiles.layers import Layers


class RowBuffer:
    """Rows (C, H, W) of a picture that arrives in bands; rows that are no longer needed are dropped."""

    def __init__(self, bands: Iterator[Tensor]) -> None:
        self.bands = bands
        self.buffered: Tensor | None = None
        self.top = 0

    def rows(self, top: int, bottom: int) -> Tensor:
        """Return the rows from `top` to `bottom`; `top` must not be smaller than in the previous call."""
        parts = [] if self.buffered is None else [self.buffered[:, top - self.top :]]
        count = parts[0].shape[1] if parts else top - self.top
        self.buffered = None
        while top + count < bottom:
            parts.append(next(self.bands))
            count += parts[-1].shape[1]
        self.buffered, self.top = parts[0] if len(parts) == 1 else torch.cat(parts, 1), top
        return self.buffered[:, : bottom - top]


def input_rows(stream: ImageStream, noise: int, seed: int, *, keep_colours: bool) -> Iterator[Tensor]:
    """Colour, alpha if present, and noise, band by band.  Noise is drawn row by row, however the picture is cut."""
    random, layers = torch.Generator().manual_seed(seed), Layers.of(stream.header)
    for filled, band in fill_hidden(stream, keep_colours=keep_colours):
        rows = [torch.randn(noise, 1, band.width, generator=random) for _ in range(band.height if noise else 0)]
        yield layers.pack(filled, band, torch.cat(rows, 1) if rows else torch.empty(0, band.height, band.width))


def centre_crop(stream: ImageStream, height: int, width: int) -> Picture:
    """Return the middle of a picture, at most this large, with what is hidden filled and without alpha."""
    height, width = min(height, stream.height), min(width, stream.width)
    top, left = (stream.height - height) // 2, (stream.width - width) // 2
    bands = RowBuffer(band.pixels[..., left : left + width] for band, _ in fill_hidden(stream))
    return replace(stream.header, pixels=bands.rows(0, top + height)[:, top:], alpha=None, valid=None)
