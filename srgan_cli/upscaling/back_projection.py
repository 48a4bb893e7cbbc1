"""Back-projection: an enlarged picture that, made small again, is the picture that it was made from.

Source: M. Irani and S. Peleg, Improving Resolution by Image Registration, CVGIP 1991, section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from torch import Tensor

from srgan_cli.image.alpha import bleed
from srgan_cli.image.luma import to_decibels
from srgan_cli.image.ops import quantise, resize
from srgan_cli.image.picture import Picture, Scan

MOST_ROUNDS = 60
_AIM = 0.3 / 255
"""Nearer than what is promised, since rounding to whole levels takes some of it back."""


@dataclass(frozen=True)
class Agreement:
    """How the enlarged picture, made small again, agrees with its original.

    decibels: PSNR over the colour.  deviation: the largest difference in grey levels of 8 bits.
    """

    decibels: float
    deviation: float

    @property
    def holds(self) -> bool:
        """Whether no pixel is more than half a grey level off."""
        return self.deviation <= 0.5

    def to_json(self) -> dict[str, float | None]:
        """The same as JSON can hold it: None for infinite decibels."""
        decibels = round(self.decibels, 2) if isfinite(self.decibels) else None
        return {"decibels": decibels, "deviation": round(self.deviation, 3)}


def back_project(
    enlarged: Picture, original: Picture, heed: Callable[[], None] | None = None
) -> tuple[Picture, Agreement]:
    """The enlarged picture, its colour changed until it agrees with its original; and how well it then does.

    What is missing in the picture made small is enlarged and added, until nothing is off by half a grey level, or for
    60 rounds: extreme contrasts of single pixels cannot be reached between black and white.
    `heed` is called before each of them; what it raises ends it.
    Memory: five times the enlarged picture and twice the original, as float32.  Alpha stays as it is.
    """
    pixels, colour = enlarged.pixels, bleed(Scan.of(original)).whole().pixels
    small, large = colour.shape[-2:], pixels.shape[-2:]
    for _ in range(MOST_ROUNDS):
        if heed:
            heed()
        missing = colour - resize(pixels, *small)
        if missing.abs().max() <= _AIM:
            break
        pixels = (resize(missing, *large) + pixels).clamp_(0, 1)
    return replace(enlarged, pixels=pixels), agreement(pixels, colour, enlarged.depth)


def agreement(enlarged: Tensor, original: Tensor, depth: int = 8) -> Agreement:
    """How pictures (C, H, W) agree, the enlarged one rounded as its file will hold it."""
    written = enlarged if depth == 32 else quantise(enlarged, depth)
    again = resize(written, *original.shape[-2:])
    difference = (again - original).double()
    return Agreement(to_decibels(float(difference.square().mean())), float(difference.abs().max() * 255))
