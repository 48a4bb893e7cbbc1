"""Conversion between PIL images and pixels 0…1."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.pillow import ORIENTED_BY_DECODER, decode
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.convert.arrays import from_array, to_array
from srgan_cli.image.convert.tensors import Channels
from srgan_cli.image.metadata.reading import read_info
from srgan_cli.image.metadata.record import Metadata


class Decoded(NamedTuple):
    """What a PIL image holds."""

    channels: Channels
    icc_profile: bytes | None
    """The colour profile; None where its colours became sRGB."""
    metadata: Metadata
    notes: tuple[str, ...]
    """A sentence for everything that was changed or dropped."""


def from_image(image: Image.Image, value_range: ValueRange | None = None) -> Decoded:
    """The pixels and metadata of an image of any mode but I, upright.

    CMYK, Lab, HSV and YCbCr become RGB.  Raises PictureError for mode I and for a damaged file, and UsageError as
    `from_tensor` does.
    """
    path = Path(getattr(image, "filename", "") or "the image")
    with translate_errors(path):
        image.load()
        metadata, notes = read_info(image)
        orientation = 1 if image.format in ORIENTED_BY_DECODER else metadata.orientation
        values, profile, changes = decode(image, path, orientation=orientation)
    return Decoded(from_array(values, value_range), profile, metadata.upright(), (*notes, *changes))


def to_image(
    pixels: Tensor,
    alpha: Tensor | None,
    depth: int,
    value_range: ValueRange,
    icc_profile: bytes | None,
    metadata: Metadata,
) -> Image.Image:
    """An image of mode L, LA, RGB or RGBA; grey of 16 bits has the mode I;16, grey floats F."""
    is_grey = len(pixels) == 1 and alpha is None
    dtype = {16: np.uint16, 32: np.float32}.get(depth, np.uint8) if is_grey else np.uint8
    image = Image.fromarray(to_array(pixels, alpha, dtype, value_range))
    info = {"icc_profile": icc_profile, "exif": metadata.exif, "xmp": metadata.xmp, "dpi": metadata.dpi}
    image.info |= {key: value for key, value in info.items() if value}
    return image
