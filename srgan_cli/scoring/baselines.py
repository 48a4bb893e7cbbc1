"""Baselines: methods that upscale the downscaled references."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import Array, crop_multiple, luma
from srgan_cli.image.ops import KERNELS, downscale, quantise, resize
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.methods import BICUBIC_OF_LUMA, BaselineSettings
from srgan_cli.upscaling.upscaler import Upscaler

BASELINES = (*KERNELS, BICUBIC_OF_LUMA)  # the baselines without a model; any other name is that of a model


def downscale_and_restore(baseline: str, reference: Array, settings: BaselineSettings) -> tuple[Array, Array]:
    """The reference (1 or 3, H, W), cropped to a multiple of the factor, and the result of the baseline.

    The reference is downscaled, rounded to 8 bits and upscaled; BICUBIC_OF_LUMA differs, see there. Raises PictureError
    if the reference is smaller than the factor, and WeightsError if the model cannot be used.
    """
    whole = torch.from_numpy(crop_multiple(reference, settings.factor))
    if 0 in whole.shape:
        raise PictureError(f"the picture is too small to be downscaled by {settings.factor}", "score larger pictures")
    original, upscaled = _restore(baseline, whole, settings)
    return original.numpy(), upscaled.numpy()


@cache
def load_model(model: str, settings: BaselineSettings) -> Upscaler:
    """The upscaler of a baseline, loaded once. Raises UnknownModel, UnknownDevice, UsageError and WeightsError."""
    return Upscaler.load(model, device=settings.device, scale=settings.factor)


def resize_to(pixels: Array, height: int, width: int) -> Array:
    """A picture (C, H, W) resampled to this size by antialiased bicubic, clamped to 0…1."""
    return np.asarray(resize(torch.from_numpy(pixels), height, width).clamp(0, 1))


def _restore(baseline: str, whole: Tensor, settings: BaselineSettings) -> tuple[Tensor, Tensor]:
    if baseline == BICUBIC_OF_LUMA:  # a grey picture is its own luma
        grey = whole if len(whole) == 1 else quantise(luma(whole))
        return grey, quantise(resize(downscale(grey, settings.factor), *grey.shape[-2:]).clamp(0, 1))
    low = Picture(quantise(downscale(whole, settings.factor)).float())
    return whole, quantise(load_model(baseline, settings).upscale(low, scale=settings.factor).pixels.double())
