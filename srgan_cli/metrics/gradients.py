"""Gradient divergence: the Kullback-Leibler divergence of histograms of luma gradients.

Source: T. Cho, C. Zitnick, N. Joshi, S. B. Kang, R. Szeliski and W. Freeman, Image Restoration by Matching Gradient
Distributions, TPAMI 2012, which restores pictures so that their gradients have the distribution of a reference.
"""

import numpy as np
from numpy.typing import NDArray

from srgan_cli.image.luma import PixelsT, as_float64, check_min_side, luma_full_range

BINS = 255
"""Bins of equal width over -1…1. The number is odd, so that a difference of 0 is in the middle of a bin."""


def gradient_divergence(reference: PixelsT, candidate: PixelsT) -> float:
    """D(reference || candidate) in nats of (3, H, W) RGB pictures with values 0…1, at least 0. Lower is better.

    The histograms count the differences of full-range luma between horizontal and vertical neighbours. Every bin starts
    at 1, so that the divergence is finite. It is not symmetric. Raises PictureError for sides below 2 pixels.
    """
    check_min_side(reference, 2, "gradients need")
    p, q = (_histogram(as_float64(luma_full_range(pixels))[0]) for pixels in (reference, candidate))
    return max(0.0, float((p * np.log(p / q)).sum()))


def _histogram(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    differences = np.concatenate([np.diff(luma, axis=axis).ravel() for axis in (0, 1)])
    counts = np.histogram(differences, bins=BINS, range=(-1, 1))[0] + 1.0
    return np.asarray(counts / counts.sum())
