"""Crops of a picture, and the search for the crop on which methods differ most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import UsageError
from srgan_cli.image.luma import Array, luma_full_range


@dataclass(frozen=True)
class Crop:
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int
    difference: float = 0.0
    """The mean difference of the methods in it, 0…1."""


def parse_crop(text: str) -> Crop:
    """A crop written as x,y,w,h. Raises UsageError for anything else."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts) or 0 in map(int, parts[2:]):
        raise UsageError(f"cannot read the crop {text!r}", "write x,y,w,h in pixels, such as 40,60,96,96")
    return Crop(*map(int, parts))


def find_crop(reference: Array, pictures: list[Array], side: int) -> Crop | None:
    """The square in which the mean range of the pictures' luma is largest; a single picture is compared to `reference`.

    None without pictures, or if their sizes differ. In a smaller picture the crop is smaller.
    """
    lumas = [luma_full_range(pixels) for pixels in (pictures if len(pictures) > 1 else [reference, *pictures])]
    if not pictures or len({luma.shape for luma in lumas}) > 1:
        return None
    height, width = (min(side, length) for length in lumas[0].shape[-2:])
    means = _window_means(np.ptp(lumas, axis=0)[0], height, width)
    index = int(means.argmax())
    return Crop(index % means.shape[1], index // means.shape[1], width, height, float(means.max()))


def _window_means(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float64]:
    sums = np.pad(values.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[height:] - sums[:-height]
    return np.asarray((rows[:, width:] - rows[:, :-width]) / (height * width))
