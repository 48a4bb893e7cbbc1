"""Luma, sizes and PSNR, for NumPy arrays and torch tensors: (..., C, H, W) with values 0…1.

torch is not imported: loading it takes longer than scoring two pictures.
"""

import math
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import PictureError

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.floating[Any]]  # float32 for upscaling, float64 for scoring
Mask = NDArray[np.bool_]  # which pixels have a value, or count
ArrayOrTensor = Union["Tensor", Array]
PixelsT = TypeVar("PixelsT", "Tensor", Array)
LIMITED_RANGE_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""The weights of red, green and blue in BT.601 luma of limited range, which starts at BLACK."""
BLACK = 16 / 255
FULL_RANGE_WEIGHTS = (0.299, 0.587, 0.114)  # the weights of red, green and blue in BT.601 luma of full range


def luma(pixels: PixelsT) -> PixelsT:
    """BT.601 luma of limited range, (1, H, W) between 16/255 and 235/255, of (3, H, W) RGB or (1, H, W) grey.

    This is the Y of MATLAB's rgb2ycbcr, on which the super-resolution literature reports PSNR and SSIM.
    Grey counts as RGB with equal channels.
    """
    if pixels.shape[-3] == 1:
        return pixels * sum(LIMITED_RANGE_WEIGHTS) + BLACK
    return _weighted(pixels, LIMITED_RANGE_WEIGHTS) + BLACK


def luma_full_range(pixels: PixelsT) -> PixelsT:
    """BT.601 luma of full range, (1, H, W) between 0 and 1, of (3, H, W) RGB; grey is returned unchanged."""
    return pixels if pixels.shape[-3] == 1 else _weighted(pixels, FULL_RANGE_WEIGHTS)


def to_rgb(pixels: PixelsT) -> PixelsT:
    """A picture of one or three channels as (3, H, W)."""
    return pixels if len(pixels) == 3 else pixels[[0, 0, 0]]


def crop_multiple(pixels: PixelsT, scale: int) -> PixelsT:
    """The upper left part with the largest sides that are multiples of `scale`."""
    height, width = pixels.shape[-2:]
    return pixels[..., : height - height % scale, : width - width % scale]


def crop_border(pixels: PixelsT, border: int) -> PixelsT:
    """The picture without `border` pixels on each side."""
    height, width = pixels.shape[-2:]
    return pixels[..., border : height - border, border : width - border]


def check_min_side(pixels: ArrayOrTensor, side: int, what: str, hint: str = "score larger pictures") -> None:
    """Raises PictureError if a side is below `side`; `what` begins the message, as "SSIM needs"."""
    height, width = pixels.shape[-2:]
    if min(height, width) < side:
        raise PictureError(f"{what} {side} x {side} pixels, found {width} x {height}", hint)


def as_float64(pixels: ArrayOrTensor) -> NDArray[np.float64]:
    """An array or a CPU tensor as an array of float64."""
    return np.asarray(pixels, dtype=np.float64)


def mse_to_psnr(mean_squared_error: float) -> float:
    """The peak signal-to-noise ratio in dB for a mean squared error of values 0…1; infinite for 0."""
    return -10 * math.log10(mean_squared_error) if mean_squared_error else math.inf


def _weighted(pixels: PixelsT, weights: tuple[float, float, float]) -> PixelsT:
    red, green, blue = (pixels[..., channel : channel + 1, :, :] * weights[channel] for channel in range(3))
    luma: PixelsT = red + green + blue
    return luma
