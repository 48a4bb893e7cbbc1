"""The metrics against independent implementations."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics import METRICS, psnr, squeezenet_distance, ssim, vgg_distance

seeds = st.integers(0, 2**32 - 1)
channels = st.sampled_from([1, 3])
noise_levels = st.floats(1e-3, 1.0)


def noisy_pair(seed: int, shape: tuple[int, int, int], noise: float) -> tuple[Tensor, Tensor]:
    """A picture of random blocks and the same picture with noise, both clipped to 0…1."""
    random = np.random.default_rng(seed)
    reference = np.kron(random.random((shape[0], shape[1] // 4 + 1, shape[2] // 4 + 1)), np.ones((1, 4, 4)))
    reference = reference[:, : shape[1], : shape[2]]
    candidate = np.clip(reference + noise * random.standard_normal(shape), 0, 1)
    return torch.from_numpy(reference).float(), torch.from_numpy(candidate).float()


def psnr_by_formula(reference: Tensor, candidate: Tensor) -> float:
    error = reference.numpy().astype(np.float64) - candidate.numpy().astype(np.float64)
    return float(10 * np.log10(1 / np.mean(error**2)))


def ssim_by_formula(reference: Tensor, candidate: Tensor) -> float:
    """Wang et al. 2004, equation 13, with the constants and the window of section III-C, averaged where it fits."""
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
@given(seeds, channels, st.integers(1, 20), st.integers(1, 20), noise_levels)
def test_psnr_is_its_closed_formula(seed: int, channels: int, height: int, width: int, noise: float) -> None:
    reference, candidate = noisy_pair(seed, (channels, height, width), noise)
    assume(not torch.equal(reference, candidate))
    assert psnr(reference, candidate) == pytest.approx(psnr_by_formula(reference, candidate), rel=1e-9)


@pytest.mark.parametrize(("difference", "decibels"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0)])
def test_psnr_of_a_constant_difference(difference: float, decibels: float) -> None:
    assert psnr(torch.zeros(3, 4, 5), torch.full((3, 4, 5), difference)) == pytest.approx(decibels, abs=1e-5)


def test_psnr_of_equal_pictures_is_infinite_without_a_warning() -> None:
    picture = torch.rand(3, 4, 5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert psnr(picture, picture.clone()) == float("inf")
    assert not caught


@settings(max_examples=40)
@given(seeds, channels, st.integers(11, 30), st.integers(11, 30), noise_levels)
def test_ssim_is_that_of_its_authors(seed: int, channels: int, height: int, width: int, noise: float) -> None:
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


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize("metric", [m.compute for m in METRICS.values()], ids=list(METRICS))
class TestEveryMetric:
    def test_is_symmetric(self, metric: Callable[[Tensor, Tensor], float]) -> None:
        reference, candidate = noisy_pair(1, (3, 36, 33), 0.2)
        assert metric(reference, candidate) == pytest.approx(metric(candidate, reference), rel=1e-6)

    def test_leaves_the_pictures_as_they_are(self, metric: Callable[[Tensor, Tensor], float]) -> None:
        pair = noisy_pair(1, (3, 36, 33), 0.2)
        copies = [pixels.clone() for pixels in pair]
        metric(*pair)
        assert all(torch.equal(pixels, copy) for pixels, copy in zip(pair, copies, strict=True))


@pytest.mark.parametrize("metric", [squeezenet_distance, vgg_distance])
def test_feature_distances_of_a_picture_smaller_than_their_layers_are_refused(
    metric: Callable[[Tensor, Tensor], float],
) -> None:
    picture = torch.zeros(3, 31, 40)
    with pytest.raises(PictureError, match="need 32 x 32 pixels, found 40 x 31"):
        metric(picture, picture)


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize("name", METRICS)
def test_less_noise_scores_better(name: str) -> None:
    metric = METRICS[name]
    little, much = (metric.compute(*noisy_pair(1, (3, 36, 36), noise)) for noise in (0.05, 0.3))
    assert (little > much) == metric.higher_is_better
