"""The metrics against independent implementations."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from scipy.ndimage import correlate1d
from scipy.optimize import brentq
from scipy.signal import convolve2d
from scipy.special import gamma
from scipy.stats import entropy
from skimage.data import chelsea
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics import METRICS
from srgan_cli.metrics.consistency import consistency
from srgan_cli.metrics.gradients import gradient_divergence
from srgan_cli.metrics.ms_ssim import ms_ssim
from srgan_cli.metrics.niqe import NiqeModel, block_statistics, fit_niqe_model, load_niqe_model, niqe
from srgan_cli.metrics.perceptual.feature_distance import squeezenet_distance, vgg_distance
from srgan_cli.metrics.psnr import psnr
from srgan_cli.metrics.ssim import SSIM_SETTINGS, ssim
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE

seeds = st.integers(0, 2**32 - 1)
channels = st.sampled_from([1, 3])
noise_levels = st.floats(1e-3, 1.0)
LARGE = (3, 200, 196)
"""What every metric can bear."""


def noisy_pair(seed: int, shape: tuple[int, int, int], noise: float) -> tuple[Tensor, Tensor]:
    """A picture of random blocks and the same picture with noise, both clipped to 0…1."""
    random = np.random.default_rng(seed)
    reference = np.kron(random.random((shape[0], shape[1] // 4 + 1, shape[2] // 4 + 1)), np.ones((1, 4, 4)))
    reference = reference[:, : shape[1], : shape[2]]
    candidate = np.clip(reference + noise * random.standard_normal(shape), 0, 1)
    return torch.from_numpy(reference).float(), torch.from_numpy(candidate).float()


def photograph(height: int, width: int) -> Tensor:
    """A part of a cat's portrait, in colour."""
    return torch.from_numpy(chelsea()[:height, 80 : 80 + width] / np.float32(255)).permute(2, 0, 1).contiguous()


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


ASYMMETRIC = ("gradients", "niqe")


@pytest.mark.usefixtures("random_backbones", "random_heads")
@pytest.mark.parametrize("name", METRICS)
class TestEveryMetric:
    def test_is_symmetric_where_it_is_said_to_be(self, name: str) -> None:
        metric = METRICS[name].compute
        reference, candidate = noisy_pair(1, LARGE, 0.2)
        same = metric(reference, candidate) == pytest.approx(metric(candidate, reference), rel=1e-5)
        assert same == (name not in ASYMMETRIC)

    def test_leaves_the_pictures_as_they_are(self, name: str) -> None:
        metric = METRICS[name].compute
        pair = noisy_pair(1, LARGE, 0.2)
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


@pytest.mark.usefixtures("random_backbones", "random_heads")
@pytest.mark.parametrize("name", METRICS)
def test_less_noise_scores_better(name: str) -> None:
    metric, picture = METRICS[name], photograph(*LARGE[1:])
    noise = torch.randn(LARGE, generator=torch.Generator().manual_seed(0))
    little, much = (metric.compute(picture, (picture + share * noise).clamp(0, 1)) for share in (0.05, 0.3))
    assert (little > much) == metric.higher_is_better


def ms_ssim_by_formula(reference: Tensor, candidate: Tensor) -> float:
    """Wang, Simoncelli and Bovik 2003, equation 7, a channel at a time, in numpy."""
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
def test_ms_ssim_is_its_formula(seed: int, channels: int, height: int, width: int, noise: float) -> None:
    reference, candidate = noisy_pair(seed, (channels, height, width), noise)
    assert ms_ssim(reference, candidate) == pytest.approx(ms_ssim_by_formula(reference, candidate), abs=1e-9)


def test_ms_ssim_is_that_of_torchmetrics() -> None:
    image = pytest.importorskip("torchmetrics.functional.image", exc_type=(ImportError, RuntimeError))
    reference, candidate = noisy_pair(3, LARGE, 0.1)
    other = image.multiscale_structural_similarity_index_measure(
        candidate[None].double(), reference[None].double(), data_range=1.0, normalize="relu"
    )
    # torchmetrics averages over channels before it takes powers
    assert ms_ssim(reference, candidate) == pytest.approx(float(other), abs=2e-4)


def test_ms_ssim_of_a_picture_smaller_than_its_scales_is_refused() -> None:
    picture = torch.zeros(3, 175, 400)
    with pytest.raises(PictureError, match="needs 176 x 176 pixels, found 400 x 175"):
        ms_ssim(picture, picture)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_consistency_is_psnr_of_pillows_small_pictures(scale: int) -> None:
    """Pillow's bicubic is the same kernel; at the edge, where it takes no mirror, the pictures are flat."""
    pair = noisy_pair(2, (3, 60, 72), 0.05)
    small = []
    for pixels in pair:
        for side in (slice(0, 14), slice(-14, None)):
            pixels[:, side], pixels[:, :, side] = 0.5, 0.5
        layers = [Image.fromarray(layer.numpy()) for layer in pixels]
        shrunk = [layer.resize((72 // scale, 60 // scale), Image.Resampling.BICUBIC) for layer in layers]
        values = np.stack([np.asarray(layer, dtype=np.float64) for layer in shrunk])
        small.append(np.round(values.clip(0, 1) * 255) / 255)
    expected = 10 * np.log10(1 / np.mean((small[0] - small[1]) ** 2))
    assert consistency(*pair, scale=scale) == pytest.approx(expected, abs=0.02)


def test_consistency_looks_past_what_does_not_fit_the_scale() -> None:
    picture = torch.rand(3, 18, 17, generator=torch.Generator().manual_seed(0))
    other = picture.clone()
    other[:, 16:] = 0
    other[:, :, 16:] = 0
    assert consistency(picture, other) == float("inf")
    with pytest.raises(PictureError, match="consistency at x4 needs 4 x 4 pixels, found 3 x 5"):
        consistency(torch.zeros(3, 5, 3), torch.zeros(3, 5, 3))


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_gradient_divergence_is_that_of_scipy(noise: float) -> None:
    pair = noisy_pair(4, (3, 40, 50), noise)
    counts = []
    for pixels in pair:
        red, green, blue = pixels.double().numpy()
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        differences = np.concatenate([(luma[1:] - luma[:-1]).ravel(), (luma[:, 1:] - luma[:, :-1]).ravel()])
        index = np.clip(np.floor((differences + 1) / 2 * 255), 0, 254).astype(int)
        counts.append(np.bincount(index, minlength=255) + 1)
    assert gradient_divergence(*pair) == pytest.approx(entropy(*counts), rel=1e-3)


def test_gradient_divergence_of_equal_pictures_is_none() -> None:
    picture = torch.rand(3, 12, 15)
    assert gradient_divergence(picture, picture.clone()) == 0


@pytest.mark.parametrize("window", SSIM_SETTINGS)
def test_ssim_by_each_window_is_one_for_equal_pictures_only(window: str) -> None:
    reference, candidate = noisy_pair(5, (3, 20, 20), 0.1)
    assert ssim(reference, reference.clone(), window) == pytest.approx(1, abs=1e-12)
    assert ssim(reference, candidate, window) < 0.99


def natural_block_by_formula(mscn: np.ndarray) -> list[float]:
    """Mittal et al. 2013, section II, a block at a time; shapes by root finding."""

    def fit(values: np.ndarray) -> tuple[float, float, float]:
        left, right = (np.sqrt(np.mean(values[side] ** 2)) for side in (values < 0, values > 0))
        skew = left / right
        ratio = np.mean(np.abs(values)) ** 2 / np.mean(values**2) * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
        shape = brentq(lambda s: gamma(2 / s) ** 2 / (gamma(1 / s) * gamma(3 / s)) - ratio, 0.2, 10)
        width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
        return shape, left * width, right * width

    shape, left, right = fit(mscn)
    features = [shape, (left + right) / 2]
    rows, columns = np.indices(mscn.shape)
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbour = mscn[(rows - down) % len(mscn), (columns - across) % len(mscn)]
        shape, left, right = fit(mscn * neighbour)
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return features


@pytest.mark.parametrize("noise", [0, 0.2])
def test_natural_statistics_are_their_formulas(noise: float) -> None:
    """The middle one of nine blocks, so that Pillow's bicubic, which mirrors no edge, gives the second scale."""
    picture = photograph(300, 290)[:1] + noise * torch.randn(300, 290, generator=torch.Generator().manual_seed(0))
    window = np.exp(-(np.hypot(*np.mgrid[-3:4, -3:4]) ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    whole = picture[0, :288, :288].double().numpy() * 255
    half = np.asarray(Image.fromarray(whole.astype(np.float32)).resize((144, 144), Image.Resampling.BICUBIC))
    expected: list[float] = []
    for luma, side in ((whole, 96), (half.astype(np.float64), 48)):
        mean = convolve2d(np.pad(luma, 3, "edge"), window, "valid")
        deviation = np.sqrt(np.abs(convolve2d(np.pad(luma**2, 3, "edge"), window, "valid") - mean**2))
        expected += natural_block_by_formula(((luma - mean) / (deviation + 1))[side : 2 * side, side : 2 * side])
        if side == 96:
            sharpness = deviation[96:192, 96:192].mean()
    features, found = block_statistics(picture)
    assert features.shape == (9, 36)
    assert features[4] == pytest.approx(expected, rel=2e-3, abs=2e-4)
    assert found[4] == pytest.approx(sharpness, rel=1e-9)


def test_niqe_is_the_distance_of_two_normal_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mittal et al. 2013, equation 10, with a model of one's own in the folder of weights."""
    random = np.random.default_rng(0)
    root = random.normal(size=(36, 36))
    natural = NiqeModel(random.normal(size=36), root @ root.T)
    save_file({key: torch.from_numpy(value) for key, value in natural._asdict().items()}, tmp_path / "niqe.safetensors")
    monkeypatch.setenv(METRIC_WEIGHTS_VARIABLE, str(tmp_path))
    picture = noisy_pair(7, LARGE, 0.1)[1]
    features, _ = block_statistics(picture)
    difference = natural.mean - features.mean(0)
    spread = (natural.covariance + np.cov(features.T)) / 2
    assert niqe(picture) == pytest.approx(np.sqrt(difference @ np.linalg.solve(spread, difference)), rel=1e-6)


def test_natural_blocks_are_the_sharp_ones_of_their_picture() -> None:
    sharp, blurred = noisy_pair(8, (3, 96, 192), 0.3)[1], noisy_pair(8, (3, 96, 96), 0.02)[1]
    natural, count = fit_niqe_model([torch.cat([sharp, blurred], 2), torch.zeros(3, 50, 50)])
    assert count == 2
    assert natural.mean == pytest.approx(block_statistics(torch.cat([sharp, blurred], 2))[0][:2].mean(0))


def test_the_natural_model_that_comes_along_is_whole() -> None:
    natural = load_niqe_model()
    assert natural.mean.shape == (36,)
    assert np.linalg.eigvalsh(natural.covariance).min() > 0


@pytest.mark.parametrize("picture", [torch.rand(3, 191, 100), torch.rand(1, 40, 900), torch.full((3, 192, 192), 0.5)])
def test_niqe_refuses_what_has_no_two_blocks(picture: Tensor) -> None:
    with pytest.raises(PictureError, match=r"needs two blocks of 96 x 96 pixels that are not flat, found [01] in"):
        niqe(picture)
