"""A block of EXIF, changed where it stands: all else in it stays as it was, byte for byte, maker's notes included.

Source: CIPA DC-008, Exchangeable image file format for digital still cameras (Exif), and TIFF 6.0.
"""

import struct
from collections.abc import Iterator

_SHORT, _LONG = 3, 4
_EXIF_FOLDER = 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202


class ExifBlock:
    """A block of EXIF from its byte order on.  Raises struct.error or KeyError when it is damaged."""

    def __init__(self, block: bytes) -> None:
        self._data = bytearray(block)
        self._order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
        self._main = self._unpack("L", 4)

    @classmethod
    def readable(cls, block: bytes) -> bool:
        """Whether this block can be understood."""
        try:
            list(cls(block)._entries())
        except (struct.error, KeyError):
            return False
        return True

    @property
    def bytes(self) -> bytes:
        """The block as it stands."""
        return bytes(self._data)

    def number(self, tag: int) -> int | None:
        """The whole number that the tag holds, or None."""
        for found, place in self._entries():
            if found == tag:
                return self._value(place)
        return None

    def set_short(self, tag: int, value: int) -> "ExifBlock":
        """Replace the value of a tag wherever it is."""
        for found, place in self._entries():
            if found == tag:
                struct.pack_into(f"{self._order}HLHH", self._data, place + 2, _SHORT, 1, value, 0)
        return self

    def set_size(self, height: int, width: int) -> "ExifBlock":
        """Replace the size in pixels wherever it is told."""
        for tag, place in self._entries():
            if tag in _WIDTHS + _HEIGHTS:
                size = width if tag in _WIDTHS else height
                struct.pack_into(f"{self._order}HLL", self._data, place + 2, _LONG, 1, size)
        return self

    def without_thumbnail(self) -> "ExifBlock":
        """Cut the thumbnail's directory off and blank its pixels, lest they show what has been cropped away."""
        link = self._main + 2 + 12 * self._unpack("H", self._main)
        thumbnail = self._unpack("L", link) if link + 4 <= len(self._data) else 0
        if not thumbnail:
            return self
        struct.pack_into(f"{self._order}L", self._data, link, 0)
        try:
            tags = {tag: self._value(place) for tag, place in self._directory(thumbnail)}
        except struct.error:
            return self
        start, length = tags.get(_THUMBNAIL), tags.get(_THUMBNAIL_LENGTH)
        if start and length and start + length <= len(self._data):
            self._blank(start, length)
        return self

    def _blank(self, start: int, length: int) -> None:
        if start + length == len(self._data):
            del self._data[start:]
        else:
            self._data[start : start + length] = bytes(length)

    def _entries(self) -> Iterator[tuple[int, int]]:
        """Tags and the places of their entries in the main directory and the one for EXIF."""
        for tag, place in list(self._directory(self._main)):
            yield tag, place
            if tag == _EXIF_FOLDER:
                yield from list(self._directory(self._unpack("L", place + 8)))

    def _directory(self, start: int) -> Iterator[tuple[int, int]]:
        for index in range(self._unpack("H", start)):
            place = start + 2 + 12 * index
            self._unpack("L", place + 8)
            yield self._unpack("H", place), place

    def _value(self, place: int) -> int:
        return self._unpack("H" if self._unpack("H", place + 2) == _SHORT else "L", place + 8)

    def _unpack(self, kind: str, place: int) -> int:
        (number,) = struct.unpack_from(self._order + kind, self._data, place)
        return int(number)
