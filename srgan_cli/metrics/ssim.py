"""Structural similarity (SSIM), by scikit-image.

Source: Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, Image Quality Assessment: From Error Visibility to
Structural Similarity, IEEE TIP 2004.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import ArrayOrTensor, Mask, as_float64, check_min_side, crop_border

SSIM_SETTINGS: dict[str, dict[str, Any]] = {
    "gaussian": {"win_size": 11, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    "uniform": {"win_size": 7, "gaussian_weights": False, "use_sample_covariance": True},
}
"""Arguments of scikit-image: `gaussian` is the window of the authors' MATLAB program, `uniform` its own default."""
SSIM_LABELS = {"gaussian": "Gaussian window 11 x 11 sigma 1.5", "uniform": "uniform window 7 x 7 and sample covariance"}
"""The windows in words."""


def ssim(
    reference: ArrayOrTensor, candidate: ArrayOrTensor, window: str = "gaussian", *, valid: Mask | None = None
) -> float:
    """SSIM of (C, H, W) pictures with values 0…1, at most 1; the mean over channels. Higher is better.

    Only positions where the window fits count, and of those, with `valid` (1, H, W), where the window has no other
    pixels. `window` is a key of SSIM_SETTINGS. Raises PictureError for pictures smaller than the window, and if no
    window is valid.
    """
    settings = SSIM_SETTINGS[window]
    side = settings["win_size"]
    check_min_side(reference, side, "SSIM needs", "score larger pictures, or use a smaller --scale")
    from skimage.metrics import structural_similarity  # takes a third of a second, so only when needed

    x, y = as_float64(reference), as_float64(candidate)
    mean, positions = structural_similarity(x, y, data_range=1, channel_axis=0, full=True, **settings)
    return float(mean) if valid is None else _mean_of_valid(positions, valid, side)


def _mean_of_valid(positions: NDArray[np.float64], valid: Mask, side: int) -> float:
    """The mean over the positions (C, H, W) whose window of this side has valid pixels only."""
    from skimage.util import view_as_windows

    inner = crop_border(positions, side // 2)
    counted = view_as_windows(valid[0], (side, side)).all((2, 3))
    if not counted.any():
        raise PictureError(f"SSIM needs {side} x {side} pixels without gaps", "use --metric psnr or rmse")
    return float(inner[:, counted].mean())
