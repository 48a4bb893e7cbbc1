"""Conversion between the values that files store and arrays of floats 0…1, without torch."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import Raster, ValueRange, Values
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.luma import Array, PixelsT, as_float64, to_rgb

UNIT_RANGE: ValueRange = (0.0, 1.0)
_FLOAT_DEPTH = 32


def read_on_white(path: Path, *, max_pixels: int | None = None) -> Array:
    """The first picture of a file as float64 (1 or 3, H, W), flattened on white.

    Raises PictureError as open_reader does, and for more than `max_pixels` pixels (None: DEFAULT_MAX_PIXELS).
    """
    with open_reader(path, max_pixels=max_pixels) as reader:
        check_max_pixels(path, *reader.size(0), max_pixels=max_pixels)
        raster = reader.read(0)
        colour, alpha = to_arrays(
            raster.values, raster.depth, raster.has_alpha, value_range=value_range_of(raster)[0], dtype=np.float64
        )
    return colour if alpha is None else colour * alpha + (1 - alpha)


def value_range_of(raster: Raster) -> tuple[ValueRange, tuple[str, ...]]:
    """The range that the colours of a float picture span, at least 0…1, and a note if some are NaN or infinite.

    Goes through all of its rows.  Integers always have UNIT_RANGE.
    """
    if raster.depth < _FLOAT_DEPTH:
        return UNIT_RANGE, ()
    low, high, finite = 0.0, 1.0, True
    for band in raster.rows.bands():
        colour = band[..., :-1] if raster.has_alpha else band
        numbers = colour[np.isfinite(colour)]
        finite = finite and bool(np.isfinite(band).all())
        low, high = min(low, float(numbers.min(initial=0))), max(high, float(numbers.max(initial=1)))
    return (low, high), () if finite else ("its NaN and infinite values are set to 0 or 1",)


def to_arrays(
    values: Values,
    depth: int,
    has_alpha: bool,
    *,
    value_range: ValueRange = UNIT_RANGE,
    dtype: type[np.floating[Any]] = np.float32,
) -> tuple[Array, Array | None]:
    """Colour (1 or 3, H, W) and alpha (1, H, W) or None, 0…1, of values (H, W, C) with `depth` bits a channel."""
    channels = np.array(values.transpose(2, 0, 1), dtype, order="C")
    colour, alpha = (channels[:-1], channels[-1:]) if has_alpha else (channels, None)
    if depth < _FLOAT_DEPTH:
        channels /= 2**depth - 1
        return colour, alpha
    np.nan_to_num(channels, copy=False, nan=0, posinf=1, neginf=0)
    if value_range != UNIT_RANGE:
        low, high = (bound / 2 for bound in value_range)  # halves: the whole difference may overflow
        np.divide(colour / 2 - low, high - low, out=colour)
    return colour, None if alpha is None else alpha.clip(0, 1)


def to_image(pixels: PixelsT) -> Image.Image:
    """Pixels (1 or 3, H, W) with values 0…1 as a Pillow image, RGB with 8 bits."""
    levels = np.rint(as_float64(to_rgb(pixels)).clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
