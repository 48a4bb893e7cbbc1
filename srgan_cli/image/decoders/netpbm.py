"""Netpbm: bitmaps, grey, RGB and, in PAM, up to four channels, as text or bytes.  Source: Netpbm, pbm(5) to pam(5)."""

import re
from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import DAMAGED_HINT, Header
from srgan_cli.image.metadata.jpeg import decode_comment
from srgan_cli.image.metadata.record import Metadata, trailing_note

SIGNATURE = (b"P7\n", *(b"P%d%c" % (kind, gap) for kind in range(1, 7) for gap in b" \t\r\n\v\f#"))
_MOST_HEADER_BYTES = 65_536
_COMMENT = re.compile(rb"#[ \t]*([^\r\n]*)")
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])"  # between two numbers, repeated
_SIZE = rb"%b+0*(\d{1,9})" % _GAP
_HEADER = re.compile(rb"P(?:[14]|([2356]))%b%b(?(1)%b)\s" % (_SIZE, _SIZE, _SIZE))
_PAM_HEADER = re.compile(rb"P7\n(.*?\n|)ENDHDR\n", re.DOTALL)
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+0*(\d{1,9})\s*$", re.MULTILINE)
_PAM_COMMENT = re.compile(b"^" + _COMMENT.pattern, re.MULTILINE)
_BITMAPS, _TEXTS, _COLOURS = (b"1", b"4"), (b"1", b"2", b"3"), (b"3", b"6")  # kinds, by the digit in their signature
_Shape = tuple[int, int, int]  # height, width and channels
_BLOCK = 1 << 20  # values scaled at a time: NumPy makes an index of 8 bytes of each


def read_header(data: bytes) -> Header:
    """The header of a file.  Raises PictureError for one that cannot be read."""
    kind = data[1:2]
    found = (_PAM_HEADER if kind == b"7" else _HEADER).match(data[:_MOST_HEADER_BYTES])
    height, width, channels, top = _numbers(kind, found) if found else (0, 0, 0, 0)
    if not found or not height or not width or not 0 < top < 65_536:
        raise PictureError("its header is damaged", DAMAGED_HINT)
    if not 0 < channels < 5:
        raise PictureError(f"PAM with {channels} channels is not supported", "convert it to TIFF first")
    lines = (_PAM_COMMENT if kind == b"7" else _COMMENT).findall(found[0])
    metadata = Metadata(comments=tuple(filter(None, (decode_comment(line.strip()) for line in lines))))
    shape, needed = (height, width, channels), _decode_bytes(len(data), kind, height * width * channels, top)
    read = partial(_read_text if kind in _TEXTS else _read_bytes, data, found.end(), shape, top, kind in _BITMAPS)
    return Header(height, width, metadata, [], None, partial(_decode, read, shape, top), decode_bytes=needed)


def _numbers(kind: bytes, header: re.Match[bytes]) -> list[int]:
    """Height, width, channels and the value of white, each 0 if it is missing."""
    if kind == b"7":
        fields = {name: int(number) for name, number in _FIELD.findall(header[0])}
        return [fields.get(name, 0) for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL")]
    return [int(header[3]), int(header[2]), 3 if kind in _COLOURS else 1, int(header[4] or 255)]


def _decode_bytes(size: int, kind: bytes, samples: int, top: int) -> int:
    """The memory that decoding takes: the file, copies of its text, and the values; numbers in text take 8 bytes."""
    copies, number = {b"1": (3, 0), b"2": (2, 8), b"3": (2, 8)}.get(kind, (1, 0))
    return size * copies + samples * (1 + (top > 255) + number)


def _decode(read: Callable[[], tuple[Values, list[str]]], shape: _Shape, top: int) -> tuple[Values, list[str]]:
    """The values (H, W, C), scaled to all of 8 or 16 bits, and notes."""
    stored, notes = read()
    white, kind = (255, np.uint8) if top < 256 else (65_535, np.uint16)
    if top == white:
        values = stored.astype(kind, copy=False)
    else:
        table = np.rint(np.minimum(np.arange(white + 1), top) * (white / top)).astype(kind)
        values = np.empty(stored.shape, kind)
        for start in range(0, values.size, _BLOCK):
            values[start : start + _BLOCK] = table[stored[start : start + _BLOCK]]
    return values.reshape(shape), notes


def _read_text(data: bytes, start: int, shape: _Shape, top: int, is_bitmap: bool) -> tuple[Values, list[str]]:
    """The values, and a note on what follows them.  Digits of a bitmap may follow each other without gaps.

    Raises PictureError for other text than numbers from 0 to white.
    """
    count = prod(shape)
    number = rb"(?:%b*+%b)" % (_GAP, rb"[01]" if is_bitmap else rb"\d++(?![^\s#])")
    found = re.compile(rb"%b{%d}+" % (number, count)).match(data, start) if count <= len(data) else None
    text = _COMMENT.sub(b"", found[0]) if found else b""
    if found and is_bitmap:
        values = np.frombuffer(text.translate(None, b" \t\r\n\v\f"), np.uint8) - np.uint8(ord("1"))
    else:
        values = np.fromstring(text, np.int64, sep=" ")
    if not found or values.max() > top:
        raise PictureError(f"its pixels are not {count} numbers from 0 to {1 if is_bitmap else top}", DAMAGED_HINT)
    return values, trailing_note(data[found.end() :].strip())


def _read_bytes(data: bytes, start: int, shape: _Shape, top: int, is_bitmap: bool) -> tuple[Values, list[str]]:
    """The values, and notes on those above white and on what follows them.  Raises ValueError if some are missing."""
    height, width, channels = shape
    row_bytes = (width + 7) // 8 if is_bitmap else width * channels * (1 + (top > 255))
    end = start + height * row_bytes
    stored, notes = np.frombuffer(data, np.uint8, end - start, start), trailing_note(data[end:])
    if is_bitmap:
        return np.unpackbits(stored.reshape(-1, row_bytes), axis=1, count=width) - np.uint8(1), notes
    values = stored.view(">u1" if top < 256 else ">u2")
    above = [f"its values above {top}, which is white, become white"] if values.max() > top else []
    return values, above + notes
