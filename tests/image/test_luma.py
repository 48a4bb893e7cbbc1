"""Luma, cropping and PSNR of pixels."""

import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from torch import Tensor

from srgan_cli.image.luma import crop_border, luma, mse_to_psnr


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("value", "expected"), [(0.0, 16 / 255), (1.0, 235 / 255)])
@pytest.mark.parametrize("channels", [1, 3])
def test_luma_of_black_and_white_has_limited_range(channels: int, value: float, expected: float) -> None:
    assert luma(torch.full((channels, 2, 3), value)).numpy() == pytest.approx(np.full((1, 2, 3), expected), abs=1e-6)


def test_luma_agrees_with_scikit_image() -> None:
    pixels = noise(3, 5, 7)
    expected = rgb2ycbcr(pixels.double().permute(1, 2, 0).numpy())[..., 0] / 255
    assert luma(pixels)[0].numpy() == pytest.approx(expected, abs=1e-6)


def test_luma_of_grey_is_that_of_equal_colours() -> None:
    grey = noise(1, 4, 6)
    assert luma(grey).numpy() == pytest.approx(luma(grey.expand(3, -1, -1)).numpy(), abs=1e-6)


def test_luma_of_a_batch_is_that_of_each_picture() -> None:
    batch = noise(2, 3, 4, 5)
    assert torch.allclose(luma(batch), torch.stack([luma(pixels) for pixels in batch]))


@pytest.mark.parametrize("border", [0, 1, 2])
def test_crop_border_cuts_every_side(border: int) -> None:
    pixels = noise(3, 6, 8)
    cropped = crop_border(pixels, border)
    assert cropped.shape == (3, 6 - 2 * border, 8 - 2 * border)
    assert torch.equal(cropped[:, 0, 0], pixels[:, border, border])
    assert torch.equal(cropped[:, -1, -1], pixels[:, 5 - border, 7 - border])


def test_psnr_of_a_mean_squared_error() -> None:
    assert mse_to_psnr(0.01) == pytest.approx(20)
    assert mse_to_psnr(0) == math.inf
