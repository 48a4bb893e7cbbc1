"""PAM, the Netpbm format with any channels.  Source: Netpbm, pam(5)."""

import re
from dataclasses import dataclass
from math import prod

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.metadata.icc import NO_COLOUR, Colour

SIGNATURE = b"P7\n"
_HEADER = re.compile(rb"P7\n(.*?\n|)ENDHDR\n", re.DOTALL)
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class PamHeader:
    """The header of a PAM."""

    height: int
    width: int
    channels: int
    top: int
    """The value of white."""
    start: int
    """Where the pixels start."""
    dpi: None = None
    colour: Colour = NO_COLOUR


def read_header(data: bytes) -> PamHeader:
    """The header of a PAM.  Raises PictureError for one that cannot be read."""
    found = _HEADER.match(data)
    fields = {name: int(number) for name, number in _FIELD.findall(found[1])} if found else {}
    height, width, channels, top = (fields.get(name, 0) for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL"))
    if not found or not height or not width or not 0 < top < 65_536:
        raise PictureError("its header is damaged", "copy or download it again")
    if not 0 < channels < 5:
        raise PictureError(f"PAM with {channels} channels is not supported", "convert it to TIFF first")
    return PamHeader(height, width, channels, top, found.end())


def decode(data: bytes) -> Values:
    """The values (H, W, C), scaled to all of 8 or 16 bits.  Raises ValueError if pixels are missing."""
    header = read_header(data)
    shape, is_byte = (header.height, header.width, header.channels), header.top < 256
    values = np.frombuffer(data, ">u1" if is_byte else ">u2", prod(shape), header.start).reshape(shape)
    scaled = np.rint(np.minimum(values, header.top) * ((255 if is_byte else 65_535) / header.top))
    return np.asarray(scaled, np.uint8 if is_byte else np.uint16)
