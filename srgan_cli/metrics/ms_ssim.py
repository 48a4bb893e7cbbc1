"""Multi-scale structural similarity (MS-SSIM).

Source: Z. Wang, E. Simoncelli and A. Bovik, Multi-Scale Structural Similarity for Image Quality Assessment, Asilomar
2003.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.image.luma import check_min_side

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
MIN_SIDE = WINDOW * 2 ** (len(WEIGHTS) - 1)  # the window must fit into the smallest scale


@torch.no_grad()
def ms_ssim(reference: Tensor, candidate: Tensor) -> float:
    """MS-SSIM of (C, H, W) pictures with values 0…1, 0…1; the mean over channels. Higher is better.

    The window is that of SSIM, an 11 x 11 Gaussian with sigma 1.5, at the positions where it fits. Each scale is
    averaged over 2 x 2 pixels to make the next. Contrast and structure are taken at all scales, luminance at the last;
    negative means count as 0. Raises PictureError for sides below 176 pixels.
    """
    check_min_side(reference, MIN_SIDE, "MS-SSIM needs")
    x, y = reference.double()[:, None], candidate.double()[:, None]
    product = torch.ones(len(x), dtype=torch.float64)
    for number, weight in enumerate(WEIGHTS, 1):
        luminance, structure = _similarity_maps(x, y)
        last = number == len(WEIGHTS)
        product *= (luminance * structure if last else structure).mean((1, 2, 3)).clamp(min=0) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return float(product.mean())


def _similarity_maps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The maps of luminance, and of contrast times structure."""
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    covariance = _local_mean(x * y) - mean_x * mean_y
    variances = _local_mean(x * x) - mean_x**2 + _local_mean(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _local_mean(pixels: Tensor) -> Tensor:
    line = torch.exp(-((torch.arange(WINDOW, dtype=pixels.dtype) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    line = line / line.sum()
    return F.conv2d(F.conv2d(pixels, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
