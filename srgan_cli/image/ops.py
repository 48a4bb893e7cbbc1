"""Pure tensor maths on pictures: float tensors of shape (..., height, width), values 0…1."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_SCALE = 16
"""Times that a picture may be enlarged."""
FLIPS = ((), (-1,), (-2, -1), (-2,), (-1,), (-2, -1), (-2,), ())
"""Along what each of the eight orientations turns a picture back to front; every second one then swaps its sides."""


def to_levels(pixels: Tensor, depth: int = 8) -> Tensor:
    """The nearest whole numbers 0…2^depth - 1, as floats."""
    return pixels.clamp(0, 1).mul_(float(2**depth - 1)).round_()


def quantise(pixels: Tensor, depth: int = 8) -> Tensor:
    """The nearest values that `depth` bits can hold, still as floats 0…1."""
    return to_levels(pixels, depth) / float(2**depth - 1)


def to_bytes(pixels: Tensor) -> Tensor:
    """The same in 8 bits, as uint8."""
    return to_levels(pixels).to(torch.uint8)


def orient(pixels: Tensor, orientation: int) -> Tensor:
    """One of the eight orientations of a picture (..., H, W), by number 0 to 7."""
    flipped = pixels.flip(FLIPS[orientation])
    return flipped.mT if orientation % 2 else flipped


def resize(pixels: Tensor, height: int, width: int, kernel: "Kernel | None" = None) -> Tensor:
    """Antialiased resampling, bicubic unless told, that agrees with MATLAB's imresize.

    The kernel is widened by the factor when the picture shrinks; beyond the edge the picture is mirrored.  Values are
    not clamped: these kernels overshoot.
    """
    rows, columns = (AxisResize.full(*sizes) for sizes in zip(pixels.shape[-2:], (height, width), strict=True))
    return resize_part(pixels, rows, columns, kernel or KERNELS["bicubic"])


def resize_part(pixels: Tensor, rows: "AxisResize", columns: "AxisResize", kernel: "Kernel") -> Tensor:
    """What `resize` makes of the whole picture, of it a part, from as much of the picture as that rests on."""
    return _resize_along(_resize_along(pixels, -2, rows, kernel), -1, columns, kernel)


def downscale(pixels: Tensor, scale: int) -> Tensor:
    """The low-resolution partner of a picture whose sides are multiples of `scale`, clamped to 0…1."""
    height, width = pixels.shape[-2:]
    return resize(pixels, height // scale, width // scale).clamp(0, 1)


def cubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5 at these distances (in samples)."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def lanczos(distance: Tensor) -> Tensor:
    """Lanczos' kernel of three lobes at these distances (in samples).

    Source: C. Duchon, Lanczos filtering in one and two dimensions, 1979.
    """
    return torch.where(distance.abs() < 3, torch.sinc(distance) * torch.sinc(distance / 3), 0)


@dataclass(frozen=True)
class Kernel:
    """A resampling kernel: its weight at a distance, and how far it reaches, in samples."""

    weight: Callable[[Tensor], Tensor]
    radius: int

    def support(self, before: int, after: int) -> float:
        """How many samples away a sample counts, when `before` samples become `after`."""
        return self.radius / min(after / before, 1)


KERNELS = {"bicubic": Kernel(cubic, 2), "lanczos": Kernel(lanczos, 3)}
"""bicubic is Keys' with a = -0.5: R. Keys, Cubic convolution interpolation for digital image processing, 1981."""


@dataclass(frozen=True)
class AxisResize:
    """A side of a picture on its way from `in_size` samples to `out_size`, or a part of it.

    offset: the sample of the picture that the part at hand begins with.  start and stop: which samples to make.
    """

    in_size: int
    out_size: int
    offset: int
    start: int
    stop: int

    @classmethod
    def full(cls, before: int, after: int) -> "AxisResize":
        """All of the side."""
        return cls(before, after, 0, 0, after)


def _resize_along(pixels: Tensor, dim: int, side: AxisResize, kernel: Kernel) -> Tensor:
    if side.in_size == side.out_size:
        return pixels.narrow(dim, side.start - side.offset, side.stop - side.start)
    index, weight = _contributions(side, kernel)
    size = side.stop - side.start
    shape = [1] * pixels.dim()
    shape[dim] = size
    result = pixels.new_zeros([size if d == dim % pixels.dim() else n for d, n in enumerate(pixels.shape)])
    for tap in range(index.shape[1]):
        taken = pixels.index_select(dim, index[:, tap].to(pixels.device))
        result.addcmul_(taken, weight[:, tap].to(pixels).view(shape))
    return result


def _contributions(side: AxisResize, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """For every output sample the input samples it rests on, counted from `first`, and their weights: (size, taps)."""
    scale = side.out_size / side.in_size
    reach = kernel.support(side.in_size, side.out_size)
    centre = (torch.arange(side.start, side.stop, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = int(2 * reach) + 2
    index = (centre - reach).floor().long()[:, None] + torch.arange(taps)
    weight = kernel.weight((centre[:, None] - index) * min(scale, 1.0))
    weight /= weight.sum(dim=1, keepdim=True)
    used = (weight != 0).any(dim=0)
    mirrored = index.remainder(2 * side.in_size)
    mirrored = torch.where(mirrored < side.in_size, mirrored, 2 * side.in_size - 1 - mirrored) - side.offset
    return mirrored[:, used], weight[:, used]
