"""Where the pictures to judge come from: a folder of results, or a method that makes them here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.picture import Picture, read_picture
from srgan_cli.pixels import crop_multiple, downscale, luma, quantise, resize
from srgan_cli.upscaler import Upscaler


@dataclass(frozen=True)
class Method:
    """A way to enlarge: results that lie ready, by picture name; or, when there are none, a baseline to run."""

    name: str
    files: dict[str, Path] = field(default_factory=dict)
    baseline: str = ""


@dataclass(frozen=True)
class Scale:
    """By how much baselines make the reference smaller and larger again, and on which device models run."""

    factor: int = 4
    device: str = "auto"


def read_on_paper(path: Path) -> Tensor:
    """A picture as (1 or 3, H, W), the transparent laid on white."""
    return read_picture(path).on_white.pixels


def make_pair(method: Method, name: str, reference: Tensor, scale: Scale) -> tuple[Tensor, Tensor]:
    """What of the reference is compared, and the method's picture of this name.

    For a baseline the reference is cut to a multiple of the scale, made smaller as 8 bits hold it, and enlarged;
    but see BICUBIC_OF_LUMA.
    Raises PictureError, and WeightsError for a model that cannot be used.
    """
    if not method.baseline:
        return reference, read_on_paper(method.files[name])
    whole = crop_multiple(reference, scale.factor)
    if 0 in whole.shape:
        raise PictureError(f"too small to be made {scale.factor} times smaller", "score larger pictures")
    if method.baseline == BICUBIC_OF_LUMA:
        return _bicubic_of_luma(whole, scale.factor)
    low = quantise(downscale(whole, scale.factor))
    enlarge = FILTERS.get(method.baseline)
    return whole, quantise(enlarge(low, scale.factor) if enlarge else _by_model(method.baseline, low, scale))


def load_model(model: str, scale: Scale) -> Upscaler:
    """A baseline's Upscaler, read once.  Raises UnknownModel, UnknownDevice, UsageError and WeightsError."""
    return _loaded(model, scale)


def _bicubic(low: Tensor, factor: int) -> Tensor:
    return resize(low, low.shape[-2] * factor, low.shape[-1] * factor).clamp(0, 1)


def _lanczos(low: Tensor, factor: int) -> Tensor:
    """Pillow's Lanczos over three lobes, on floats."""
    size = low.shape[-1] * factor, low.shape[-2] * factor
    layers = [Image.fromarray(channel.numpy()).resize(size, Image.Resampling.LANCZOS) for channel in low]
    return torch.from_numpy(np.stack([np.asarray(layer) for layer in layers])).clamp(0, 1)


FILTERS: dict[str, Callable[[Tensor, int], Tensor]] = {"bicubic": _bicubic, "lanczos": _lanczos}
"""The baselines that are no models.  bicubic agrees with MATLAB's imresize."""


BICUBIC_OF_LUMA = "bicubic-luma"
"""What the literature quotes as bicubic: of the luma in 8 bits alone, and between the two resizings not rounded.

It is the procedure of MATLAB programs such as that of C. Dong et al., Image Super-Resolution Using Deep Convolutional
Networks, 2014.
"""
BASELINES = (*FILTERS, BICUBIC_OF_LUMA)
"""Every other name of a baseline is that of a model."""


def _bicubic_of_luma(whole: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Luma (1, H, W) and what bicubic makes of it; grey pictures are their own luma."""
    original = whole if len(whole) == 1 else quantise(luma(whole))
    return original, quantise(_bicubic(downscale(original, factor), factor))


def _by_model(model: str, low: Tensor, scale: Scale) -> Tensor:
    return load_model(model, scale).upscale(Picture(low), scale.factor).pixels


@cache
def _loaded(model: str, scale: Scale) -> Upscaler:
    return Upscaler.load(model, scale.device, scale=scale.factor)
