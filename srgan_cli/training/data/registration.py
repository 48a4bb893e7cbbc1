"""Co-registration: whether pictures and their low-resolution partners show the same places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.image.luma import as_float64

TOLERANCE = 0.1  # the smallest shift that is reported, in low-resolution pixels
MIN_CORRELATION = 0.5
_STEPS = 50  # steps in a pixel, as `upsample_factor` of scikit-image
_MIN_SIDE = 8
Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Registration:
    """How two pictures of one size lie on each other."""

    down: float
    """The shift of the first against the second in pixels."""
    right: float
    correlation: float
    """Of their values after the shift by whole pixels, -1 to 1."""

    @property
    def is_shifted(self) -> bool:
        """Whether the shift is at least TOLERANCE."""
        return max(abs(self.down), abs(self.right)) >= TOLERANCE

    @property
    def is_unlike(self) -> bool:
        """Whether the pictures do not show the same."""
        return self.correlation < MIN_CORRELATION


def register(first: Tensor, second: Tensor) -> Registration:
    """The shift between two pictures (1, H, W) of one size, to about a tenth of a pixel.

    Whole pixels by phase correlation, fractions by the peak of the cross-correlation of what overlaps. Source: M.
    Guizar-Sicairos, S. Thurman and J. Fienup, Efficient subpixel image registration algorithms, Optics Letters 2008,
    as implemented by scikit-image.
    """
    planes = as_float64(first)[0], as_float64(second)[0]
    if not all(plane.std() for plane in planes):
        return Registration(0.0, 0.0, 1.0)
    down, right = (round(part) for part in _peak(*planes, normalization="phase", upsample_factor=1))
    left, other = _overlap(*planes, down, right)
    if min(left.shape) < _MIN_SIDE or not left.std() or not other.std():
        left, other, down, right = *planes, 0, 0
    fine = _peak(left, other, normalization=None, upsample_factor=_STEPS)
    return Registration(down + fine[0], right + fine[1], float(np.corrcoef(left.ravel(), other.ravel())[0, 1]))


def _peak(first: Plane, second: Plane, **options: object) -> tuple[float, float]:
    """The shift of `first` against `second`, faded out at the edges."""
    from skimage.filters import window
    from skimage.registration import phase_cross_correlation

    fade = window("hann", first.shape)
    faded = ((plane - plane.mean()) * fade for plane in (first, second))
    shift, *_ = phase_cross_correlation(*faded, **options)
    return float(shift[0]), float(shift[1])


def _overlap(first: Plane, second: Plane, down: int, right: int) -> tuple[Plane, Plane]:
    """What both pictures show if the first is shifted by whole pixels."""
    height, width = first.shape[0] - abs(down), first.shape[1] - abs(right)
    starts = (max(down, 0), max(right, 0)), (max(-down, 0), max(-right, 0))
    parts = zip((first, second), starts, strict=True)
    left, other = (plane[top : top + height, start : start + width] for plane, (top, start) in parts)
    return left, other
