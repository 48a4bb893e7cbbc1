"""Radiance HDR: linear floats.  Source: G. Ward, The RADIANCE Picture File Format, 1991."""

import re

import numpy as np

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import DAMAGED_HINT, Header
from srgan_cli.image.metadata.icc import from_calibration
from srgan_cli.image.metadata.record import Metadata

SIGNATURE = (b"#?RADIANCE", b"#?RGBE")
_HEADER = re.compile(rb"\n\n([-+][XY]) (\d{1,9}) ([-+][XY]) (\d{1,9})\n")
_NAME = re.compile(rb"\s*(\w{1,40})\s*=")
_LOST = re.compile(rb"\n(?!FORMAT=|PRIMARIES=)([^\n]*\S[^\n]*)")
_MOST_NAMES = 5
_NUMBER = rb"-?\d{0,9}\.?\d{1,9}"
_PRIMARIES = re.compile(rb"\nPRIMARIES= *(%b(?: +%b){7}) *\n" % (_NUMBER, _NUMBER))


def read_header(data: bytes) -> Header:
    """The header of a Radiance HDR.  Raises PictureError if it is damaged, and for other than upright RGB."""
    if not (found := _HEADER.search(data[:65_536])):
        raise PictureError("its header is damaged", DAMAGED_HINT)
    texts = data[: found.start() + 1]
    if (found[1], found[3]) != (b"-Y", b"+X") or b"FORMAT=32-bit_rle_xyze" in texts:
        raise PictureError("Radiance HDR in XYZ or turned is not supported", "convert it to TIFF first")
    stated = _PRIMARIES.search(texts)
    others = list(dict.fromkeys(map(_name, _LOST.findall(texts))))
    listed = ", ".join([*others[:_MOST_NAMES], *(["…"] if len(others) > _MOST_NAMES else [])])
    notes = [f"dropped from its header: {listed}"] if others else []
    numbers = tuple(map(float, stated[1].split())) if stated else None
    colour = from_calibration((*numbers[6:], *numbers[:6]) if numbers else None, 1.0)
    is_damaged = b"\nPRIMARIES=" in texts and not colour.chromaticities
    notes += ["its PRIMARIES are dropped: they are damaged"] if is_damaged else []
    return Header(int(found[2]), int(found[4]), Metadata(colour=colour), notes, None)


def _name(line: bytes) -> str:
    """What a line of the header is called."""
    found = _NAME.match(line)
    return found[1].decode() if found else "comments" if line.lstrip().startswith(b"#") else "other lines"


def decode(data: bytes, _: Header) -> Values:
    """The values (H, W, 3), float32."""
    return np.asarray(import_extra("imagecodecs", "tiff", "it is a Radiance HDR", PictureError).rgbe_decode(data))
