"""RMSE, SAM and ERGAS, compared with their formulas and with torchmetrics."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from srgan_cli.errors import PictureError
from srgan_cli.metrics.spectral import ergas, rmse, sam


def scenes(bands: int = 5, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reflectances of a scene, 0 to 3000, and the same with an error."""
    random = np.random.default_rng(seed)
    reference = random.uniform(100, 3000, (bands, 20, 24))
    return reference, reference * random.uniform(0.8, 1.2, reference.shape)


@pytest.mark.parametrize("bands", [2, 5, 13])
def test_values_equal_those_of_torchmetrics(bands: int) -> None:
    from torchmetrics.functional.image import error_relative_global_dimensionless_synthesis, spectral_angle_mapper

    pair = scenes(bands)
    tensors = [torch.from_numpy(pixels)[None] for pixels in reversed(pair)]  # torchmetrics takes the candidate first
    assert sam(*pair) == pytest.approx(np.degrees(float(spectral_angle_mapper(*tensors))), rel=1e-9)
    found = float(error_relative_global_dimensionless_synthesis(*tensors, ratio=2))
    assert ergas(*pair, scale=2) == pytest.approx(found, rel=1e-9)


def test_values_equal_their_formulas() -> None:
    x, y = scenes()
    angles = np.arccos((x * y).sum(0) / np.sqrt((x**2).sum(0) * (y**2).sum(0)))
    assert sam(x, y) == pytest.approx(np.degrees(angles.mean()), rel=1e-9)
    assert rmse(x, y) == pytest.approx(np.sqrt(((x - y) ** 2).mean()), rel=1e-12)
    parts = [((x[k] - y[k]) ** 2).mean() / x[k].mean() ** 2 for k in range(len(x))]
    assert ergas(x, y, scale=4) == pytest.approx(100 / 4 * np.sqrt(np.mean(parts)), rel=1e-12)


def test_angle_is_exact_where_it_is_small_and_defined_where_a_spectrum_is_zero() -> None:
    x = np.array([1.0, 0.0]).reshape(2, 1, 1)
    assert sam(x, np.array([1.0, 1e-9]).reshape(2, 1, 1)) == pytest.approx(np.degrees(1e-9), rel=1e-6)
    assert sam(x, 7 * x) == 0
    assert sam(x, -x) == pytest.approx(180)
    assert sam(0 * x, 0 * x) == 0
    assert sam(x, 0 * x) == 90


@pytest.mark.parametrize("metric", [rmse, sam, ergas])
def test_pixels_that_are_not_valid_do_not_count(metric: Callable[..., float]) -> None:
    x, y = scenes()
    valid = np.random.default_rng(1).random((1, 20, 24)) < 0.7
    spoilt = np.where(valid, y, -9999)
    assert metric(x, spoilt, valid=valid) == pytest.approx(metric(x[:, valid[0]], y[:, valid[0]])) != metric(x, spoilt)


@pytest.mark.parametrize("metric", [sam, ergas])
def test_a_single_band_is_refused(metric: Callable[..., float]) -> None:
    x, y = scenes(1)
    with pytest.raises(PictureError, match="needs 2 bands or more, found 1"):
        metric(x, y)


def test_ergas_refuses_a_band_without_a_mean() -> None:
    x, y = scenes(2)
    with pytest.raises(PictureError, match="mean of each band: one is 0"):
        ergas(x * [[[1]], [[0]]], y)
