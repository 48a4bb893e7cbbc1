"""Structural similarity.

Source: Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, Image Quality Assessment: From Error Visibility to
Structural Similarity, IEEE TIP 2004.
"""

from skimage.metrics import structural_similarity
from torch import Tensor

from srgan_cli.errors import PictureError

SMALLEST_SIDE = 11
"""The window's side in pixels."""


def ssim(reference: Tensor, candidate: Tensor) -> float:
    """SSIM of (C, H, W) pictures with values 0…1, at most 1; the mean over channels.  Higher is better.

    The authors' settings, as in their MATLAB program: a Gaussian window of 11 x 11 with sigma 1.5, population
    statistics, and only places where the window fits.  Raises PictureError below 11 pixels a side.
    """
    if min(reference.shape[-2:]) < SMALLEST_SIDE:
        raise PictureError(
            f"SSIM needs {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, found {reference.shape[-1]} x {reference.shape[-2]}",
            "score larger pictures, or a smaller --scale",
        )
    return float(
        structural_similarity(
            reference.double().numpy(),
            candidate.double().numpy(),
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
