"""Conversion between torch tensors of any number format and pixels."""

from typing import NamedTuple

import torch
from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.codec.samples import UNIT_RANGE
from srgan_cli.image.ops import to_levels
from srgan_cli.system.arguments import checked

_INTEGER_DEPTHS = {torch.uint8: 8, torch.uint16: 16}
_FLOAT_DEPTH = 32
_TOLERANCE = 1 / 512
"""How far floats may leave their range, as a fraction of it: half a step of 8 bits.  They are clipped."""
MAX_CHANNELS = 4
RANGE_HINT = "say which values are black and white, such as value_range=(0, 255)"


@checked
class Channels(NamedTuple):
    """The pixels of a picture, as `Picture` holds them."""

    colour: Tensor
    """float32 (1 or 3, H, W), values 0…1 for integers, those of the tensor for floats."""
    alpha: Tensor | None
    """float32 (1, H, W), 1 is opaque; None without transparency."""
    depth: int
    """Bits a channel: 8, 16, or 32 for floats."""
    value_range: ValueRange | None
    """The values of black and white; None for integers."""


def from_tensor(values: Tensor, value_range: ValueRange | None = None) -> Channels:
    """The pixels of a tensor (C, H, W) of uint8, uint16 or floats: grey, grey and alpha, RGB or RGBA.

    Floats are 0…1 unless `value_range` names the values of black and white.  The tensor is copied to the CPU.
    Raises UsageError for another shape or number format, and for values that are not finite or outside their range.
    """
    _check_shape(values)
    depth = _INTEGER_DEPTHS.get(values.dtype, _FLOAT_DEPTH)
    if depth == _FLOAT_DEPTH and not values.is_floating_point():
        message = f"found a tensor of {str(values.dtype).removeprefix('torch.')}, expected uint8, uint16 or floats"
        kind = "float32" if values.dtype == torch.bool else "uint8"
        raise UsageError(message, f"convert it, such as image.to(torch.{kind})")
    if values.layout is not torch.strided or values.is_meta:
        raise UsageError("found a sparse or a meta tensor, expected one with all its values", "image.to_dense()")
    if depth < _FLOAT_DEPTH and value_range is not None:
        raise UsageError("value_range is for floats, found integers", "convert the picture to floats first")
    channels, has_alpha = values.detach().cpu(), len(values) in (2, 4)
    if depth < _FLOAT_DEPTH:
        channels = channels.float() / (2**depth - 1)
        return Channels(channels[: len(channels) - has_alpha], channels[-1:] if has_alpha else None, depth, None)
    low, high = _checked(value_range)
    channels = _within_range(channels.double(), (low, high))
    alpha = ((channels[-1:] - low) / (high - low)).float() if has_alpha else None
    return Channels(channels[: len(channels) - has_alpha].float(), alpha, depth, (low, high))


def to_tensor(pixels: Tensor, alpha: Tensor | None, dtype: torch.dtype, value_range: ValueRange = UNIT_RANGE) -> Tensor:
    """A tensor (C, H, W) of pixels and alpha (1, H, W), as `from_tensor` takes it.

    `value_range` are the pixels' values of black and white.  Integers have them at 0 and the largest value; floats have
    the pixels' own values, and alpha in the same range.
    """
    low, high = value_range
    if dtype not in _INTEGER_DEPTHS:
        parts = [pixels, *([] if alpha is None else [alpha.double() * (high - low) + low])]
        return torch.cat([part.to(dtype) for part in parts])
    unit = pixels if value_range == UNIT_RANGE else (pixels - low) / (high - low)
    return to_levels(torch.cat([unit, *([] if alpha is None else [alpha])]), _INTEGER_DEPTHS[dtype]).to(dtype)


def _check_shape(values: Tensor) -> None:
    if not values.numel():
        raise UsageError("the picture is empty, expected at least one pixel", "check how it was made")
    if values.dim() == 3 and 1 <= len(values) <= MAX_CHANNELS:
        return
    last = values.dim() == 3 and 1 <= values.shape[2] <= MAX_CHANNELS
    raise UsageError(
        f"found a tensor of shape {tuple(values.shape)}, expected (C, H, W) or (N, C, H, W) with 1 to 4 channels",
        "move the channels to the front: image.permute(2, 0, 1)" if last else "add missing axes, such as image[None]",
    )


def _checked(value_range: ValueRange | None) -> ValueRange:
    try:
        low, high = map(float, UNIT_RANGE if value_range is None else value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -torch.inf < low < high < torch.inf:
        message = f"the value_range is {value_range}, expected the value of black and a larger one of white"
        raise UsageError(message, RANGE_HINT)
    return low, high


def _within_range(values: Tensor, value_range: ValueRange) -> Tensor:
    if not values.isfinite().all():
        raise UsageError("the picture has values that are NaN or infinite", "replace them, as by numpy.nan_to_num")
    low, high = value_range
    unit = (values - low) / (high - low)
    if unit.min() < -_TOLERANCE or unit.max() > 1 + _TOLERANCE:
        found = f"{float(values.min()):.6g} to {float(values.max()):.6g}"
        raise UsageError(f"the picture has values {found}, expected {low:g} to {high:g}", RANGE_HINT)
    return values.clamp(low, high)
