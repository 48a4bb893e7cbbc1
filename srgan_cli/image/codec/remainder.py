"""What of a file is not read: the pictures beside the first one, and what follows the end of formats without boxes.

Sources: Microsoft, DDS_HEADER and DDS_HEADER_DXT10; ITU-T T.800, annex A; J. D. Murray and W. vanRyper, Encyclopedia of
Graphics File Formats, 1996 (PCX, SGI, Sun Raster, TGA); The Quite OK Image Format, 2022.
"""

import struct
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import ImageFile

from srgan_cli.image.codec.pillow import open_image
from srgan_cli.image.decoders import psd
from srgan_cli.image.metadata.isobmff import BARE_JXL
from srgan_cli.image.metadata.record import trailing_note

_MULTIPLE = ("DCX", "FLI", "IM")  # formats of several pictures, of which the first one is read
_VOLUME, _FACES, _FOUR_LETTERS, _PALETTE = 0x200000, 0xFC00, 4, 0x20  # flags of DDS
_SMALL_BLOCKS, _SMALL_NUMBERS = (b"DXT1", b"BC4U", b"BC4S", b"ATI1"), (70, 71, 72, 79, 80, 81)  # of 8 bytes, not 16
_RGBA = range(27, 31)  # without blocks, by their number in a DX10 header
_TGA_PACKED = 9  # the least kind of run lengths
_PCD_BASE = 2048 * 384  # where the largest picture that Pillow reads of a Photo CD ends
_QOI_END = bytes(7) + b"\1"
_TGA_END = b"TRUEVISION-XFILE.\0"
_TILE = b"\xff\x90"  # a marker of JPEG 2000
_BLOCK = 2**20  # bytes of a PCX that are looked at together


def notes(image: ImageFile.ImageFile, data: bytes) -> list[str]:
    """Notes on what stands beside the first picture of a file that is read as one, and on what follows its end."""
    pictures, sizes = 1, len(image.info.get("sizes", ()))
    if image.format == "DDS":
        pictures, sizes = _textures(data), _numbers("<L", data, 28)[0]
    elif image.format == "ICO":
        sizes = data[4]
    elif image.format in _MULTIPLE:
        pictures = getattr(image, "n_frames", 1)
    beside = {"further": pictures - 1, "smaller": sizes - 1}
    found = [f"its {count} {kind} pictures are dropped" for kind, count in beside.items() if count > 0]
    found += ["its larger pictures are dropped"] if image.format == "PCD" and len(data) > _PCD_BASE else []
    is_cursor = image.format == "ICO" and data[2] == 2
    found += ["its hotspot is dropped"] if is_cursor and any(data[10:14]) else []
    return found + trailing_note(trailing(image.format or "", data))


def _textures(data: bytes) -> int:
    """How many pictures a DDS has beside smaller ones: slices of a volume, faces of a cube, elements of an array."""
    slices, kinds = (_numbers("<L", data, start)[0] for start in (24, 112))
    elements = _numbers("<L", data, 140)[0] if data[84:88] == b"DX10" else 1
    return ((kinds & _FACES).bit_count() or 1) * (slices if kinds & _VOLUME else 1) * (elements or 1)


def trailing(name: str, data: bytes) -> bytes:
    """What follows the end of a file, by Pillow's name of its format; nothing where the end is not known."""
    with suppress(struct.error, IndexError, ValueError):
        return data[_ENDS.get(name, len)(data) :]
    return b""


def _numbers(layout: str, data: bytes, start: int) -> tuple[int, ...]:
    return struct.unpack_from(layout, data, start)


def _bmp_end(data: bytes) -> int:
    """The stated size of the file, the end of its pixels or that of its profile, whichever is last."""
    size, start, header, width, rows, bits = _numbers("<L4xLLll2xH", data, 2)
    if size < start or header < 40:
        return len(data)
    profile = sum(_numbers("<LL", data, 126)) if header >= 124 else 0
    return max(size, start + (width * bits + 31) // 32 * 4 * abs(rows), 14 + profile)


def _dds_end(data: bytes) -> int:
    height, width, _, _, levels = _numbers("<5L", data, 12)
    flags, _, bits, number = (*_numbers("<3L", data, 80), *_numbers("<L", data, 128))
    has_number, size = data[84:88] == b"DX10", 0
    is_small = number in _SMALL_NUMBERS if has_number else data[84:88] in _SMALL_BLOCKS
    has_blocks = flags & _FOUR_LETTERS and not (has_number and number in _RGBA)
    for level in range(min(max(levels, 1), 32)):
        across, down = max(1, width >> level), max(1, height >> level)
        blocks = -(-across // 4) * -(-down // 4) * (8 if is_small else 16)
        size += blocks if has_blocks else (across * (bits or 32) + 7) // 8 * down
    return 128 + 20 * has_number + 1024 * bool(flags & _PALETTE) + size * _textures(data)


def _icon_end(data: bytes) -> int:
    places = range(14, 14 + 16 * data[4], 16)
    return max(sum(_numbers("<LL", data, place)) for place in places)


def _j2k_end(data: bytes) -> int:
    """The end of a codestream without boxes, by the lengths of its tiles."""
    start = data.index(_TILE) if data.startswith(b"\xff\x4f") else len(data)
    while data[start : start + 2] == _TILE:
        start += _numbers(">L", data, start + 6)[0] or len(data)
    return start + 2 if data[start : start + 2] == b"\xff\xd9" else len(data)


def _jxl_end(data: bytes) -> int:
    """The shortest start of a codestream without boxes that can be decoded."""

    def decodes(size: int) -> bool:
        with suppress(Exception):  # whatever the decoder raises
            return open_image(BytesIO(data[:size]), ("JXL",)) is not None
        return False

    is_longer = data.startswith(BARE_JXL) and decodes(len(data) - 1)
    return bisect_left(range(len(data)), True, key=decodes) if is_longer else len(data)


def _pcx_end(data: bytes) -> int:
    """Behind the pixels, whose runs start with a byte of at least 192, or behind the palette that follows them."""
    left, top, right, bottom = _numbers("<4H", data, 4)
    bits, planes, stride = data[3], data[65], _numbers("<H", data, 66)[0]
    least = ((right - left + 1) * bits + 7) // 8
    size = planes * (least + (stride != least and least % 2)) * (bottom - top + 1)
    end, count = 128, 0
    while count < size and end < len(data):
        stored = np.frombuffer(data[end : end + _BLOCK], np.uint8)
        place, is_high = np.arange(len(stored)), stored >= 192
        last_low = np.maximum.accumulate(np.where(is_high, -1, place))
        is_first = (place - np.concatenate([[-1], last_low[:-1]])) % 2 == 1  # of a run, or alone
        counts = count + np.where(is_first, np.where(is_high, stored & 63, 1), 0).cumsum()
        last = int(np.searchsorted(counts[:-1], size))
        count, end = int(counts[last]), end + last + 1 + bool(is_first[last] and is_high[last])
    if (bits, planes) == (8, 1):
        return end + 769 if data[end : end + 1] == b"\x0c" else len(data)
    return end


def _sgi_end(data: bytes) -> int:
    width, height, channels = _numbers(">3H", data, 6)
    if not data[2]:
        return 512 + width * height * channels * data[3]
    starts, sizes = np.frombuffer(data, ">u4", 2 * height * channels, 512).astype(np.int64).reshape(2, -1)
    return int((starts + sizes).max())


def _sun_end(data: bytes) -> int:
    """Behind the pixels, whose stated size counts where they are packed; else it may be too small."""
    width, height, depth, size, kind, _, palette = _numbers(">7L", data, 4)
    rows = (width * depth + 15) // 16 * 2 * height
    return 32 + palette + (size if kind == 2 else max(size, rows))


def _tga_end(data: bytes) -> int:
    """Behind the footer, or behind the pixels of a file without one."""
    if (footer := data.rfind(_TGA_END)) > 0:
        return footer + len(_TGA_END)
    identifier, kind, colours, bits, width, height, depth = _numbers("<BxB2xHB4xHHB", data, 0)
    start, each, rest = 18 + identifier + (bits + 7) // 8 * colours * data[1], (depth + 7) // 8, width * height
    while kind >= _TGA_PACKED and rest > 0:
        packet, rest = data[start], rest - (data[start] & 127) - 1
        start += 1 + each * (1 if packet > 127 else packet + 1)
    return start + max(rest, 0) * each


_ENDS: dict[str, Callable[[bytes], int]] = {
    **dict.fromkeys(("BMP", "DIB"), _bmp_end),
    "DDS": _dds_end,
    "ICNS": lambda data: _numbers(">L", data, 4)[0],
    "ICO": _icon_end,
    "JPEG2000": _j2k_end,
    "JXL": _jxl_end,
    "PCX": _pcx_end,
    "PSD": psd.end,
    "QOI": lambda data: data.index(_QOI_END, 14) + len(_QOI_END),
    "SGI": _sgi_end,
    "SUN": _sun_end,
    "TGA": _tga_end,
}
