"""Raster: a picture as files hold it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.image.metadata.metadata import Metadata

Values = NDArray[Any]
"""(H, W, C) of uint8, uint16 or float32; C is 1 for grey and 3 for RGB, one more with alpha."""
BAND_GRID = 32
"""Every band but the last has a multiple of so many rows."""
_BAND_BYTES = 2**22
_BAND_ROWS = 4096
"""libvips takes ever longer for a row, the more of them are asked for at once."""
_DEPTHS = {"uint8": 8, "uint16": 16, "float32": 32}
EXIF_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


@dataclass(frozen=True)
class Rows:
    """Values that come in bands of rows, from top to bottom, so that they need not fit in memory.

    shape and dtype: those of the whole.  bands: goes through it from the top, as often as it is called.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    bands: Callable[[], Iterator[Values]]

    @classmethod
    def from_array(cls, values: Values) -> "Rows":
        """The same of values in memory."""
        height, width, channels = values.shape
        step = band_rows(width, channels)
        return cls(
            (height, width, channels),
            values.dtype,
            lambda: (values[top : top + step] for top in range(0, height, step)),
        )

    @classmethod
    def lazy(cls, values: Values, decode: Callable[[], Values]) -> "Rows":
        """The same of values that are decoded anew each time that they are gone through, and do not stay in memory."""
        height, width, channels = values.shape
        return cls((height, width, channels), values.dtype, lambda: cls.from_array(decode()).bands())

    def to_array(self) -> Values:
        """All of it at once, (H, W, C)."""
        result, top = np.empty(self.shape, self.dtype), 0
        for band in self.bands():
            result[top : top + len(band)] = band
            top += len(band)
        return result


def band_rows(width: int, channels: int) -> int:
    """How many rows a band has, so that it takes about 4 MB as floats, or less; a multiple of BAND_GRID."""
    fitting: int = min(_BAND_BYTES // (4 * channels * width), _BAND_ROWS)
    return max(1, fitting // BAND_GRID) * BAND_GRID


@dataclass(frozen=True)
class Raster:
    """A picture as files hold it.

    duration: milliseconds that it is shown in an animation.  notes: a sentence for what reading had to change.
    """

    rows: Rows
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    duration: float = 0
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> Values:
        """(H, W, C), all of them in memory."""
        return self.rows.to_array()

    @property
    def depth(self) -> int:
        """Bits a channel."""
        return _DEPTHS[self.rows.dtype.name]

    @property
    def has_colour(self) -> bool:
        """Whether it is more than grey."""
        return self.rows.shape[2] > 2

    @property
    def has_alpha(self) -> bool:
        """Whether it is transparent somewhere."""
        return self.rows.shape[2] in (2, 4)


def apply_exif_orientation(values: Values, orientation: int) -> Values:
    """Values (H, W, C) set upright from an orientation 1…8 as EXIF counts."""
    quarters, mirrored = EXIF_TURNS.get(orientation, (0, False))
    upright = np.rot90(values, quarters)
    return upright[:, ::-1] if mirrored else upright
