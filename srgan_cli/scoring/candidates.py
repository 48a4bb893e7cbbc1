"""Where the pictures to judge come from: a folder of results, or a method that makes them here."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.picture import Picture, read_picture
from srgan_cli.pixels import KERNELS, crop_multiple, downscale, luma, quantise, resize
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
    return whole, quantise(load_model(method.baseline, scale).upscale(Picture(low), scale.factor).pixels)


def load_model(model: str, scale: Scale) -> Upscaler:
    """A baseline's Upscaler, read once.  Raises UnknownModel, UnknownDevice, UsageError and WeightsError."""
    return _loaded(model, scale)


BICUBIC_OF_LUMA = "bicubic-luma"
"""What the literature quotes as bicubic: of the luma in 8 bits alone, and between the two resizings not rounded.

It is the procedure of MATLAB programs such as that of C. Dong et al., Image Super-Resolution Using Deep Convolutional
Networks, 2014.
"""
BASELINES = (*KERNELS, BICUBIC_OF_LUMA)
"""Every other name of a baseline is that of a model."""


def _bicubic_of_luma(whole: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Luma (1, H, W) and what bicubic makes of it; grey pictures are their own luma."""
    original = whole if len(whole) == 1 else quantise(luma(whole))
    return original, quantise(resize(downscale(original, factor), *original.shape[-2:]).clamp(0, 1))


@cache
def _loaded(model: str, scale: Scale) -> Upscaler:
    return Upscaler.load(model, scale.device, scale=scale.factor)
