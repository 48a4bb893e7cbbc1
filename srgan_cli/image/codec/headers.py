"""What stands in the headers of files and Pillow does not tell: bits a channel, boxes."""

import os
import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO

import numpy as np
from PIL import Image

from srgan_cli.image.codec.raster import Values

_GAP = rb"(?:\s|#[^\n]*\n)+"
_NETPBM = re.compile(rb"P([56])" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_HEAD = 65_536
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_END = len(PNG_SIGNATURE) + 25
_REPLACED_CHUNKS = (b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"bKGD", b"hIST", b"sBIT")
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Of the kinds of PNG without a palette: grey, colour, and both with alpha."""


@dataclass(frozen=True)
class PngHeader:
    """What stands in a PNG besides its pixels.

    is_plain: its values are stored one by one in whole bytes, and it does not move.  decode_bytes: bytes that it
    takes to put its
    rows in order, 0 where they are.  metadata_image: a PNG of a single pixel that
    says of itself all that this one says.
    """

    height: int
    width: int
    is_plain: bool
    decode_bytes: int
    metadata_image: bytes


def read_png_header(file: IO[bytes]) -> PngHeader | None:
    """The head of a PNG, or None for a file that is none or is damaged before its pixels."""
    chunks = _png_chunks(file)
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        return None
    width, height, bits, kind, _, _, interlaced = struct.unpack(">LLBBBBB", chunks[0][1])
    names = [name for name, _ in chunks]
    plain = bits >= 8 and kind in _CHANNELS and b"acTL" not in names
    small = BytesIO()
    Image.new("L", (1, 1)).save(small, "PNG")
    metadata_chunks = b"".join(png_chunk(name, content) for name, content in chunks if name not in _REPLACED_CHUNKS)
    metadata_image = small.getvalue()[:PNG_HEADER_END] + metadata_chunks + small.getvalue()[PNG_HEADER_END:]
    decode_bytes = height * width * _CHANNELS.get(kind, 1) * bits // 8 if interlaced else 0
    return PngHeader(height, width, plain and b"IDAT" in names, decode_bytes, metadata_image)


def bits_per_channel(image: Image.Image, file: IO[bytes]) -> int:
    """Bits a channel as the file's header tells them."""
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    head = _head(file)
    if image.format == "PNG":
        return head[PNG_HEADER_END - 9]
    if image.format == "PPM":
        found = _NETPBM.match(head)
        return 16 if found and int(found[4]) > 255 else 8
    if image.format == "AVIF":
        return _av1_bits(head)
    return 16 if ";16" in " ".join(str(tile[3]) for tile in getattr(image, "tile", ())) else 8


def read_netpbm(data: bytes) -> Values | None:
    """The values of a binary PGM or PPM of 16 bits as (H, W, C), spread to 0…65535; None for another file."""
    found = _NETPBM.match(data)
    if found is None:
        return None
    channels, (width, height, top) = {b"5": 1, b"6": 3}[found[1]], (int(found[number]) for number in (2, 3, 4))
    values = np.frombuffer(data, ">u2", height * width * channels, found.end()).reshape(height, width, channels)
    spread: Values = np.rint(np.minimum(values, top) * (65_535 / top)).astype(np.uint16)
    return spread


def read_boxes(data: bytes) -> dict[bytes, bytes]:
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


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG.  Source: Portable Network Graphics (third edition), W3C 2025, 5.3."""
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def _png_chunks(file: IO[bytes]) -> list[tuple[bytes, bytes]]:
    """The names and contents of a PNG's chunks, those with pixels empty."""
    file.seek(0)
    found: list[tuple[bytes, bytes]] = []
    if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:
        return found
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        content = b"" if name in (b"IDAT", b"fdAT") else file.read(length)
        file.seek(4 + (0 if content else length), os.SEEK_CUR)
        found.append((name, content))
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


_SIGNATURE = b"\xff\x0a"
_PARTIAL_BOX_COUNTER = 4


@dataclass(frozen=True)
class JxlHeader:
    """bits: a channel.  is_animated: it is an animation."""

    bits: int = 8
    is_animated: bool = False


def parse_jxl_header(data: bytes) -> JxlHeader:
    """What the file's head says; 8 bits and still where it cannot be understood."""
    stream = data if data.startswith(_SIGNATURE) else _codestream(data)
    try:
        return _read(_Bits(stream[len(_SIGNATURE) :]))
    except IndexError:
        return JxlHeader()


def _codestream(data: bytes) -> bytes:
    """The beginning of the code within its boxes."""
    found = read_boxes(data)
    return found.get(b"jxlc") or found.get(b"jxlp", b"")[_PARTIAL_BOX_COUNTER:]


class _Bits:
    """Bits from the least significant on.  Raises IndexError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, count: int) -> int:
        value = 0
        for index in range(count):
            value |= (self.data[self.place >> 3] >> (self.place & 7) & 1) << index
            self.place += 1
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """One of four numbers, each a base and how many bits are added to it."""
        base, count = choices[self.take(2)]
        return base + self.take(count)


def _read(bits: _Bits) -> JxlHeader:
    _skip_size(bits)
    if bits.take(1):
        return JxlHeader()
    moves = _is_animated(bits) if bits.take(1) else False
    if bits.take(1):
        return JxlHeader(bits.choose((32, 0), (16, 0), (24, 0), (1, 6)), moves)
    return JxlHeader(bits.choose((8, 0), (10, 0), (12, 0), (1, 6)), moves)


def _is_animated(bits: _Bits) -> bool:
    bits.take(3)  # orientation
    if bits.take(1):
        _skip_size(bits)
    if bits.take(1):
        _skip_preview(bits)
    if not bits.take(1):
        return False
    bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
    bits.take(1)
    return True


def _skip_size(bits: _Bits) -> None:
    eighths = bits.take(1)
    for is_width in (False, True):
        if is_width and bits.take(3):
            return
        if eighths:
            bits.take(5)
        else:
            bits.choose((1, 9), (1, 13), (1, 18), (1, 30))


def _skip_preview(bits: _Bits) -> None:
    eighths = bits.take(1)
    for is_width in (False, True):
        if is_width and bits.take(3):
            return
        if eighths:
            bits.choose((16, 0), (32, 0), (1, 5), (33, 9))
        else:
            bits.choose((1, 6), (65, 8), (321, 10), (1345, 12))
