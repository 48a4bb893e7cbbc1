"""Back-projection: an enlarged picture that, made small again, is the picture that it was made from.

Source: M. Irani and S. Peleg, Improving Resolution by Image Registration, CVGIP 1991, section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from torch import Tensor

from srgan_cli.image.alpha import bleed_alpha
from srgan_cli.image.luma import to_decibels
from srgan_cli.image.ops import quantise, resize
from srgan_cli.image.picture import ImageStream, Picture

MAX_ITERATIONS = 60
_TOLERANCE = 0.3 / 255
"""Nearer than what is promised, since rounding to whole levels takes some of it back."""


@dataclass(frozen=True)
class Consistency:
    """How the enlarged picture, made small again, agrees with its original.

    psnr: PSNR over the colour.  max_error: the largest difference in grey levels of 8 bits.
    """

    psnr: float
    max_error: float

    @property
    def is_consistent(self) -> bool:
        """Whether no pixel is more than half a grey level off."""
        return self.max_error <= 0.5

    def to_json(self) -> dict[str, float | None]:
        """The same as JSON can hold it: None for infinite decibels."""
        decibels = round(self.psnr, 2) if isfinite(self.psnr) else None
        return {"decibels": decibels, "deviation": round(self.max_error, 3)}


def back_project(
    enlarged: Picture, original: Picture, check_cancelled: Callable[[], None] | None = None
) -> tuple[Picture, Consistency]:
    """The enlarged picture, its colour changed until it agrees with its original; and how well it then does.

    What is missing in the picture made small is enlarged and added, until nothing is off by half a grey level, or for
    60 rounds: extreme contrasts of single pixels cannot be reached between black and white.
    `check_cancelled` is called before each of them; what it raises ends it.
    Memory: five times the enlarged picture and twice the original, as float32.  Alpha stays as it is.
    """
    pixels, colour = enlarged.pixels, bleed_alpha(ImageStream.from_picture(original)).to_picture().pixels
    small, large = colour.shape[-2:], pixels.shape[-2:]
    for _ in range(MAX_ITERATIONS):
        if check_cancelled:
            check_cancelled()
        missing = colour - resize(pixels, *small)
        if missing.abs().max() <= _TOLERANCE:
            break
        pixels = (resize(missing, *large) + pixels).clamp_(0, 1)
    return replace(enlarged, pixels=pixels), measure_consistency(pixels, colour, enlarged.depth)


def measure_consistency(enlarged: Tensor, original: Tensor, depth: int = 8) -> Consistency:
    """How pictures (C, H, W) agree, the enlarged one rounded as its file will hold it."""
    written = enlarged if depth == 32 else quantise(enlarged, depth)
    again = resize(written, *original.shape[-2:])
    difference = (again - original).double()
    return Consistency(to_decibels(float(difference.square().mean())), float(difference.abs().max() * 255))
