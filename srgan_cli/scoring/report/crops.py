"""Crops that show where two pictures differ most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import UsageError
from srgan_cli.image.luma import Array, luma_full_range


@dataclass(frozen=True)
class Crop:
    """A part of a picture in pixels, and how much the methods disagree there, 0…1."""

    x: int
    y: int
    width: int
    height: int
    value: float = 0.0


def parse_crop(text: str) -> Crop:
    """A crop given as x,y,w,h.  Raises UsageError for anything else."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts) or 0 in map(int, parts[2:]):
        raise UsageError(f"cannot read the crop {text!r}", "write it as x,y,w,h in pixels, such as 40,60,96,96")
    return Crop(*map(int, parts))


def disagreement(reference: Array, pictures: list[Array], side: int) -> Crop | None:
    """The square where the pictures' luma spreads most in the mean; of one picture, from the reference.

    None when there is no picture, or when they differ in size.  Smaller pictures give a smaller crop.
    """
    lumas = [luma_full_range(pixels) for pixels in (pictures if len(pictures) > 1 else [reference, *pictures])]
    if not pictures or len({luma.shape for luma in lumas}) > 1:
        return None
    height, width = (min(side, length) for length in lumas[0].shape[-2:])
    spread = _means(np.ptp(lumas, axis=0)[0], height, width)
    index = int(spread.argmax())
    return Crop(index % spread.shape[1], index // spread.shape[1], width, height, float(spread.max()))


def _means(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float64]:
    """The mean in every window of this height and width."""
    sums = np.pad(values.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[height:] - sums[:-height]
    return np.asarray((rows[:, width:] - rows[:, :-width]) / (height * width))
