"""How the statistics of edges differ: Kullback-Leibler divergence of luminance-gradient histograms.

Source: T. Cho, C. Zitnick, N. Joshi, S. B. Kang, R. Szeliski and W. Freeman, Image Restoration by Matching Gradient
Distributions, TPAMI 2012, which restores pictures so that their gradients are distributed as a reference's.
"""

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import PixelsT, as_float64, luma_full_range

BINS = 255
"""Of equal width over -1…1; an odd number, so that flat places fall into the middle of one."""


def gradient_divergence(reference: PixelsT, candidate: PixelsT) -> float:
    """D(reference || candidate) in nats of (3, H, W) RGB pictures with values 0…1, at least 0.  Lower is better.

    The histograms are of the differences of full-range luma between neighbours, rows and columns together; every bin
    begins at one, so that the divergence is finite.  Not symmetric.  Raises PictureError below 2 pixels a side.
    """
    if min(reference.shape[-2:]) < 2:
        raise PictureError("gradients need 2 x 2 pixels", "score larger pictures")
    p, q = (_distribution(as_float64(luma_full_range(pixels))[0]) for pixels in (reference, candidate))
    return max(0.0, float((p * np.log(p / q)).sum()))


def _distribution(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    differences = np.concatenate([np.diff(luma, axis=axis).ravel() for axis in (0, 1)])
    counts = np.histogram(differences, bins=BINS, range=(-1, 1))[0] + 1.0
    return np.asarray(counts / counts.sum())
