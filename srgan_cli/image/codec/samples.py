"""Values of files as planes of floats, 0…1, and pictures read as such."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import Raster, Values
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.luma import Array, PixelsT, as_float64, to_rgb

ValueRange = tuple[float, float]
UNIT_RANGE: ValueRange = (0.0, 1.0)
_FLOATS = 32


def read_on_white(path: Path, *, max_pixels: int | None = None) -> Array:
    """The first picture of a file as float64 (1 or 3, H, W), the transparent laid on white.

    Raises PictureError as open_reader does, and for more than `max_pixels` pixels (None: DEFAULT_MAX_PIXELS).
    """
    with open_reader(path) as source:
        check_max_pixels(path, *source.size(0), max_pixels=max_pixels)
        raster = source.read(0)
        colour, alpha = to_arrays(raster.values, raster.depth, raster.has_alpha, value_range_of(raster)[0], np.float64)
    return colour if alpha is None else colour * alpha + (1 - alpha)


def value_range_of(raster: Raster) -> tuple[ValueRange, tuple[str, ...]]:
    """What 0 and 1 stand for in the values, of floats of whatever range; a sentence if some of those are no numbers."""
    if raster.depth < _FLOATS:
        return UNIT_RANGE, ()
    low, high, finite = 0.0, 1.0, True
    for band in raster.rows.bands():
        colour = band[..., :-1] if raster.has_alpha else band
        numbers = colour[np.isfinite(colour)]
        finite = finite and bool(np.isfinite(band).all())
        low, high = min(low, float(numbers.min(initial=0))), max(high, float(numbers.max(initial=1)))
    return (low, high), () if finite else ("its values that are no numbers are set to 0 or 1",)


def to_arrays(
    values: Values,
    depth: int,
    transparent: bool,
    value_range: ValueRange = UNIT_RANGE,
    dtype: type[np.floating[Any]] = np.float32,
) -> tuple[Array, Array | None]:
    """Colour (1 or 3, H, W), and alpha (1, H, W) if there is any, of values (H, W, C) with so many bits a channel."""
    found = np.array(values.transpose(2, 0, 1), dtype, order="C")
    colour, alpha = (found[:-1], found[-1:]) if transparent else (found, None)
    if depth < _FLOATS:
        found /= 2**depth - 1
        return colour, alpha
    np.nan_to_num(found, copy=False, nan=0, posinf=1, neginf=0)
    if value_range != UNIT_RANGE:
        low, high = (
            bound / 2 for bound in value_range
        )  # halves: what lies between the ends may be more than floats hold
        np.divide(colour / 2 - low, high - low, out=colour)
    return colour, None if alpha is None else alpha.clip(0, 1)


def to_image(pixels: PixelsT) -> Image.Image:
    """(1 or 3, H, W) with values 0…1 as an image of Pillow's, RGB in 8 bits."""
    levels = np.rint(as_float64(to_rgb(pixels)).clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
