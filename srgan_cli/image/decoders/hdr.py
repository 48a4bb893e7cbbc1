"""Radiance HDR: linear floats.  Source: G. Ward, The RADIANCE Picture File Format, 1991."""

import re
from functools import partial

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import DAMAGED_HINT, Header
from srgan_cli.image.metadata.icc import from_calibration
from srgan_cli.image.metadata.record import Metadata, trailing_note

SIGNATURE = (b"#?RADIANCE", b"#?RGBE")
_HEADER = re.compile(rb"\n\n([-+][XY]) (\d{1,9}) ([-+][XY]) (\d{1,9})\n")
_NAME = re.compile(rb"\s*(\w{1,40})\s*=")
_LOST = re.compile(rb"\n(?!FORMAT=|PRIMARIES=)([^\n]*\S[^\n]*)")
_MOST_NAMES = 5
_LEAST_PACKED = 8  # narrower lines are not packed
_BIAS = 136  # of the exponents: 128, and 8 for the bits of a mantissa
_NUMBER = rb"-?\d{0,9}\.?\d{1,9}"
_PRIMARIES = re.compile(rb"\nPRIMARIES= *(%b(?: +%b){7}) *\n" % (_NUMBER, _NUMBER))


def read_header(data: bytes) -> Header:
    """The header of a Radiance HDR.  Raises PictureError if it is damaged, and for other than rows of RGB."""
    if not (found := _HEADER.search(data[:65_536])):
        raise PictureError("its header is damaged", DAMAGED_HINT)
    texts = data[: found.start() + 1]
    if found[1].endswith(b"X") or found[3].endswith(b"Y") or b"FORMAT=32-bit_rle_xyze" in texts:
        raise PictureError("Radiance HDR in XYZ or in columns is not supported", "convert it to TIFF first")
    stated = _PRIMARIES.search(texts)
    others = list(dict.fromkeys(map(_name, _LOST.findall(texts))))
    listed = ", ".join([*others[:_MOST_NAMES], *(["…"] if len(others) > _MOST_NAMES else [])])
    notes = [f"dropped from its header: {listed}"] if others else []
    numbers = tuple(map(float, stated[1].split())) if stated else None
    colour = from_calibration((*numbers[6:], *numbers[:6]) if numbers else None, 1.0)
    is_damaged = b"\nPRIMARIES=" in texts and not colour.chromaticities
    notes += ["its PRIMARIES are dropped: they are damaged"] if is_damaged else []
    height, width = int(found[2]), int(found[4])
    decode = partial(_decode, data, found.end(), height, width, (found[1] == b"+Y", found[3] == b"-X"))
    return Header(height, width, Metadata(colour=colour), notes, None, decode)


def _name(line: bytes) -> str:
    """What a line of the header is called."""
    found = _NAME.match(line)
    return found[1].decode() if found else "comments" if line.lstrip().startswith(b"#") else "other lines"


def _decode(data: bytes, start: int, height: int, width: int, flips: tuple[bool, bool]) -> tuple[Values, list[str]]:
    """The values (H, W, 3), float32, and a note on what follows them.  `flips`: from bottom to top, right to left."""
    stored = list[Values]()
    for _ in range(height):
        line, start = _read_line(data, start, width)
        stored.append(line)
    mantissas, exponents = np.split(np.stack(stored), [3], axis=2)
    values = np.ldexp(mantissas.astype(np.float32), exponents.astype(np.int32) - _BIAS) * (exponents > 0)
    return np.flip(values, tuple(axis for axis in (0, 1) if flips[axis])), trailing_note(data[start:])


def _read_line(data: bytes, start: int, width: int) -> tuple[Values, int]:
    """The bytes (W, 4) of a line, and where the next one starts."""
    if width < _LEAST_PACKED or data[start : start + 4] != b"\2\2" + width.to_bytes(4, "big")[2:]:
        return _read_pixels(data, start, width)
    line, start = bytearray(), start + 4
    while len(line) < 4 * width:
        count = data[start]
        is_run = count > 128
        line += data[start + 1 : start + 2] * (count - 128) if is_run else data[start + 1 : start + 1 + count]
        start += 2 if is_run else 1 + count
    return np.frombuffer(line, np.uint8).reshape(4, width).T, start


def _read_pixels(data: bytes, start: int, width: int) -> tuple[Values, int]:
    """The same of a line of pixels, of which 1, 1, 1 and a number repeat the one before, as in the first version."""
    line, shift = bytearray(data[start : start + 4 * width]), 0
    if b"\1\1\1" not in line:
        return np.frombuffer(line, np.uint8).reshape(width, 4), start + 4 * width
    line.clear()
    while len(line) < 4 * width:
        pixel, count, start = data[start : start + 4], data[start + 3], start + 4
        is_run = pixel.startswith(b"\1\1\1")
        line += line[-4:] * min(count << shift, width) if is_run else pixel
        shift = shift + 8 if is_run else 0
    return np.frombuffer(line, np.uint8).reshape(width, 4), start
