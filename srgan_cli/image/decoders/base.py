"""The base class of readers, and opening a file again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.raster import Raster, Values
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.system.files import check_unchanged

DECODE_BYTES_PER_PIXEL = 20
"""Memory of Pillow while it decodes: 3 (grey) to 18 (WebP) were measured, of which 1 to 4 stay."""
DAMAGED_HINT = "it is damaged: copy or download it again"


@dataclass(frozen=True)
class Header:
    """What the header of a still picture that is decoded whole says, and how its pixels are decoded."""

    height: int
    width: int
    metadata: Metadata
    notes: list[str]
    """On everything that is dropped, but for what only the pixels show."""
    profile: bytes | None
    decode: Callable[[], tuple[Values, list[str]]]
    """Values (H, W, C) as stored, and notes.  Raises PictureError, and ValueError if pixels are missing."""
    depth: int = 0
    """Bits a channel, if the type of the values does not say it."""
    decode_bytes: int = 0
    """The memory that decoding takes, if it is known."""


class ImageReader(ABC):
    """An open file of pictures; by default a single still picture that is decoded whole."""

    format: str = ""
    """Pillow's name of the format."""
    count: int = 1
    """The number of pictures."""
    animated: bool = False
    """Whether they are the frames of an animation."""
    loop: int = 0
    """How often the animation is played; 0 for endlessly."""
    redecodes: bool = False
    """Whether every pass through the rows of a picture decodes it again, so that not all pages stay in memory."""
    bytes_per_pixel: int = 0
    """Memory that decoding takes for each pixel, of pictures that do not come in bands."""
    shape: tuple[int, int] = (0, 0)
    """Height and width, upright, where all pictures have the same."""

    def size(self, _: int, /) -> tuple[int, int]:
        """Height and width of a picture, upright, from its header."""
        return self.shape

    def is_streamed(self, index: int, /) -> bool:
        """Whether a picture is read in bands; otherwise it is decoded whole."""
        return not self.decode_bytes(index)

    def decode_bytes(self, index: int, /) -> int:
        """The memory that decoding a picture takes, if it does not come in bands; else 0."""
        return self.bytes_per_pixel * prod(self.size(index))

    @abstractmethod
    def read(self, index: int, /) -> Raster:
        """A picture, upright."""


@contextmanager
def reopen(path: Path, stamp: tuple[int, int, int]) -> Iterator[IO[bytes]]:
    """A file that was read before.  Raises PictureError when it has changed since then, or is damaged."""
    with translate_errors(path):
        check_unchanged(path, stamp)
        with path.open("rb") as file:
            yield file
