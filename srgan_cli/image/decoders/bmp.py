"""BMP that Pillow refuses: odd bit fields, palettes and headers.  Source: Microsoft, Bitmap Header Types; OS/2 2.0."""

import struct
from collections.abc import Callable
from functools import partial

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.codec.remainder import trailing
from srgan_cli.image.decoders.base import Header
from srgan_cli.image.metadata.bmp import read_colour
from srgan_cli.image.metadata.record import METRES_PER_INCH, Metadata, trailing_note

SIGNATURE = b"BM"
_FILE_HEADER = 14
_INFO_HEADER = 40
_RGB, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 3, 6
_ALPHA_HEADER = 56  # from this size on, the header has a mask for alpha
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 24: (0xFF0000, 0xFF00, 0xFF), 32: (0xFF0000, 0xFF00, 0xFF)}


def read_header(data: bytes) -> Header:
    """The header of a BMP.  Raises PictureError for a compression or depth that cannot be read."""
    size = int.from_bytes(data[_FILE_HEADER : _FILE_HEADER + 4], "little")
    fields = data[_FILE_HEADER + 4 : _FILE_HEADER + min(size, _INFO_HEADER)].ljust(_INFO_HEADER - 4, b"\0")
    width, rows, _, bits, compression, _, across, down, colours, _ = struct.unpack("<iiHHLLllLL", fields)
    if compression not in (_RGB, _BIT_FIELDS, _ALPHA_BIT_FIELDS):
        name = {1: "RLE8", 2: "RLE4", 4: "JPEG", 5: "PNG"}.get(compression, f"number {compression}")
        raise PictureError(f"BMP with the compression {name} is not supported", "convert it to PNG first")
    if bits not in (1, 2, 4, 8, *_DEFAULT_MASKS) or width <= 0 or not rows:
        raise PictureError(f"BMP of {width} x {rows} pixels of {bits} bits is not supported", "convert it to PNG first")
    dpi = (across * METRES_PER_INCH, down * METRES_PER_INCH) if across > 0 and down > 0 else None
    start, (colour, profile, notes) = int.from_bytes(data[10:14], "little"), read_colour(data)
    metadata, notes = Metadata(dpi=dpi, colour=colour), [*notes, *trailing_note(trailing("BMP", data))]
    if bits <= 8:
        table = data[_FILE_HEADER + size : start][: 4 * min(colours or 256, 2**bits)]
        convert = partial(_colours, table=table, bits=bits, width=width)
    else:
        convert = partial(_bit_fields, masks=_masks(data, size, compression, bits), width=width, each=bits // 8)
    decode = partial(_decode, data, start, rows, -(-width * bits // 32) * 4, convert)
    return Header(abs(rows), width, metadata, notes, profile, decode)


def _decode(
    data: bytes, start: int, rows: int, stride: int, convert: Callable[[Values], Values]
) -> tuple[Values, list[str]]:
    """The values (H, W, 3 or 4), uint8 or uint16, of rows that start at the bottom if their number is positive."""
    lines = np.frombuffer(data, np.uint8, stride * abs(rows), start).reshape(-1, stride)
    return convert(lines[::-1] if rows > 0 else lines), []


def _colours(lines: Values, *, table: bytes, bits: int, width: int) -> Values:
    """The colours of indices; those beyond the palette are black."""
    index = np.unpackbits(lines, axis=1).reshape(len(lines), -1, bits)[:, :width] @ (1 << np.arange(bits)[::-1])
    palette, found = np.zeros((256, 3), np.uint8), np.frombuffer(table, np.uint8).reshape(-1, 4)
    palette[: len(found)] = found[:, 2::-1]
    return np.asarray(palette[index])


def _bit_fields(lines: Values, *, masks: tuple[int, ...], width: int, each: int) -> Values:
    """The channels by their masks, of pixels of `each` bytes.  Alpha that is zero everywhere is unused."""
    stored = lines[:, : width * each].reshape(len(lines), width, each)
    pixels = stored.astype(np.uint32) @ (1 << 8 * np.arange(each, dtype=np.uint32))
    deep = max(mask.bit_count() for mask in masks) > 8
    channels = [_scaled(pixels, mask, 65_535 if deep else 255) for mask in masks]
    if len(channels) == 4 and not channels[3].any():
        channels.pop()
    return np.stack(channels, axis=-1).astype(np.uint16 if deep else np.uint8)


def _masks(data: bytes, size: int, compression: int, bits: int) -> tuple[int, ...]:
    if compression == _RGB:
        return _DEFAULT_MASKS[bits]
    has_alpha = size >= _ALPHA_HEADER or compression == _ALPHA_BIT_FIELDS
    masks = struct.unpack_from("<4L", data, _FILE_HEADER + _INFO_HEADER)
    return masks if has_alpha and masks[3] else masks[:3]


def _scaled(pixels: Values, mask: int, top: int) -> Values:
    """One channel, 0…`top`."""
    if not mask:
        return np.zeros_like(pixels)
    shift = (mask & -mask).bit_length() - 1
    return np.asarray(np.rint(((pixels & mask) >> shift) * (top / (mask >> shift))))
