"""Colour for what is transparent, taken from what lies near, so that it leaves no fringe when it is enlarged."""

from collections.abc import Iterator
from dataclasses import replace
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.image.codec.raster import BAND_GRID
from srgan_cli.image.picture import ImageStream, Picture

_LEVELS = int(log2(BAND_GRID))
_TRUSTED_ALPHA = 1 / 8
_TINY = torch.finfo(torch.float32).tiny


def bleed_alpha(stream: ImageStream) -> ImageStream:
    """The same picture, the colour of its transparent and nearly transparent pixels taken from what lies near.

    What a file stores under full transparency is arbitrary, and under nearly full transparency coarsely rounded;
    without this it would leak into the edges as a dark or coloured fringe when the picture is enlarged.
    The picture is gone through twice: far away counts what the first time left in memory, at 1/BAND_GRID of its size.
    """
    return stream if stream.header.alpha is None else replace(stream, bands=lambda: _fill_colour(stream))


def _fill_colour(stream: ImageStream) -> Iterator[Picture]:
    ground, top = _blend_levels(*_downsample(stream)), 0
    for band in stream.bands():
        assert band.alpha is not None
        below = ground[:, top // BAND_GRID : -(-(top + band.height) // BAND_GRID)]
        yield replace(band, pixels=_blend_levels(band.pixels * band.alpha, band.alpha, below))
        top += band.height


def _downsample(stream: ImageStream) -> tuple[Tensor, Tensor]:
    """The mean of colour times alpha, and of alpha, of squares of BAND_GRID pixels."""
    weighted, weights = [], []
    for band in stream.bands():
        assert band.alpha is not None
        layers = torch.cat([band.pixels * band.alpha, band.alpha])
        for _ in range(_LEVELS):
            layers = _halve(layers)
        weighted.append(layers[:-1])
        weights.append(layers[-1:])
    return torch.cat(weighted, 1), torch.cat(weights, 1)


def _blend_levels(weighted: Tensor, weight: Tensor, ground: Tensor | None = None, level: int = 0) -> Tensor:
    """Each pixel's own colour as far as its weight is to be trusted, else that of ever larger squares around it.

    `ground` is the result for squares of BAND_GRID pixels, where it is known.
    """
    if ground is not None and level == _LEVELS:
        return ground
    height, width = weight.shape[-2:]
    own = weighted / weight.clamp_min(_TINY)
    if ground is None and height == 1 and width == 1:
        return own
    coarse = _blend_levels(_halve(weighted), _halve(weight), ground, level + 1)
    enlarged = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    return torch.lerp(enlarged, own, (weight / _TRUSTED_ALPHA).clamp(max=1))


def _halve(layers: Tensor) -> Tensor:
    return F.avg_pool2d(layers[None], 2, ceil_mode=True)[0]
