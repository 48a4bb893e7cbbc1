"""EXIF: parsing and building a block, and changing one in place.

A change keeps everything else the same byte for byte, including maker notes.  Pillow would rewrite the whole block.

Source: CIPA DC-008, Exchangeable image file format for digital still cameras (Exif), and TIFF 6.0.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from srgan_cli.image.geo.grid import GridMap, scaling, turning

EXIF_PREFIX = b"Exif\x00\x00"  # what precedes the block in JPEG and where Pillow expects it
PARSE_ERRORS = (struct.error, KeyError, IndexError, ValueError, TypeError, OverflowError, SyntaxError, OSError)
"""What Pillow raises for damaged EXIF."""
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x011A, 0x011B, 0x0128
_NO_UNIT, _CENTIMETRE = 1, 3
_SHORT, _LONG = 3, 4
_EXIF_DIRECTORY = 0x8769
ORIENTATION, _SUBJECTS = 0x0112, (0x9214, 0xA214)
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_MOST_DPI = 1e9  # 25 picometres a pixel; the least is its inverse, a pixel of 25 000 kilometres


class ExifBlock:
    """An EXIF block that starts with its byte order.  Every method raises struct.error or KeyError if it is damaged."""

    def __init__(self, block: bytes) -> None:
        self._data = bytearray(block)
        self._order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
        self._main = self._unpack("L", 4)

    @classmethod
    def is_readable(cls, block: bytes) -> bool:
        """Whether the entries of a block can be parsed."""
        try:
            list(cls(block)._entries())
        except (struct.error, KeyError):
            return False
        return True

    def to_bytes(self) -> bytes:
        """The block with its changes."""
        return bytes(self._data)

    def get_int(self, tag: int) -> int | None:
        """The integer value of a tag, or None without it."""
        return next((self._value(offset) for found, offset in self._entries() if found == tag), None)

    def set_size(self, height: int, width: int) -> "ExifBlock":
        """Replace the size in pixels in all tags that have it, and move the subject with it."""
        if stated := self._size:
            self._move_subject(scaling(stated, (height, width)))
        return self._set_numbers((height, width))

    def _set_numbers(self, size: tuple[int, int]) -> "ExifBlock":
        for tag, offset in self._entries():
            if tag in _WIDTHS + _HEIGHTS:
                struct.pack_into(f"{self._order}HLL", self._data, offset + 2, _LONG, 1, size[tag in _WIDTHS])
        return self

    def upright(self, orientation: int) -> "ExifBlock":
        """Reset the orientation, after it was applied, and turn the place of the subject with the picture."""
        if orientation > 1 and (stated := self._size):
            self._move_subject(turning(orientation, *stated))
            self._set_numbers(stated[::-1] if orientation >= 5 else stated)
        for tag, offset in self._entries():
            if tag == ORIENTATION:
                struct.pack_into(f"{self._order}HLHH", self._data, offset + 2, _SHORT, 1, 1, 0)
        return self

    @property
    def _size(self) -> tuple[int, int] | None:
        height, width = (next(filter(None, map(self.get_int, tags)), 0) for tags in (_HEIGHTS, _WIDTHS))
        return (height, width) if height and width else None

    def _move_subject(self, change: GridMap) -> None:
        """Change the place of the subject: its centre, and then its diameter, or its width and height."""
        for tag, offset in self._entries():
            kind, count = self._unpack("H", offset + 2), self._unpack("L", offset + 4)
            if tag in _SUBJECTS and kind == _SHORT and 2 <= count <= 4:
                start, layout = offset + 8 if count == 2 else self._unpack("L", offset + 8), f"{self._order}{count}H"
                if start + 2 * count > len(self._data):
                    return
                x, y, *sides = struct.unpack_from(layout, self._data, start)
                sizes = np.abs(change[:2, :2]) @ (sides * 2)[:2] if sides else []
                moved = [*(change @ (x, y, 1))[:2], *sizes[: len(sides)]]
                struct.pack_into(layout, self._data, start, *(min(max(round(part), 0), 65_535) for part in moved))

    def without_thumbnail(self) -> "ExifBlock":
        """Unlink the directory of the thumbnail and erase its pixels, which may show what was cropped away."""
        link = self._main + 2 + 12 * self._unpack("H", self._main)
        thumbnail = self._unpack("L", link) if link + 4 <= len(self._data) else 0
        if not thumbnail:
            return self
        struct.pack_into(f"{self._order}L", self._data, link, 0)
        try:
            tags = {tag: self._value(offset) for tag, offset in self._directory(thumbnail)}
        except struct.error:
            return self
        start, length = tags.get(_THUMBNAIL), tags.get(_THUMBNAIL_LENGTH)
        if start and length and start + length <= len(self._data):
            self._data[start : start + length] = b"" if start + length == len(self._data) else bytes(length)
        return self

    def _entries(self) -> Iterator[tuple[int, int]]:
        """Tags and the offsets of their entries, in the main directory and the EXIF directory."""
        for tag, offset in list(self._directory(self._main)):
            yield tag, offset
            if tag == _EXIF_DIRECTORY:
                yield from list(self._directory(self._unpack("L", offset + 8)))

    def _directory(self, start: int) -> Iterator[tuple[int, int]]:
        for index in range(self._unpack("H", start)):
            offset = start + 2 + 12 * index
            self._unpack("L", offset + 8)
            yield self._unpack("H", offset), offset

    def _value(self, offset: int) -> int:
        return self._unpack("H" if self._unpack("H", offset + 2) == _SHORT else "L", offset + 8)

    def _unpack(self, kind: str, offset: int) -> int:
        (number,) = struct.unpack_from(self._order + kind, self._data, offset)
        return int(number)


Pair = tuple[float, float]


def resolution_of(exif: bytes | None) -> tuple[Pair | None, Pair | None]:
    """The resolution in an EXIF block, or None, and the ratio of pixels that are not square if it has no unit."""
    try:
        tags = parse_exif(exif)
        pair = plausible_dpi((tags[_X_RESOLUTION], tags[_Y_RESOLUTION]))
    except (*PARSE_ERRORS, ZeroDivisionError):
        return None, None
    if pair is None or tags.get(_UNIT) == _NO_UNIT:
        return None, pair if pair and pair[0] != pair[1] else None
    factor = 2.54 if tags.get(_UNIT) == _CENTIMETRE else 1
    return (pair[0] * factor, pair[1] * factor), None


def plausible_dpi(dpi: Any) -> Pair | None:
    """The value as two numbers that formats can store, or None if it is something else."""
    try:
        across, down = (float(number) for number in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(1 / _MOST_DPI < number < _MOST_DPI for number in (across, down)) else None


def parse_exif(exif: bytes | None) -> dict[int, Any]:
    """The tags of an EXIF block, if any, by number; directories inside it are dictionaries."""
    block = Image.Exif()
    block.load(EXIF_PREFIX + exif if exif else b"")
    tags = dict(block)
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if directory in tags:
            tags[directory] = dict(block.get_ifd(directory))
    inner = tags.get(ExifTags.IFD.Exif, {})
    if ExifTags.IFD.Interop in inner:
        inner[ExifTags.IFD.Interop] = dict(block.get_ifd(ExifTags.IFD.Interop))
    return dict(_with_stored_texts(tags))


def build_exif(tags: dict[int, Any]) -> bytes:
    """An EXIF block with these tags."""
    block = Image.Exif()
    block.endian = "<"
    for tag, value in as_exif_types(_with_stored_texts(tags)).items():
        block[tag] = value
    return block.tobytes().removeprefix(EXIF_PREFIX)


class _StoredText(str):
    """A text as Pillow reads it, in Latin-1, which is written with the same bytes; Pillow would write ASCII."""

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1", "replace")


def _with_stored_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_stored_texts(item) for key, item in value.items()}
    return _StoredText(value) if isinstance(value, str) else value


def as_exif_types(tags: dict[int, Any]) -> dict[int, Any]:
    """The tags with the EXIF directory's bytes as Pillow writes them of type UNDEFINED, as the standard demands."""
    directory = ExifTags.IFD.Exif
    return tags | {directory: _undefined(tags[directory])} if isinstance(tags.get(directory), dict) else tags


def _undefined(tags: dict[int, Any]) -> dict[int, Any]:
    """Bytes become a bytearray in a tuple: Pillow has no type for it and writes UNDEFINED."""
    nested = {tag: _undefined(value) for tag, value in tags.items() if isinstance(value, dict)}
    return tags | nested | {tag: (bytearray(value),) for tag, value in tags.items() if isinstance(value, bytes)}
