"""Raster: a picture with the values that its file stores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.image.metadata.metadata import Metadata

Values = NDArray[Any]
"""(H, W, C) of uint8, uint16 or float32; C is 1 for grey and 3 for RGB, plus 1 with alpha."""
BAND_GRID = 32
"""Every band but the last has a multiple of this number of rows."""
_BAND_BYTES = 2**22
_BAND_ROWS = 4096
"""The most rows of a band: libvips takes longer for each row, the more of them are requested at once."""
_DEPTHS = {"uint8": 8, "uint16": 16, "float32": 32}
EXIF_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
"""For each EXIF orientation but 1: quarter turns counterclockwise, then whether to mirror left and right."""


@dataclass(frozen=True)
class Rows:
    """Values that come in bands of rows, from top to bottom, so that they need not fit into memory."""

    shape: tuple[int, int, int]
    """(H, W, C) of the whole picture."""
    dtype: np.dtype[Any]
    bands: Callable[[], Iterator[Values]]
    """Starts again at the top with every call."""

    @classmethod
    def from_array(cls, values: Values) -> "Rows":
        """Rows of values in memory."""
        height, width, channels = values.shape
        step = band_rows(width, channels)
        return cls(
            (height, width, channels),
            values.dtype,
            lambda: (values[top : top + step] for top in range(0, height, step)),
        )

    @classmethod
    def lazy(cls, values: Values, decode: Callable[[], Values]) -> "Rows":
        """Rows of the shape and type of `values`, which `decode` returns for every pass; nothing stays in memory."""
        height, width, channels = values.shape
        return cls((height, width, channels), values.dtype, lambda: cls.from_array(decode()).bands())

    def to_array(self) -> Values:
        """The whole picture, (H, W, C)."""
        result, top = np.empty(self.shape, self.dtype), 0
        for band in self.bands():
            result[top : top + len(band)] = band
            top += len(band)
        return result


def band_rows(width: int, channels: int) -> int:
    """The number of rows of a band, a multiple of BAND_GRID: at most about 4 MB as floats, if that is one BAND_GRID."""
    fitting: int = min(_BAND_BYTES // (4 * channels * width), _BAND_ROWS)
    return max(1, fitting // BAND_GRID) * BAND_GRID


@dataclass(frozen=True)
class Raster:
    """A picture with the values that its file stores."""

    rows: Rows
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    duration: float = 0
    """Milliseconds for which an animation shows it."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that reading changed or dropped."""

    @property
    def values(self) -> Values:
        """(H, W, C), all of them in memory."""
        return self.rows.to_array()

    @property
    def depth(self) -> int:
        """Bits a channel: 8, 16 or 32 (float)."""
        return _DEPTHS[self.rows.dtype.name]

    @property
    def has_colour(self) -> bool:
        """Whether it is RGB."""
        return self.rows.shape[2] > 2

    @property
    def has_alpha(self) -> bool:
        """Whether it has an alpha channel."""
        return self.rows.shape[2] in (2, 4)


def apply_exif_orientation(values: Values, orientation: int) -> Values:
    """Values (H, W, C) turned upright from an EXIF orientation of 1 to 8."""
    quarters, mirrored = EXIF_TURNS.get(orientation, (0, False))
    upright = np.rot90(values, quarters)
    return upright[:, ::-1] if mirrored else upright
