"""NIQE: distance of a picture's local statistics from those of natural pictures. It uses no reference.

Source: A. Mittal, R. Soundararajan and A. Bovik, Making a Completely Blind Image Quality Analyzer, IEEE Signal
Processing Letters 2013. The asymmetric distribution is fitted as in N. Lasmar, Y. Stitou and Y. Berthoumieu, Multiscale
Skewed Heavy Tailed Model for Texture Analysis, ICIP 2009.

The method is that of the paper, the model of natural pictures is not: examples/fit_niqe.py fitted the shipped model to
other photographs. Its values compare with each other, not with published values.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import luma_full_range
from srgan_cli.image.ops import resize
from srgan_cli.weights.backbones import find_backbone, load_tensors

BLOCK = 96  # side of the blocks in pixels; half of it at the second scale
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns to the neighbours that a pixel is multiplied with
SHIPPED = Path(__file__).with_name("niqe.safetensors")
Values = NDArray[np.float64]


class NiqeModel(NamedTuple):
    """A normal distribution of the features of natural blocks."""

    mean: Values
    """(36,)"""
    covariance: Values
    """(36, 36)"""


def niqe(picture: Tensor) -> float:
    """NIQE of an RGB or grey picture (1 or 3, H, W) with values 0…1, at least 0. Lower is better.

    Raises PictureError unless the picture holds two blocks of 96 x 96 pixels that are not flat, and WeightsError if the
    model cannot be read.
    """
    natural = load_niqe_model()
    features = block_statistics(picture)[0]
    features = features[np.isfinite(features).all(1)]
    if len(features) < 2:
        height, width = picture.shape[-2:]
        needed = f"two blocks of {BLOCK} x {BLOCK} pixels that are not flat"
        found = f"found {len(features)} in {width} x {height} pixels"
        raise PictureError(f"NIQE needs {needed}, {found}", "score larger pictures")
    difference = natural.mean - features.mean(0)
    precision = np.linalg.pinv((natural.covariance + np.cov(features, rowvar=False)) / 2)
    return math.sqrt(max(0.0, float(difference @ precision @ difference)))


def load_niqe_model() -> NiqeModel:
    """The model: niqe.safetensors in the folder of metric weights, otherwise the shipped one."""
    return _load_model(find_backbone("niqe") or SHIPPED)


def block_statistics(picture: Tensor) -> tuple[Values, Values]:
    """The features (N, 36) and the sharpness (N,) of the blocks of a picture (1 or 3, H, W).

    Each of two scales gives 18 features: shape and width of the normalised luma, then shape, mean, left and right width
    of its products with four neighbours. Features of flat blocks are not finite.
    """
    height, width = (side - side % BLOCK for side in picture.shape[-2:])
    luma = luma_full_range(picture.double())[:, :height, :width]
    scales = luma, resize(luma, height // 2, width // 2)
    (whole, deviation), (half, _) = (_normalise(255 * scale[0].numpy()) for scale in scales)
    features = np.hstack([_features(_blocks(whole, BLOCK)), _features(_blocks(half, BLOCK // 2))])
    return features, _blocks(deviation, BLOCK).mean((1, 2))


def _normalise(luma: Values) -> tuple[Values, Values]:
    """Luma minus its local mean, divided by its local deviation plus 1; and that deviation."""
    mean = _local_mean(luma)
    deviation = np.sqrt(np.abs(_local_mean(luma * luma) - mean * mean))
    return (luma - mean) / (deviation + 1), deviation


def _local_mean(luma: Values) -> Values:
    """The mean under a 7 x 7 Gaussian with sigma 7 / 6; the edge is repeated."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(luma, 7 / 6, radius=3, mode="nearest"))


def _blocks(plane: Values, side: int) -> Values:
    """(N, side, side), row by row."""
    height, width = plane.shape
    return plane.reshape(height // side, side, width // side, side).swapaxes(1, 2).reshape(-1, side, side)


def _features(blocks: Values) -> Values:
    """The 18 features (N, 18) of one scale. Neighbours wrap around the edge of the block."""
    shape, left, right = _fit_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = _fit_gaussian(blocks * np.roll(blocks, shift, (1, 2)))
        mean = (right - left) * _gamma(2 / shape) / _gamma(1 / shape)
        columns += [shape, mean, left, right]
    return np.stack(columns, 1)


def _fit_gaussian(blocks: Values) -> tuple[Values, Values, Values]:
    """Shape, left and right width (N,) of asymmetric generalised Gaussians, fitted to the moments of the blocks."""
    values = blocks.reshape(len(blocks), math.prod(blocks.shape[1:]))
    with np.errstate(invalid="ignore", divide="ignore"):
        below, above = (np.sqrt((values**2 * side).sum(1) / side.sum(1)) for side in (values < 0, values > 0))
        skew = below / above
        moments = np.abs(values).mean(1) ** 2 / (values**2).mean(1)
        ratio = moments * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shapes, ratios = _shape_table()
    shape = np.interp(ratio, ratios, shapes)
    width = np.sqrt(_gamma(1 / shape) / _gamma(3 / shape))
    return shape, below * width, above * width


@cache
def _shape_table() -> tuple[Values, Values]:
    """Shapes 0.2…10 and their ratios of moments Γ(2/s)² / (Γ(1/s) Γ(3/s)), which increase with the shape."""
    shapes = np.arange(200, 10_001) / 1000
    return shapes, _gamma(2 / shapes) ** 2 / (_gamma(1 / shapes) * _gamma(3 / shapes))


def _gamma(x: Values) -> Values:
    from scipy.special import gamma

    return np.asarray(gamma(x))


@cache
def _load_model(path: Path) -> NiqeModel:
    tensors: dict[str, Any] = load_tensors("niqe", path)
    return NiqeModel(tensors["mean"].numpy(), tensors["covariance"].numpy())
