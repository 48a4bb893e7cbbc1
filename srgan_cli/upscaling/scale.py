"""How much larger a picture becomes: a factor, or a size to fit."""

import re
import sys
from dataclasses import dataclass

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import LARGEST_SCALE
from srgan_cli.system.arguments import Positive, checked

UNLIMITED = sys.maxsize  # a side that may have any length


@checked
@dataclass(frozen=True)
class Size:
    """A size to fit: enlarged pictures become as large as possible within it and keep their aspect ratio."""

    width: Positive
    height: Positive

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Parse a text such as 3840x2160, or 3840x and x2160 for one side.  Raises UsageError for anything else."""
        found = re.fullmatch(r"([1-9]\d*)?\s*[x×]\s*([1-9]\d*)?", text.strip(), re.IGNORECASE)
        if not found or not any(found.groups()):
            raise UsageError(f"cannot read the size {text!r}", "write it as 3840x2160, 3840x or x2160")
        return cls(int(found[1] or UNLIMITED), int(found[2] or UNLIMITED))

    def __str__(self) -> str:
        return "x".join("" if side == UNLIMITED else str(side) for side in (self.width, self.height))

    def scale(self, height: Positive, width: Positive) -> float:
        """Return the factor for a picture of this size.  Raises UsageError unless it is 1 to LARGEST_SCALE."""
        factor = min(self.width / width, self.height / height)
        if not 1 <= factor <= LARGEST_SCALE:
            message = f"{width} x {height} would have to grow {factor:.3g} times to fit {self}"
            raise UsageError(message, f"give a size that is 1 to {LARGEST_SCALE} times the picture's")
        return factor


Scale = float | Size | None  # a factor, a size to fit, or None for the factor of the model


def check_scale(scale: float | None) -> None:
    """Raises UsageError unless the scale is None or a number from 1 to LARGEST_SCALE."""
    if scale is not None and not 1 <= float(scale) <= LARGEST_SCALE:
        raise UsageError(f"cannot enlarge {float(scale):g} times", f"give a scale from 1 to {LARGEST_SCALE}")
