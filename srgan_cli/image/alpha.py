"""Alpha bleeding: transparent pixels get the colour of their surroundings, so that upscaling leaves no fringe."""

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
"""From this alpha on, a pixel keeps its own colour."""
_TINY = torch.finfo(torch.float32).tiny


def bleed_alpha(stream: ImageStream) -> ImageStream:
    """The picture with the colour of its nearly transparent pixels taken from their surroundings.

    The colour of transparent pixels is arbitrary, and that of nearly transparent ones is coarsely rounded.  When the
    picture is upscaled, it would leak into the edges as a dark or coloured fringe.
    The bands are read twice.  The first pass keeps the picture at 1/BAND_GRID of its size, for distant surroundings.
    """
    return stream if stream.header.alpha is None else replace(stream, bands=lambda: _bleed_bands(stream))


def _bleed_bands(stream: ImageStream) -> Iterator[Picture]:
    coarsest, top = _fill(*_downsample(stream)), 0
    for band in stream.bands():
        assert band.alpha is not None
        part = coarsest[:, top // BAND_GRID : -(-(top + band.height) // BAND_GRID)]
        yield replace(band, pixels=_fill(band.pixels * band.alpha, band.alpha, coarsest=part))
        top += band.height


def _downsample(stream: ImageStream) -> tuple[Tensor, Tensor]:
    """The means of colour times alpha, and of alpha, over squares of BAND_GRID pixels."""
    weighted, weights = [], []
    for band in stream.bands():
        assert band.alpha is not None
        layers = torch.cat([band.pixels * band.alpha, band.alpha])
        for _ in range(_LEVELS):
            layers = _halve(layers)
        weighted.append(layers[:-1])
        weights.append(layers[-1:])
    return torch.cat(weighted, 1), torch.cat(weights, 1)


def _fill(weighted: Tensor, weight: Tensor, *, coarsest: Tensor | None = None, level: int = 0) -> Tensor:
    """The colour of each pixel: its own in proportion to its weight, else that of larger and larger squares around it.

    `coarsest` is the result for squares of BAND_GRID pixels, if it is known.
    """
    if coarsest is not None and level == _LEVELS:
        return coarsest
    height, width = weight.shape[-2:]
    own = weighted / weight.clamp_min(_TINY)
    if coarsest is None and height == 1 and width == 1:
        return own
    coarse = _fill(_halve(weighted), _halve(weight), coarsest=coarsest, level=level + 1)
    enlarged = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    return torch.lerp(enlarged, own, (weight / _TRUSTED_ALPHA).clamp(max=1))


def _halve(layers: Tensor) -> Tensor:
    return F.avg_pool2d(layers[None], 2, ceil_mode=True)[0]
