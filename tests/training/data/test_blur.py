"""Estimating blur from spectra."""

import numpy as np
import pytest
import torch
from torch import Tensor

from srgan_cli.training.data.blur import blur_between
from srgan_cli.training.data.degradations import convolve, gaussian


def patches(seed: int, deviation: float = 0.0) -> Tensor:
    """Of drawn scenes: (N, 3, 16, 16)."""
    random = np.random.default_rng(seed)
    cut = []
    for _ in range(200):
        pixels = torch.zeros(3, 40, 40)
        for _ in range(12):
            top, left = random.integers(0, 36, 2)
            pixels[:, top : top + random.integers(3, 20), left : left + random.integers(3, 20)] = float(random.random())
        cut.append((convolve(pixels, gaussian(deviation)) if deviation else pixels)[:, 12:28, 12:28])
    return torch.stack(cut)


@pytest.mark.parametrize("deviation", [0.5, 1.0])
def test_the_deviation_of_a_blur_is_estimated_on_other_scenes(deviation: float) -> None:
    assert blur_between(patches(0), patches(1, deviation)) == pytest.approx(deviation, rel=0.2)


def test_sharper_pictures_have_no_blur() -> None:
    sharp = patches(0)
    assert blur_between(sharp, sharp) == 0
    assert blur_between(patches(0, 0.8), sharp) == 0
    noisy = sharp + 0.1 * torch.randn(sharp.shape, generator=torch.Generator().manual_seed(0))
    assert blur_between(sharp, noisy) == 0


def test_uniform_pictures_give_no_blur() -> None:
    plain = torch.full((4, 3, 8, 8), 0.5)
    assert blur_between(plain, plain) == 0
