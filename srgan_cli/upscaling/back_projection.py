"""Back-projection: the result, downscaled, equals its original.  Source: M. Irani and S. Peleg, CVGIP 1991."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from torch import Tensor

from srgan_cli.image.alpha import fill_hidden
from srgan_cli.image.luma import mse_to_psnr
from srgan_cli.image.ops import quantise, resize
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.system.arguments import checked

MAX_ITERATIONS = 60
_TOLERANCE = 0.3 / 255
"""Stricter than `Consistency.is_consistent`, because rounding to whole levels adds an error."""


@checked
@dataclass(frozen=True)
class Consistency:
    """How well an enlarged picture, downscaled, equals its original."""

    psnr: float
    """PSNR over the colour channels in decibels."""
    max_error: float
    """Largest difference in grey levels of 8 bits."""

    @property
    def is_consistent(self) -> bool:
        """Whether no pixel differs by more than half a grey level."""
        return self.max_error <= 0.5

    def to_json(self) -> dict[str, float | None]:
        """Return the values for JSON; an infinite PSNR becomes None."""
        return {"decibels": round(self.psnr, 2) if isfinite(self.psnr) else None, "deviation": round(self.max_error, 3)}


@checked
def back_project(
    enlarged: Picture, original: Picture, *, check_cancelled: Callable[[], None] | None = None
) -> tuple[Picture, Consistency]:
    """Return the enlarged picture, changed so that downscaled it equals its original, and how well it does.

    Each iteration enlarges the difference at low resolution and adds it.  Iterations end when no pixel differs by more
    than half a grey level, or after 60: some contrasts of single pixels cannot be reached with values 0…1.
    `check_cancelled` is called before each iteration and may raise to end it.  Alpha is unchanged.
    Memory: five times the enlarged picture and twice the original, as float32.
    """
    filled, _ = next(fill_hidden(ImageStream.from_picture(original)))
    pixels, colour = enlarged.pixels, filled.pixels
    small, large = colour.shape[-2:], pixels.shape[-2:]
    for _ in range(MAX_ITERATIONS):
        if check_cancelled:
            check_cancelled()
        difference = colour - resize(pixels, *small)
        if difference.abs().max() <= _TOLERANCE:
            break
        pixels = (resize(difference, *large) + pixels).clamp_(0, 1)
    return replace(enlarged, pixels=pixels), measure_consistency(pixels, colour, depth=enlarged.depth)


def measure_consistency(enlarged: Tensor, original: Tensor, *, depth: int = 8) -> Consistency:
    """Compare pictures (C, H, W) after rounding the enlarged one to `depth` bits and downscaling it."""
    rounded = enlarged if depth == 32 else quantise(enlarged, depth)
    difference = (resize(rounded, *original.shape[-2:]) - original).double()
    return Consistency(mse_to_psnr(float(difference.square().mean())), float(difference.abs().max() * 255))
