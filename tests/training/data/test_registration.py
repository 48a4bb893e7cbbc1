"""The shift between pictures, measured on known shifts."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import shift as spline_shift
from skimage.data import chelsea

from srgan_cli.image.ops import downscale
from srgan_cli.training.data.registration import Registration, register

PHOTOGRAPH: NDArray[np.float64] = chelsea()[:256, 100:356, 1] / 255


def low(pixels: NDArray[np.float64]) -> torch.Tensor:
    return downscale(torch.from_numpy(pixels)[None], 2)


def moved(down: float, right: float, noise: float = 0.0) -> Registration:
    """The registration of a picture that is moved by low-resolution pixels, darker and noisy, against itself."""
    content = spline_shift(PHOTOGRAPH, (2 * down, 2 * right), order=3, mode="nearest")
    spoilt = 0.8 * content + 0.05 + np.random.default_rng(0).normal(0, noise, content.shape)
    return register(low(spoilt), low(PHOTOGRAPH))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize(
    ("down", "right"), [(0, 0), (0.1, 0), (0.3, -0.2), (-0.5, 0.25), (2.4, 1), (-6, 6), (11.7, -3)]
)
def test_shift_is_measured_to_a_tenth_of_a_pixel(down: float, right: float, noise: float) -> None:
    found = moved(down, right, noise)
    assert (found.down, found.right) == pytest.approx((down, right), abs=0.1)
    assert not found.is_unlike
    assert found.is_shifted or not (down or right)
    assert not found.is_shifted or (down or right)


def test_another_picture_is_unlike() -> None:
    assert register(low(1 - PHOTOGRAPH), low(PHOTOGRAPH)).is_unlike
    assert register(torch.rand(1, 128, 128, generator=torch.Generator().manual_seed(0)), low(PHOTOGRAPH)).is_unlike


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 9, 30)])
def test_pictures_without_detail_and_small_ones_have_no_shift(shape: tuple[int, int, int]) -> None:
    assert register(torch.full(shape, 0.5), torch.full(shape, 0.5)) == Registration(0, 0, 1)
