"""Structural similarity.

Source: Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, Image Quality Assessment: From Error Visibility to
Structural Similarity, IEEE TIP 2004.
"""

from dataclasses import dataclass

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import ArrayOrTensor, as_float64


@dataclass(frozen=True)
class SsimSettings:
    """The window's side in pixels, whether it is a Gaussian, and whether variances are those of a sample."""

    side: int
    gaussian: bool
    sample: bool
    label: str


SSIM_SETTINGS = {
    "gaussian": SsimSettings(11, True, False, "Gaussian window 11 x 11 sigma 1.5"),
    "uniform": SsimSettings(7, False, True, "uniform window 7 x 7 and sample covariance"),
}
"""gaussian: the authors', as in their MATLAB program.  uniform: what scikit-image does unless told."""


def ssim(reference: ArrayOrTensor, candidate: ArrayOrTensor, window: str = "gaussian") -> float:
    """SSIM of (C, H, W) pictures with values 0…1, at most 1; the mean over channels.  Higher is better.

    Only places where the window fits count.  `window` is one of SSIM_SETTINGS.  Raises PictureError for pictures
    smaller than the window.
    """
    settings = SSIM_SETTINGS[window]
    if min(reference.shape[-2:]) < settings.side:
        raise PictureError(
            f"SSIM needs {settings.side} x {settings.side} pixels, found {reference.shape[-1]} x {reference.shape[-2]}",
            "score larger pictures, or a smaller --scale",
        )
    from skimage.metrics import structural_similarity  # a third of a second, which only those who ask for it take

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
