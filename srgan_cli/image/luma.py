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
Pixels = Union["Tensor", Array]
Planes = TypeVar("Planes", "Tensor", Array)

STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""The shares of red, green and blue in BT.601 luma of studio range, which begins at BLACK."""
BLACK = 16 / 255
FULL = (0.299, 0.587, 0.114)
"""The same of full range."""


def luma(pixels: Planes) -> Planes:
    """BT.601 luma of (3, H, W) RGB in studio range, as (1, H, W) between 16/255 and 235/255.

    This is the Y of MATLAB's rgb2ycbcr, on which the super-resolution literature reports PSNR and SSIM.
    Grey pictures of one channel are taken as R = G = B.
    """
    if pixels.shape[-3] == 1:
        return pixels * sum(STUDIO) + BLACK
    return _weighted(pixels, STUDIO) + BLACK


def full_luma(pixels: Planes) -> Planes:
    """BT.601 luma of (3, H, W) RGB in full range 0…1, as (1, H, W); grey pictures of one channel are their own."""
    return pixels if pixels.shape[-3] == 1 else _weighted(pixels, FULL)


def coloured(pixels: Planes) -> Planes:
    """(3, H, W) of a picture of one or three channels."""
    return pixels if len(pixels) == 3 else pixels[[0, 0, 0]]


def crop_multiple(pixels: Planes, scale: int) -> Planes:
    """The upper left part whose sides are the largest multiples of `scale`."""
    height, width = pixels.shape[-2:]
    return pixels[..., : height - height % scale, : width - width % scale]


def crop_border(pixels: Planes, border: int) -> Planes:
    """The picture without `border` pixels on each side."""
    height, width = pixels.shape[-2:]
    return pixels[..., border : height - border, border : width - border]


def double(pixels: Pixels) -> NDArray[np.float64]:
    """An array of double precision, of an array or of a tensor on the CPU."""
    return np.asarray(pixels, dtype=np.float64)


def to_decibels(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of an error of values 0…1; infinite without one."""
    return -10 * math.log10(mean_squared_error) if mean_squared_error else math.inf


def _weighted(pixels: Planes, weights: tuple[float, float, float]) -> Planes:
    red, green, blue = (pixels[..., channel : channel + 1, :, :] * weights[channel] for channel in range(3))
    luma: Planes = red + green + blue
    return luma
