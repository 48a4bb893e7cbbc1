"""NIQE, compared with its formulas."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from metric_pictures import LARGE, noisy_pair, photograph
from PIL import Image
from safetensors.torch import save_file
from scipy.optimize import brentq
from scipy.signal import convolve2d
from scipy.special import gamma
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics.niqe import NiqeModel, block_statistics, load_niqe_model, niqe
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE


def block_features_by_formula(mscn: np.ndarray) -> list[float]:
    """Mittal et al. 2013, section II, one block at a time, with shapes by root finding."""

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
def test_block_statistics_equal_their_formulas(noise: float) -> None:
    """Only the middle one of nine blocks, because Pillow's bicubic, which gives the second scale, mirrors no edge."""
    picture = photograph(300, 290)[:1] + noise * torch.randn(300, 290, generator=torch.Generator().manual_seed(0))
    window = np.exp(-(np.hypot(*np.mgrid[-3:4, -3:4]) ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    whole = picture[0, :288, :288].double().numpy() * 255
    half = np.asarray(Image.fromarray(whole.astype(np.float32)).resize((144, 144), Image.Resampling.BICUBIC))
    expected: list[float] = []
    for luma, side in ((whole, 96), (half.astype(np.float64), 48)):
        mean = convolve2d(np.pad(luma, 3, "edge"), window, "valid")
        deviation = np.sqrt(np.abs(convolve2d(np.pad(luma**2, 3, "edge"), window, "valid") - mean**2))
        expected += block_features_by_formula(((luma - mean) / (deviation + 1))[side : 2 * side, side : 2 * side])
        if side == 96:
            sharpness = deviation[96:192, 96:192].mean()
    features, found = block_statistics(picture)
    assert features.shape == (9, 36)
    assert features[4] == pytest.approx(expected, rel=2e-3, abs=2e-4)
    assert found[4] == pytest.approx(sharpness, rel=1e-9)


def test_niqe_is_the_distance_of_two_normal_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mittal et al. 2013, equation 10, with a model in the folder of metric weights."""
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


def test_model_is_fitted_to_the_sharp_blocks_of_each_picture() -> None:
    sharp, blurred = noisy_pair(8, (3, 96, 192), 0.3)[1], noisy_pair(8, (3, 96, 96), 0.02)[1]
    fit_niqe_model = runpy.run_path(str(Path(__file__).parents[2] / "examples/fit_niqe.py"))["fit_niqe_model"]
    natural, count = fit_niqe_model([torch.cat([sharp, blurred], 2), torch.zeros(3, 50, 50)])
    assert count == 2
    assert natural.mean == pytest.approx(block_statistics(torch.cat([sharp, blurred], 2))[0][:2].mean(0))


def test_shipped_model_is_complete() -> None:
    natural = load_niqe_model()
    assert natural.mean.shape == (36,)
    assert np.linalg.eigvalsh(natural.covariance).min() > 0


@pytest.mark.parametrize("picture", [torch.rand(3, 191, 100), torch.rand(1, 40, 900), torch.full((3, 192, 192), 0.5)])
def test_picture_without_two_blocks_is_refused(picture: Tensor) -> None:
    with pytest.raises(PictureError, match=r"needs two blocks of 96 x 96 pixels that are not flat, found [01] in"):
        niqe(picture)
