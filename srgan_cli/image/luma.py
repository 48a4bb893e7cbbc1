"""Planes of pictures, (..., C, H, W) with values 0…1: what is done alike to NumPy's arrays and to torch's tensors.

Nothing here imports torch, which takes longer than to score two pictures.
"""

import math
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.floating[Any]]
"""float32 where pictures are enlarged, float64 where they are scored."""
ArrayOrTensor = Union["Tensor", Array]
PixelsT = TypeVar("PixelsT", "Tensor", Array)

STUDIO_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""The shares of red, green and blue in BT.601 luma of studio range, which begins at BLACK."""
BLACK = 16 / 255
FULL_RANGE_WEIGHTS = (0.299, 0.587, 0.114)
"""The same of full range."""


def luma(pixels: PixelsT) -> PixelsT:
    """BT.601 luma of (3, H, W) RGB in studio range, as (1, H, W) between 16/255 and 235/255.

    This is the Y of MATLAB's rgb2ycbcr, on which the super-resolution literature reports PSNR and SSIM.
    Grey pictures of one channel are taken as R = G = B.
    """
    if pixels.shape[-3] == 1:
        return pixels * sum(STUDIO_WEIGHTS) + BLACK
    return _weighted(pixels, STUDIO_WEIGHTS) + BLACK


def luma_full_range(pixels: PixelsT) -> PixelsT:
    """BT.601 luma of (3, H, W) RGB in full range 0…1, as (1, H, W); grey pictures of one channel are their own."""
    return pixels if pixels.shape[-3] == 1 else _weighted(pixels, FULL_RANGE_WEIGHTS)


def to_rgb(pixels: PixelsT) -> PixelsT:
    """(3, H, W) of a picture of one or three channels."""
    return pixels if len(pixels) == 3 else pixels[[0, 0, 0]]


def crop_multiple(pixels: PixelsT, scale: int) -> PixelsT:
    """The upper left part whose sides are the largest multiples of `scale`."""
    height, width = pixels.shape[-2:]
    return pixels[..., : height - height % scale, : width - width % scale]


def crop_border(pixels: PixelsT, border: int) -> PixelsT:
    """The picture without `border` pixels on each side."""
    height, width = pixels.shape[-2:]
    return pixels[..., border : height - border, border : width - border]


def as_float64(pixels: ArrayOrTensor) -> NDArray[np.float64]:
    """An array of double precision, of an array or of a tensor on the CPU."""
    return np.asarray(pixels, dtype=np.float64)


def to_decibels(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of an error of values 0…1; infinite without one."""
    return -10 * math.log10(mean_squared_error) if mean_squared_error else math.inf


def _weighted(pixels: PixelsT, weights: tuple[float, float, float]) -> PixelsT:
    red, green, blue = (pixels[..., channel : channel + 1, :, :] * weights[channel] for channel in range(3))
    luma: PixelsT = red + green + blue
    return luma
