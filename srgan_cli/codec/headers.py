"""What stands in the headers of files and Pillow does not tell: bits a channel, boxes."""

import re
from typing import IO

import numpy as np
from PIL import Image

from srgan_cli.codec.raster import Values

_GAP = rb"(?:\s|#[^\n]*\n)+"
_NETPBM = re.compile(rb"P([56])" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_HEAD = 65_536
_PNG_BITS = 24


def bits(image: Image.Image, file: IO[bytes]) -> int:
    """Bits a channel as the file's header tells them."""
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    head = _head(file)
    if image.format == "PNG":
        return head[_PNG_BITS]
    if image.format == "PPM":
        found = _NETPBM.match(head)
        return 16 if found and int(found[4]) > 255 else 8
    if image.format == "AVIF":
        return _av1_bits(head)
    return 16 if ";16" in " ".join(str(tile[3]) for tile in getattr(image, "tile", ())) else 8


def netpbm(data: bytes) -> Values | None:
    """The values of a binary PGM or PPM of 16 bits as (H, W, C), spread to 0…65535; None for another file."""
    found = _NETPBM.match(data)
    if found is None:
        return None
    channels, (width, height, top) = {b"5": 1, b"6": 3}[found[1]], (int(found[number]) for number in (2, 3, 4))
    values = np.frombuffer(data, ">u2", height * width * channels, found.end()).reshape(height, width, channels)
    spread: Values = np.rint(np.minimum(values, top) * (65_535 / top)).astype(np.uint16)
    return spread


def boxes(data: bytes) -> dict[bytes, bytes]:
    """The contents of a file's outermost boxes by their names, the first of each.  Source: ISO/IEC 14496-12, 4.2."""
    found: dict[bytes, bytes] = {}
    place = 0
    while place + 8 <= len(data):
        size, start = int.from_bytes(data[place : place + 4], "big"), place + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), place + 16
        end = place + size if size else len(data)
        if end < start:
            break
        found.setdefault(data[place + 4 : place + 8], data[start:end])
        place = end
    return found


def _head(file: IO[bytes]) -> bytes:
    place = file.tell()
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(place)
    return head


def _av1_bits(head: bytes) -> int:
    """From the configuration that every AVIF carries.  Source: AV1 codec ISO media file format binding, 2.3."""
    at = head.find(b"av1C")
    flags = head[at + 6] if 0 <= at < len(head) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
