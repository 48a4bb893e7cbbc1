"""Operations on pixels, floats (..., H, W) with values 0…1: resizing, rounding, orientation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_SCALE = 16  # the largest factor by which pictures are upscaled
FLIPS = ((), (-1,), (-2, -1), (-2,), (-1,), (-2, -1), (-2,), ())
"""The axes that each of the eight orientations flips; odd ones are transposed afterwards."""


def to_levels(pixels: Tensor, depth: int = 8) -> Tensor:
    """The nearest integers of 0…2^depth - 1, as floats."""
    return pixels.clamp(0, 1).mul_(float(2**depth - 1)).round_()


def quantise(pixels: Tensor, depth: int = 8) -> Tensor:
    """The nearest values that `depth` bits can represent, as floats 0…1."""
    return to_levels(pixels, depth) / float(2**depth - 1)


def to_bytes(pixels: Tensor) -> Tensor:
    """Pixels as uint8, 0…255."""
    return to_levels(pixels).to(torch.uint8)


def orient(pixels: Tensor, orientation: int) -> Tensor:
    """One of the eight orientations of a picture (..., H, W), by its number 0 to 7."""
    flipped = pixels.flip(FLIPS[orientation])
    return flipped.mT if orientation % 2 else flipped


def resize(pixels: Tensor, height: int, width: int, kernel: "Kernel | None" = None) -> Tensor:
    """Antialiased resampling as by MATLAB's imresize, bicubic by default.

    When a picture shrinks, the kernel is widened by the factor.  Beyond its edges the picture is mirrored.  Values are
    not clamped, and these kernels overshoot.  torch and Pillow treat edges differently, hence an implementation here.
    """
    sizes = zip(pixels.shape[-2:], (height, width), strict=True)
    rows, columns = (AxisResize(old, new, 0, 0, new) for old, new in sizes)
    return resize_part(pixels, rows, columns, kernel or KERNELS["bicubic"])


def resize_part(pixels: Tensor, rows: "AxisResize", columns: "AxisResize", kernel: "Kernel") -> Tensor:
    """A part of what `resize` returns, from the part of the picture that it depends on."""
    tall = _resize_rows(pixels, rows, kernel)
    if columns.in_size == columns.out_size:
        return tall.narrow(-1, columns.start - columns.offset, columns.stop - columns.start)
    transposed = tall.reshape(-1, tall.shape[-1]).t().contiguous()
    wide = _resize_rows(transposed, columns, kernel).t().contiguous()
    return wide.view(*tall.shape[:-1], columns.stop - columns.start)


def downscale(pixels: Tensor, scale: int) -> Tensor:
    """The picture reduced by `scale`, of which its sides are multiples; clamped to 0…1."""
    height, width = pixels.shape[-2:]
    return resize(pixels, height // scale, width // scale).clamp(0, 1)


def cubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5 at these distances, in samples."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def linear(distance: Tensor) -> Tensor:
    """The kernel of linear interpolation at these distances, in samples."""
    return (1 - distance.abs()).clamp(min=0)


def lanczos(distance: Tensor) -> Tensor:
    """Lanczos' kernel at these distances in samples: C. Duchon, Lanczos filtering in one and two dimensions, 1979."""
    return torch.where(distance.abs() < 3, torch.sinc(distance) * torch.sinc(distance / 3), 0)


def nearest(distance: Tensor) -> Tensor:
    """A box of one sample at these distances; between two samples the second one counts."""
    return ((distance >= -0.5) & (distance < 0.5)).to(distance)


@dataclass(frozen=True)
class Kernel:
    """A resampling kernel."""

    weight: Callable[[Tensor], Tensor]
    """The weights at these distances, in samples."""
    radius: float
    """The distance in samples beyond which weights are 0."""

    def support(self, in_size: int, out_size: int) -> float:
        """The radius in input samples when `in_size` samples become `out_size`."""
        return self.radius / min(out_size / in_size, 1)


KERNELS = {"bicubic": Kernel(cubic, 2), "lanczos": Kernel(lanczos, 3), "nearest": Kernel(nearest, 0.5)}
"""bicubic is Keys' with a = -0.5: R. Keys, Cubic convolution interpolation for digital image processing, 1981."""
LINEAR = Kernel(linear, 1)  # it never overshoots


@dataclass(frozen=True)
class AxisResize:
    """Resizing along one axis, or a part of it."""

    in_size: int
    """Samples of the whole input."""
    out_size: int
    """Samples of the whole output."""
    offset: int
    """The first input sample that is available."""
    start: int
    """The first output sample to compute."""
    stop: int
    """The output sample after the last one to compute."""


def _resize_rows(pixels: Tensor, axis: AxisResize, kernel: Kernel) -> Tensor:
    """Resize along the last axis but one, where samples lie far apart and whole rows are read at once."""
    if axis.in_size == axis.out_size:
        return pixels.narrow(-2, axis.start - axis.offset, axis.stop - axis.start)
    index, weight = _contributions(axis, kernel)
    result = pixels.new_zeros([*pixels.shape[:-2], axis.stop - axis.start, pixels.shape[-1]])
    for tap in range(index.shape[1]):
        samples = pixels.index_select(-2, index[:, tap].to(pixels.device))
        result.addcmul_(samples, weight[:, tap, None].to(pixels))
    return result


def _contributions(axis: AxisResize, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """The input samples of every output sample, counted from `offset`, and their weights; both (size, taps)."""
    scale = axis.out_size / axis.in_size
    support = kernel.support(axis.in_size, axis.out_size)
    centre = (torch.arange(axis.start, axis.stop, dtype=torch.float64) + 0.5) / scale - 0.5
    index = (centre - support).floor().long()[:, None] + torch.arange(int(2 * support) + 2)
    weight = kernel.weight((centre[:, None] - index) * min(scale, 1.0))
    weight /= weight.sum(dim=1, keepdim=True)
    used = (weight != 0).any(dim=0)
    mirrored = index.remainder(2 * axis.in_size)
    mirrored = torch.where(mirrored < axis.in_size, mirrored, 2 * axis.in_size - 1 - mirrored) - axis.offset
    return mirrored[:, used], weight[:, used]
