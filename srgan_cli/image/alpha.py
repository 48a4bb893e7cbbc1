"""Filling what is hidden: transparent pixels, and those without data, get the values of their surroundings."""

from collections.abc import Iterator
from dataclasses import replace
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.image.codec.raster import BAND_GRID
from srgan_cli.image.picture import ImageStream, Picture

_LEVELS = int(log2(BAND_GRID))
_TRUSTED_ALPHA = 1 / 8  # from this alpha on, a pixel keeps its own colour


def fill_hidden(stream: ImageStream, *, keep_colours: bool = False) -> Iterator[tuple[Picture, Picture]]:
    """Each band of rows with its hidden pixels filled, and as it is.

    The colour of transparent pixels is arbitrary, and that of nearly transparent ones is coarsely rounded.  When the
    picture is upscaled, it would leak into the edges as a dark or coloured fringe, and so would values that stand for
    no data.  All of them are taken from visible surroundings.
    `keep_colours` leaves those of transparent pixels, for a kernel that mixes no pixels.
    The bands are read twice.  The first pass keeps the picture at 1/BAND_GRID of its size, for distant surroundings.
    """
    if (keep_colours or stream.header.alpha is None) and stream.header.valid is None:
        yield from ((band, band) for band in stream.bands())
        return
    coarsest, top = _fill(*_downsample(stream)), 0
    for band in stream.bands():
        part = coarsest[:, top // BAND_GRID : -(-(top + band.height) // BAND_GRID)]
        weighted, weight = _weigh(band)
        filled = _fill(weighted, weight, coarsest=part)
        yield replace(band, pixels=_keep_valid(filled, band, keep_colours=keep_colours)), band
        top += band.height


def _keep_valid(filled: Tensor, band: Picture, *, keep_colours: bool) -> Tensor:
    """The filled values where there is a hole; others exactly as they are, unless alpha has changed them."""
    opaque = keep_colours or band.alpha is None or band.has_mask
    return torch.where(band.valid, band.pixels, filled) if band.valid is not None and opaque else filled


def _weigh(band: Picture) -> tuple[Tensor, Tensor]:
    """The values (C, H, W) times their weight, and their weight (1 or C, H, W): alpha, and 0 without data."""
    weight = torch.ones(1, 1, 1) if band.alpha is None or band.has_mask else band.alpha
    if band.valid is None:
        return band.pixels * weight, weight
    return torch.where(band.valid, band.pixels, 0) * weight, band.valid * weight.to(band.pixels.dtype)


def _downsample(stream: ImageStream) -> tuple[Tensor, Tensor]:
    """The means of values times weight, and of the weight, over squares of BAND_GRID pixels."""
    count, top, joined = len(stream.header.pixels), 0, torch.empty(0)
    for band in stream.bands():
        layers = torch.cat(_weigh(band))
        for _ in range(_LEVELS):
            layers = _halve(layers)
        if not top:  # small tensors that stay between large ones would fragment the heap
            joined = layers.new_empty(len(layers), -(-stream.height // BAND_GRID), layers.shape[2])
        joined[:, top : top + layers.shape[1]] = layers
        top += layers.shape[1]
    return joined[:count], joined[count:]


def _fill(weighted: Tensor, weight: Tensor, *, coarsest: Tensor | None = None, level: int = 0) -> Tensor:
    """The value of each pixel by its weight, else that of larger squares around it; `coarsest` is the last if known."""
    if coarsest is not None and level == _LEVELS:
        return coarsest
    height, width = weight.shape[-2:]
    own = weighted / weight.clamp_min(torch.finfo(torch.float32).tiny)
    if coarsest is None and height == 1 and width == 1:
        return own
    coarse = _fill(_halve(weighted), _halve(weight), coarsest=coarsest, level=level + 1)
    enlarged = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    return torch.lerp(enlarged, own, (weight / _TRUSTED_ALPHA).clamp(max=1))


def _halve(layers: Tensor) -> Tensor:
    return F.avg_pool2d(layers[None], 2, ceil_mode=True)[0]
