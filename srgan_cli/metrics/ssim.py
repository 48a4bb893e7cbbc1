"""Structural similarity (SSIM), by scikit-image.

Source: Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, Image Quality Assessment: From Error Visibility to
Structural Similarity, IEEE TIP 2004.
"""

from dataclasses import dataclass

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import ArrayOrTensor, as_float64


@dataclass(frozen=True)
class SsimSettings:
    """The window of SSIM."""

    side: int
    """Side of the window in pixels."""
    gaussian: bool
    """Whether the window is a Gaussian with sigma 1.5, otherwise uniform."""
    sample: bool
    """Whether covariances are those of a sample (divided by N - 1), otherwise of the population."""
    label: str


SSIM_SETTINGS = {
    "gaussian": SsimSettings(11, True, False, "Gaussian window 11 x 11 sigma 1.5"),
    "uniform": SsimSettings(7, False, True, "uniform window 7 x 7 and sample covariance"),
}
"""`gaussian` is the window of the authors' MATLAB program, `uniform` the default of scikit-image."""


def ssim(reference: ArrayOrTensor, candidate: ArrayOrTensor, window: str = "gaussian") -> float:
    """SSIM of (C, H, W) pictures with values 0…1, at most 1; the mean over channels. Higher is better.

    Only positions where the window fits count. `window` is a key of SSIM_SETTINGS. Raises PictureError for pictures
    smaller than the window.
    """
    settings = SSIM_SETTINGS[window]
    if min(reference.shape[-2:]) < settings.side:
        raise PictureError(
            f"SSIM needs {settings.side} x {settings.side} pixels, found {reference.shape[-1]} x {reference.shape[-2]}",
            "score larger pictures, or use a smaller --scale",
        )
    from skimage.metrics import structural_similarity  # takes a third of a second, so only when needed

    return float(
        structural_similarity(
            as_float64(reference),
            as_float64(candidate),
            data_range=1,
            channel_axis=0,
            win_size=settings.side,
            gaussian_weights=settings.gaussian,
            sigma=1.5,
            use_sample_covariance=settings.sample,
        )
    )
