"""PSNR, compared with its formula and with scikit-image."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from metric_pictures import channels, noise_levels, noisy_pair, seeds
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from srgan_cli.metrics.psnr import psnr


def psnr_by_formula(reference: Tensor, candidate: Tensor) -> float:
    error = reference.numpy().astype(np.float64) - candidate.numpy().astype(np.float64)
    return float(10 * np.log10(1 / np.mean(error**2)))


@settings(max_examples=40)
@given(seeds, channels, st.integers(1, 20), st.integers(1, 20), noise_levels)
def test_psnr_equals_formula_and_scikit_image(seed: int, channels: int, height: int, width: int, noise: float) -> None:
    reference, candidate = noisy_pair(seed, (channels, height, width), noise)
    assume(not torch.equal(reference, candidate))
    assert psnr(reference, candidate) == pytest.approx(psnr_by_formula(reference, candidate), rel=1e-9)
    pair = (pixels.double().numpy() for pixels in (reference, candidate))
    assert psnr(reference, candidate) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=1), rel=0, abs=1e-13)


@pytest.mark.parametrize(("difference", "decibels"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0)])
def test_psnr_of_a_constant_difference(difference: float, decibels: float) -> None:
    assert psnr(torch.zeros(3, 4, 5), torch.full((3, 4, 5), difference)) == pytest.approx(decibels, abs=1e-5)


def test_psnr_of_equal_pictures_is_infinite_without_a_warning() -> None:
    picture = torch.rand(3, 4, 5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert psnr(picture, picture.clone()) == float("inf")
    assert not caught
