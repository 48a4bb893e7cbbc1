"""Gradient divergence, compared with scipy."""

import numpy as np
import pytest
import torch
from metric_pictures import noisy_pair
from scipy.stats import entropy

from srgan_cli.metrics.gradients import gradient_divergence


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_gradient_divergence_equals_that_of_scipy(noise: float) -> None:
    pair = noisy_pair(4, (3, 40, 50), noise)
    counts = []
    for pixels in pair:
        red, green, blue = pixels.double().numpy()
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        differences = np.concatenate([(luma[1:] - luma[:-1]).ravel(), (luma[:, 1:] - luma[:, :-1]).ravel()])
        index = np.clip(np.floor((differences + 1) / 2 * 255), 0, 254).astype(int)
        counts.append(np.bincount(index, minlength=255) + 1)
    assert gradient_divergence(*pair) == pytest.approx(entropy(*counts), rel=1e-3)


def test_gradient_divergence_of_equal_pictures_is_0() -> None:
    picture = torch.rand(3, 12, 15)
    assert gradient_divergence(picture, picture.clone()) == 0
