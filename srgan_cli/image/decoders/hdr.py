"""Radiance HDR: linear floats.  Source: G. Ward, The RADIANCE Picture File Format, 1991."""

import re
from dataclasses import dataclass

import numpy as np

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import DAMAGED_HINT
from srgan_cli.image.metadata.icc import Colour, from_calibration

SIGNATURE = (b"#?RADIANCE", b"#?RGBE")
_HEADER = re.compile(rb"\n\n([-+][XY]) (\d{1,9}) ([-+][XY]) (\d{1,9})\n")
_NAME = re.compile(rb"^([A-Z]+) *=", re.MULTILINE)
_NUMBER = rb"\d{0,9}\.?\d{1,9}"
_PRIMARIES = re.compile(rb"\nPRIMARIES= *(%b(?: +%b){7}) *\n" % (_NUMBER, _NUMBER))


@dataclass(frozen=True)
class HdrHeader:
    """The header of a Radiance HDR."""

    height: int
    width: int
    colour: Colour
    notes: tuple[str, ...]
    dpi: None = None


def read_header(data: bytes) -> HdrHeader:
    """The header of a Radiance HDR.  Raises PictureError if it is damaged, and for other than upright RGB."""
    if not (found := _HEADER.search(data[:65_536])):
        raise PictureError("its header is damaged", DAMAGED_HINT)
    texts = data[: found.start() + 1]
    if (found[1], found[3]) != (b"-Y", b"+X") or b"FORMAT=32-bit_rle_xyze" in texts:
        raise PictureError("Radiance HDR in XYZ or turned is not supported", "convert it to TIFF first")
    stated = _PRIMARIES.search(texts)
    notes = [] if stated or b"\nPRIMARIES=" not in texts else ["its PRIMARIES are dropped: they are damaged"]
    others = dict.fromkeys(name.decode() for name in _NAME.findall(texts) if name not in (b"FORMAT", b"PRIMARIES"))
    notes += [f"its {' '.join(others)} in the header are dropped"] if others else []
    numbers = tuple(map(float, stated[1].split())) if stated else None
    chromaticities = (*numbers[6:], *numbers[:6]) if numbers else None
    return HdrHeader(int(found[2]), int(found[4]), from_calibration(chromaticities, 1.0), tuple(notes))


def decode(data: bytes) -> Values:
    """The values (H, W, 3), float32."""
    return np.asarray(import_extra("imagecodecs", "tiff", "it is a Radiance HDR", PictureError).rgbe_decode(data))
