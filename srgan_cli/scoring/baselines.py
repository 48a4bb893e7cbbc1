"""Methods that make the pictures to judge here, from the references made smaller."""

from functools import cache

import torch
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import Array, crop_multiple, luma
from srgan_cli.image.ops import KERNELS, downscale, quantise, resize
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.methods import BICUBIC_OF_LUMA, BaselineSettings
from srgan_cli.upscaling.upscaler import Upscaler

BASELINES = (*KERNELS, BICUBIC_OF_LUMA)
"""Every other name of a baseline is that of a model."""


def downscale_and_restore(baseline: str, reference: Array, baseline_settings: BaselineSettings) -> tuple[Array, Array]:
    """The reference (1 or 3, H, W) cut to a multiple of the scale, and what the baseline makes of it.

    It is made smaller as 8 bits hold it, and enlarged; but see BICUBIC_OF_LUMA.  Raises PictureError for one smaller
    than the scale, and WeightsError for a model that cannot be used.
    """
    whole = torch.from_numpy(crop_multiple(reference, baseline_settings.factor))
    if 0 in whole.shape:
        raise PictureError(f"too small to be made {baseline_settings.factor} times smaller", "score larger pictures")
    original, enlarged = _made(baseline, whole, baseline_settings)
    return original.numpy(), enlarged.numpy()


def runs_on_cpu(baseline: str, baseline_settings: BaselineSettings) -> bool:
    """Whether a baseline takes no other device.  Raises as load_model does."""
    return baseline in BASELINES or load_model(baseline, baseline_settings).device.type == "cpu"


@cache
def load_model(model: str, baseline_settings: BaselineSettings) -> Upscaler:
    """A baseline's Upscaler, read once.  Raises UnknownModel, UnknownDevice, UsageError and WeightsError."""
    return Upscaler.load(model, baseline_settings.device, scale=baseline_settings.factor)


def _made(baseline: str, whole: Tensor, baseline_settings: BaselineSettings) -> tuple[Tensor, Tensor]:
    if baseline == BICUBIC_OF_LUMA:
        return _bicubic_of_luma(whole, baseline_settings.factor)
    low = Picture(quantise(downscale(whole, baseline_settings.factor)).float())
    enlarged = load_model(baseline, baseline_settings).upscale(low, baseline_settings.factor).pixels
    return whole, quantise(enlarged.double())


def _bicubic_of_luma(whole: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Luma (1, H, W) and what bicubic makes of it; grey pictures are their own luma."""
    original = whole if len(whole) == 1 else quantise(luma(whole))
    return original, quantise(resize(downscale(original, factor), *original.shape[-2:]).clamp(0, 1))
