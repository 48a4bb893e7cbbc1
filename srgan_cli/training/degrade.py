"""What befalls pictures on their way: slight blur, slight noise, JPEG compression.

After the degradations of X. Wang et al., Real-ESRGAN, ICCVW 2021 (arXiv:2107.10833), far milder: the network shall
learn to leave such traces alone or to clean them up, not to repaint the picture.
"""

from io import BytesIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

LARGEST_BLUR = 0.8
"""Standard deviation of the Gaussian kernel in low-resolution pixels."""
LARGEST_NOISE = 4.0
"""Standard deviation in levels of 255."""
QUALITIES = (60, 100)
JPEG_BLOCK = 8
SUBSAMPLINGS = ("4:4:4", "4:2:0")


def degrade(pixels: Tensor, random: torch.Generator) -> Tensor:
    """The uint8 picture (3, H, W) after blur and noise, each with a chance of a half, and JPEG with three quarters."""
    spoilt = pixels.float()
    if _chance(0.5, random):
        spoilt = blur(spoilt, _between(0.1, LARGEST_BLUR, random))
    if _chance(0.5, random):
        grain = torch.randn(spoilt.shape, generator=random)
        spoilt = spoilt + _between(0, LARGEST_NOISE, random) * grain
    spoilt = spoilt.clamp(0, 255).round().to(torch.uint8)
    if _chance(0.75, random):
        spoilt = jpeg(spoilt, round(_between(*QUALITIES, random)), SUBSAMPLINGS[_chance(0.5, random)])
    return spoilt


def blur(pixels: Tensor, deviation: float) -> Tensor:
    """A picture (3, H, W) under a Gaussian kernel of this standard deviation in pixels; the edge is repeated."""
    radius = max(1, round(3 * deviation))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / deviation) ** 2)
    square = torch.outer(line, line) / line.sum() ** 2
    padded = F.pad(pixels[:, None], [radius] * 4, mode="replicate")
    return F.conv2d(padded, square[None, None])[:, 0]


def jpeg(pixels: Tensor, quality: int, subsampling: str) -> Tensor:
    """The uint8 picture (3, H, W) after JPEG compression at this quality (0…100) and chroma subsampling."""
    file = BytesIO()
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def _chance(share: float, random: torch.Generator) -> bool:
    return float(torch.rand((), generator=random)) < share


def _between(low: float, high: float, random: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=random))
