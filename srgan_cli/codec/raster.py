"""Raster: a picture as files hold it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.codec.metadata import Metadata

Values = NDArray[Any]
"""(H, W, C) of uint8, uint16 or float32; C is 1 for grey and 3 for RGB, one more with alpha."""
_DEPTHS = {"uint8": 8, "uint16": 16, "float32": 32}
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


@dataclass(frozen=True)
class Raster:
    """A picture as files hold it.

    duration: milliseconds that it is shown in an animation.  notes: a sentence for what reading had to change.
    """

    values: Values
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    duration: float = 0
    notes: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Bits a channel."""
        return _DEPTHS[self.values.dtype.name]

    @property
    def has_colour(self) -> bool:
        """Whether it is more than grey."""
        return int(self.values.shape[2]) > 2

    @property
    def has_alpha(self) -> bool:
        """Whether it is transparent somewhere."""
        return self.values.shape[2] in (2, 4)


def turned(values: Values, orientation: int) -> Values:
    """Values (H, W, C) set upright from an orientation 1…8 as EXIF counts."""
    quarters, mirrored = _TURNS.get(orientation, (0, False))
    upright = np.rot90(values, quarters)
    return upright[:, ::-1] if mirrored else upright
