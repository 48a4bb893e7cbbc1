"""Netpbm: bitmaps, grey, RGB and, in PAM, up to four channels, as text or bytes.  Source: Netpbm, pbm(5) to pam(5)."""

import re
from dataclasses import dataclass

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import DAMAGED_HINT, Header
from srgan_cli.image.metadata.jpeg import decode_comment
from srgan_cli.image.metadata.record import Metadata, trailing_note

SIGNATURE = (b"P7\n", *(b"P%d%c" % (kind, gap) for kind in range(1, 7) for gap in b" \t\r\n\v\f#"))
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"  # between two numbers
_HEADER = re.compile(rb"P(?:[14](?:%b\d{1,9}){2}|[2356](?:%b\d{1,9}){3})\s" % (_GAP, _GAP))
_PAM_HEADER = re.compile(rb"P7\n(.*?\n|)ENDHDR\n", re.DOTALL)
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d+)\s*$", re.MULTILINE)
_COMMENT = re.compile(rb"#[ \t]*([^\r\n]*)")
_BITMAPS, _TEXTS, _COLOURS = b"14", b"123", b"36"  # kinds, by the digit in their signature


@dataclass(frozen=True)
class NetpbmHeader(Header):
    """The header of a Netpbm file."""

    kind: bytes
    """The digit in its signature."""
    channels: int
    top: int
    """The value of white, or of black in a bitmap."""
    start: int
    """Where the pixels start."""


def read_header(data: bytes) -> NetpbmHeader:
    """The header of a file.  Raises PictureError for one that cannot be read."""
    kind = data[1:2]
    found = (_PAM_HEADER if kind == b"7" else _HEADER).match(data)
    height, width, channels, top = _numbers(kind, found[0]) if found else (0, 0, 0, 0)
    if not found or not height or not width or not 0 < top < 65_536:
        raise PictureError("its header is damaged", DAMAGED_HINT)
    if not 0 < channels < 5:
        raise PictureError(f"PAM with {channels} channels is not supported", "convert it to TIFF first")
    end = found.end() + height * _row_bytes(kind, width * channels, top)
    notes = [] if kind in _TEXTS else trailing_note(data[end:])
    comments = (decode_comment(line.strip()) for line in _COMMENT.findall(found[0]))
    metadata = Metadata(comments=tuple(filter(None, comments)))
    return NetpbmHeader(height, width, metadata, notes, None, kind, channels, top, found.end())


def _numbers(kind: bytes, header: bytes) -> list[int]:
    """Height, width, channels and the value of white, each 0 if it is missing."""
    if kind == b"7":
        fields = {name: int(number) for name, number in _FIELD.findall(header)}
        return [fields.get(name, 0) for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL")]
    width, height, *rest = map(int, _COMMENT.sub(b"", header[2:]).split())
    return [height, width, 3 if kind in _COLOURS else 1, *(rest or [1])]


def _row_bytes(kind: bytes, samples: int, top: int) -> int:
    """Bytes of a row that is not text."""
    return (samples + 7) // 8 if kind in _BITMAPS else samples * (1 + (top > 255))


def decode(data: bytes, header: NetpbmHeader) -> Values:
    """The values (H, W, C), scaled to all of 8 or 16 bits.  Raises ValueError if pixels are missing."""
    values = (_read_text if header.kind in _TEXTS else _read_bytes)(data, header)
    values = values.reshape(header.height, header.width, header.channels)
    values = header.top - values if header.kind in _BITMAPS else values
    white, kind = (255, np.uint8) if header.top < 256 else (65_535, np.uint16)
    if header.top != white:
        values = np.rint(np.minimum(values, header.top) * (white / header.top))
    return np.asarray(values, kind)


def _read_text(data: bytes, header: NetpbmHeader) -> Values:
    text, count = _COMMENT.sub(b"", data[header.start :]), header.height * header.width * header.channels
    if header.kind in _BITMAPS:  # with or without gaps between the digits
        return np.frombuffer(re.sub(rb"[^01]", b"", text), np.uint8, count) - ord("0")
    return np.array(text.split(maxsplit=count)[:count], np.int64)


def _read_bytes(data: bytes, header: NetpbmHeader) -> Values:
    row_bytes = _row_bytes(header.kind, header.width * header.channels, header.top)
    stored = np.frombuffer(data, np.uint8, header.height * row_bytes, header.start).reshape(header.height, -1)
    if header.kind in _BITMAPS:
        return np.unpackbits(stored, axis=1)[:, : header.width]
    return stored.view(">u1" if header.top < 256 else ">u2")
