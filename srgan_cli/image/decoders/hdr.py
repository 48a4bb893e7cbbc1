"""Radiance HDR: linear floats.  Source: G. Ward, The RADIANCE Picture File Format, 1991."""

import re
from dataclasses import dataclass

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.metadata.icc import Colour, from_calibration

SIGNATURE = (b"#?RADIANCE", b"#?RGBE")
_HEADER = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")
_PRIMARIES = re.compile(rb"\nPRIMARIES= *((?:[\d.]+ *){8})\n")


@dataclass(frozen=True)
class HdrHeader:
    """The header of a Radiance HDR."""

    height: int
    width: int
    colour: Colour
    dpi: None = None


def read_header(data: bytes) -> HdrHeader:
    """The header of a Radiance HDR.  Raises PictureError for other than upright RGB."""
    found, stated = _HEADER.search(data[:65_536]), _PRIMARIES.search(data[:65_536])
    if not found or b"FORMAT=32-bit_rle_xyze" in data[: found.start()]:
        raise PictureError("Radiance HDR in XYZ or turned is not supported", "convert it to TIFF first")
    numbers = tuple(map(float, stated[1].split())) if stated else None
    chromaticities = (*numbers[6:], *numbers[:6]) if numbers else None
    return HdrHeader(int(found[1]), int(found[2]), from_calibration(chromaticities, 1.0))


def decode(data: bytes) -> Values:
    """The values (H, W, 3), float32."""
    try:
        import imagecodecs
    except ImportError as error:
        raise PictureError("it is a Radiance HDR", "pip install 'srgan-cli[tiff]'") from error
    return np.asarray(imagecodecs.rgbe_decode(data))
