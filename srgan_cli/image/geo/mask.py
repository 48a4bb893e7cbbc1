"""The mask of a TIFF page: a page of its own with one bit for each pixel, 1 where it is valid.

Source: TIFF revision 6.0, NewSubfileType 4; GDAL RFC 15.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from srgan_cli.image.codec.raster import Rows, Values

_STRIP_ROWS = 128
_DEFLATE, _MASK = 8, 4


class MaskStrips:
    """Takes the mask, which is the last channel, out of rows that are being written, and keeps it compressed."""

    def __init__(self, rows: Rows) -> None:
        height, width, channels = rows.shape
        self.rows = rows
        self.pixels = Rows((height, width, channels - 1), rows.dtype, self._split)
        """The rows without the mask."""
        self.strips: list[bytes] = []
        self.pending = np.zeros((0, -(-width // 8)), np.uint8)

    def _split(self) -> Iterator[Values]:
        self.strips.clear()
        for band in self.rows.bands():
            self._add(np.packbits(band[..., -1] > 0, axis=1))
            yield band[..., :-1]
        if len(self.pending):
            self._compress(len(self.pending))

    def _add(self, packed: Values) -> None:
        self.pending = np.concatenate([self.pending, packed])
        while len(self.pending) >= _STRIP_ROWS:
            self._compress(_STRIP_ROWS)

    def _compress(self, count: int) -> None:
        self.strips.append(zlib.compress(self.pending[:count].tobytes()))
        self.pending = self.pending[count:]

    def tags(self, start: int) -> dict[int, object]:
        """The tags of the mask's page when its strips begin at this offset of the file."""
        sizes = [len(strip) for strip in self.strips]
        offsets = [start + end - size for end, size in zip(np.cumsum(sizes).tolist(), sizes, strict=True)]
        height, width, _ = self.pixels.shape
        return {
            254: _MASK, 256: width, 257: height, 258: 1, 259: _DEFLATE, 262: _MASK, 273: tuple(offsets), 277: 1,
            278: _STRIP_ROWS, 279: tuple(sizes),
        }  # fmt: skip
