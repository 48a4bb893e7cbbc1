"""Scale: by how much a picture is enlarged, as a factor or as a size to fit."""

import re
from dataclasses import dataclass

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import LARGEST_SCALE


@dataclass(frozen=True)
class Size:
    """Width and height in pixels that enlarged pictures are to fit inside, as large as they can."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """The size of a text such as 3840x2160.  Raises UsageError for anything else."""
        found = re.fullmatch(r"([1-9]\d*)\s*[x×]\s*([1-9]\d*)", text.strip(), re.IGNORECASE)
        if not found:
            raise UsageError(f"cannot read the size {text!r}", "write it as 3840x2160")
        return cls(int(found[1]), int(found[2]))

    def scale(self, height: int, width: int) -> float:
        """How many times larger a picture may become.  Raises UsageError unless that is 1 to LARGEST_SCALE."""
        factor = min(self.width / width, self.height / height)
        if not 1 <= factor <= LARGEST_SCALE:
            raise UsageError(
                f"{width} x {height} would have to grow {factor:.3g} times to fit {self.width} x {self.height}",
                f"give a size that is 1 to {LARGEST_SCALE} times the picture's",
            )
        return factor


Scale = float | Size | None
"""How much larger: that many times, to fit a size, or as much as the generator does."""


def check_scale(scale: float | None) -> None:
    """Raises UsageError unless the scale is None or a number from 1 to LARGEST_SCALE."""
    if scale is not None and not 1 <= scale <= LARGEST_SCALE:
        raise UsageError(f"cannot enlarge {scale:g} times", f"give a scale from 1 to {LARGEST_SCALE}")
