"""YUV samples to RGB and back.  Sources: ITU-R BT.601-7, BT.709-6, BT.2020-2; chroma siting as in MPEG-2 and JPEG."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["rgb", "grey", "yuv"]
HIGH_DEFINITION = (720, 1280)
"""Height and width from which on a video without a stated matrix is treated as BT.709, by players too."""
BT601_WEIGHTS = (0.299, 0.114)  # the weights of red and blue in luma


@dataclass(frozen=True)
class PlaneLayout:
    """How the planes of a frame stand for colours."""

    kind: Kind
    """RGB in three planes of one size, luma alone, or luma and chroma."""
    depth: int
    """Bits a sample."""
    subsampled: tuple[bool, bool] = (False, False)
    """Whether chroma has half the rows, and half the columns."""
    cosited: tuple[bool, bool] = (False, True)
    """Whether chroma samples lie on luma samples, vertically and horizontally, or halfway between two."""
    full_range: bool = False
    """Whether luma uses all levels."""
    luma_weights: tuple[float, float] = BT601_WEIGHTS
    """The weights of red and blue in luma."""

    @property
    def is_grey(self) -> bool:
        """Whether there is only luma."""
        return self.kind == "grey"


def to_rgb(planes: list[Tensor], layout: PlaneLayout) -> Tensor:
    """(3, H, W) RGB or (1, H, W) grey, clipped to 0…1, of planes (1, h, w) of integers."""
    black, luma_range, chroma_range = _levels(layout)
    luma = (planes[0] - black) / luma_range
    if layout.is_grey:
        return luma.clamp(0, 1)
    upsampled = (_upsample_chroma(plane, layout)[:, : luma.shape[1], : luma.shape[2]] for plane in planes[1:])
    cb, cr = ((plane - 2.0 ** (layout.depth - 1)) / chroma_range for plane in upsampled)
    kr, kb = layout.luma_weights
    r, b = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    return torch.cat([r, (luma - kr * r - kb * b) / (1 - kr - kb), b]).clamp(0, 1)


def from_rgb(pixels: Tensor, layout: PlaneLayout) -> list[Tensor]:
    """The planes (1, h, w) of integers, as floats, of (3, H, W) RGB or (1, H, W) grey."""
    black, luma_range, chroma_range = _levels(layout)
    top = 2**layout.depth - 1
    if layout.is_grey:
        return [(pixels * luma_range + black).round().clamp(0, top)]
    r, g, b = (plane[None] for plane in pixels.expand(3, -1, -1))
    kr, kb = layout.luma_weights
    luma = kr * r + (1 - kr - kb) * g + kb * b
    differences = ((b - luma) / (2 * (1 - kb)), (r - luma) / (2 * (1 - kr)))
    chroma = [_downsample_chroma(plane, layout) * chroma_range + 2.0 ** (layout.depth - 1) for plane in differences]
    return [plane.round().clamp(0, top) for plane in (luma * luma_range + black, *chroma)]


def _levels(layout: PlaneLayout) -> tuple[float, float, float]:
    """The level of black, the range from it to white, and the range of chroma."""
    if layout.full_range:
        return 0, 2**layout.depth - 1, 2**layout.depth - 1
    unit = 2.0 ** (layout.depth - 8)
    return 16 * unit, 219 * unit, 224 * unit


def _upsample_chroma(plane: Tensor, layout: PlaneLayout) -> Tensor:
    """Chroma at every luma sample, by linear interpolation."""
    for dim, halved, cosited in zip((1, 2), layout.subsampled, layout.cosited, strict=True):
        if halved:
            before, after = _neighbour(plane, dim, -1), _neighbour(plane, dim, 1)
            centred = ((before + 3 * plane) / 4, (3 * plane + after) / 4)
            alternating = (plane, (plane + after) / 2) if cosited else centred
            plane = torch.stack(alternating, dim + 1).flatten(dim, dim + 1)
    return plane


def _downsample_chroma(plane: Tensor, layout: PlaneLayout) -> Tensor:
    """The chroma that is stored, from chroma at every luma sample."""
    for dim, halved, cosited in zip((1, 2), layout.subsampled, layout.cosited, strict=True):
        if halved:
            before, after = _neighbour(plane, dim, -1), _neighbour(plane, dim, 1)
            mean = (before + 2 * plane + after) / 4 if cosited else (plane + after) / 2
            plane = mean.index_select(dim, torch.arange(0, plane.shape[dim], 2))
    return plane


def _neighbour(plane: Tensor, dim: int, by: int) -> Tensor:
    """The neighbour before (-1) or after (1) each sample; at the edge, the sample itself."""
    length = plane.shape[dim]
    return plane.index_select(dim, (torch.arange(length) + by).clamp(0, length - 1))
