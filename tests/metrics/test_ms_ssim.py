"""MS-SSIM, compared with its formula and with torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_pictures import LARGE, channels, noise_levels, noisy_pair, seeds
from scipy.ndimage import correlate1d
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics.ms_ssim import ms_ssim


def ms_ssim_by_formula(reference: Tensor, candidate: Tensor) -> float:
    """Wang, Simoncelli and Bovik 2003, equation 7, one channel at a time, in numpy."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    line /= line.sum()

    def local(values: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(values, line, axis=0), line, axis=1)[5:-5, 5:-5]

    def one(x: np.ndarray, y: np.ndarray) -> float:
        product = 1.0
        for level, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            mean_x, mean_y = local(x), local(y)
            structure = (2 * (local(x * y) - mean_x * mean_y) + 0.03**2) / (
                local(x * x) - mean_x**2 + local(y * y) - mean_y**2 + 0.03**2
            )
            luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
            value = (luminance * structure).mean() if level == 4 else structure.mean()
            product *= max(0.0, value) ** weight
            height, width = (side // 2 * 2 for side in x.shape)
            x, y = (v[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for v in (x, y))
        return product

    pairs = zip(reference.double().numpy(), candidate.double().numpy(), strict=True)
    return float(np.mean([one(x, y) for x, y in pairs]))


@settings(max_examples=10)
@given(seeds, channels, st.integers(176, 200), st.integers(176, 200), noise_levels)
def test_ms_ssim_equals_its_formula(seed: int, channels: int, height: int, width: int, noise: float) -> None:
    reference, candidate = noisy_pair(seed, (channels, height, width), noise)
    assert ms_ssim(reference, candidate) == pytest.approx(ms_ssim_by_formula(reference, candidate), abs=1e-9)


def test_ms_ssim_equals_that_of_torchmetrics() -> None:
    image = pytest.importorskip("torchmetrics.functional.image", exc_type=(ImportError, RuntimeError))
    reference, candidate = noisy_pair(3, LARGE, 0.1)
    other = image.multiscale_structural_similarity_index_measure(
        candidate[None].double(), reference[None].double(), data_range=1.0, normalize="relu"
    )
    # torchmetrics averages over channels before it applies the exponents
    assert ms_ssim(reference, candidate) == pytest.approx(float(other), abs=2e-4)


def test_ms_ssim_of_a_picture_smaller_than_its_scales_is_refused() -> None:
    picture = torch.zeros(3, 175, 400)
    with pytest.raises(PictureError, match="needs 176 x 176 pixels, found 400 x 175"):
        ms_ssim(picture, picture)
