"""Structural similarity at five scales.

Source: Z. Wang, E. Simoncelli and A. Bovik, Multi-Scale Structural Similarity for Image Quality Assessment, Asilomar
2003.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.errors import PictureError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SIDE, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
MIN_SIDE = SIDE * 2 ** (len(WEIGHTS) - 1)
"""The window must fit the smallest scale."""


@torch.no_grad()
def ms_ssim(reference: Tensor, candidate: Tensor) -> float:
    """MS-SSIM of (C, H, W) pictures with values 0…1, 0…1; the mean over channels.  Higher is better.

    SSIM's Gaussian window of 11 x 11 with sigma 1.5 where it fits; between the scales a mean over 2 x 2 pixels.
    Contrast and structure count at all scales, luminance at the last; what is negative counts as none.
    Raises PictureError below 176 pixels a side.
    """
    if min(reference.shape[-2:]) < MIN_SIDE:
        raise PictureError(
            f"MS-SSIM needs {MIN_SIDE} x {MIN_SIDE} pixels, found {reference.shape[-1]} x {reference.shape[-2]}",
            "score larger pictures",
        )
    x, y = reference.double()[:, None], candidate.double()[:, None]
    product = torch.ones(len(x), dtype=torch.float64)
    for number, weight in enumerate(WEIGHTS, 1):
        luminance, structure = _similarity_maps(x, y)
        last = number == len(WEIGHTS)
        product *= (luminance * structure if last else structure).mean((1, 2, 3)).clamp(min=0) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return float(product.mean())


def _similarity_maps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The maps of luminance and of contrast and structure."""
    mean_x, mean_y = _local(x), _local(y)
    covariance = _local(x * y) - mean_x * mean_y
    variances = _local(x * x) - mean_x**2 + _local(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _local(pixels: Tensor) -> Tensor:
    line = torch.exp(-((torch.arange(SIDE, dtype=pixels.dtype) - SIDE // 2) ** 2) / (2 * SIGMA**2))
    line = line / line.sum()
    return F.conv2d(F.conv2d(pixels, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
