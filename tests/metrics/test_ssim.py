"""SSIM, compared with its formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_pictures import channels, noise_levels, noisy_pair, seeds
from scipy.ndimage import correlate1d
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics.ssim import SSIM_SETTINGS, ssim


def ssim_by_formula(reference: Tensor, candidate: Tensor) -> float:
    """Wang et al. 2004, equation 13, with the constants and the window of section III-C, where the window fits."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    line /= line.sum()

    def local(values: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(values, line, axis=1), line, axis=2)[:, 5:-5, 5:-5]

    x, y = (pixels.numpy().astype(np.float64) for pixels in (reference, candidate))
    mean_x, mean_y = local(x), local(y)
    covariance = local(x * y) - mean_x * mean_y
    variances = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))))


@settings(max_examples=40)
@given(seeds, channels, st.integers(11, 30), st.integers(11, 30), noise_levels)
def test_ssim_equals_its_formula(seed: int, channels: int, height: int, width: int, noise: float) -> None:
    reference, candidate = noisy_pair(seed, (channels, height, width), noise)
    assert ssim(reference, candidate) == pytest.approx(ssim_by_formula(reference, candidate), abs=1e-9)


@pytest.mark.parametrize("size", [(10, 40), (40, 10), (0, 0)])
def test_ssim_of_a_picture_smaller_than_its_window_is_refused(size: tuple[int, int]) -> None:
    picture = torch.zeros(3, *size)
    with pytest.raises(PictureError, match=f"needs 11 x 11 pixels, found {size[1]} x {size[0]}"):
        ssim(picture, picture)


def test_ssim_of_equal_pictures_is_one() -> None:
    picture = torch.rand(3, 12, 15)
    assert ssim(picture, picture.clone()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("window", SSIM_SETTINGS)
def test_ssim_with_each_window_is_one_only_for_equal_pictures(window: str) -> None:
    reference, candidate = noisy_pair(5, (3, 20, 20), 0.1)
    assert ssim(reference, reference.clone(), window) == pytest.approx(1, abs=1e-12)
    assert ssim(reference, candidate, window) < 0.99
