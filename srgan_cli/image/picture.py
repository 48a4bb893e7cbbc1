"""Picture and Scan: pixels with alpha, depth and metadata, whole or in bands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from srgan_cli.image.codec.samples import UNIT_RANGE, ValueRange
from srgan_cli.image.metadata.metadata import Metadata


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    pixels: float32 (1, H, W) grey or (3, H, W) RGB, values 0…1, colour not multiplied by alpha.
    alpha: float32 (1, H, W), 1 is opaque, or None for a picture without transparency.
    depth: bits a channel in its file: 8 or 16 for whole numbers, 32 for floats.
    icc_profile: the colour profile as it stands in the file, or None.
    metadata: EXIF, XMP and resolution.
    value_range: the floats of the file that 0 and 1 stand for.
    duration: milliseconds that it is shown as a frame of an animation, else 0.
    notes: a sentence for everything that reading had to change or drop.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    value_range: ValueRange = UNIT_RANGE
    duration: float = 0
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[-2]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[-1]

    @property
    def rgb(self) -> Tensor:
        """The colour as (3, H, W); grey is repeated."""
        return self.pixels.expand(3, -1, -1)

    @property
    def flatten_on_white(self) -> "Picture":
        """The picture as it looks on white paper, without alpha."""
        if self.alpha is None:
            return self
        return replace(self, pixels=self.pixels * self.alpha + (1 - self.alpha), alpha=None)


@dataclass(frozen=True)
class ImageStream:
    """A picture that comes in bands of full rows, from top to bottom, so that it need not fit in memory.

    header: everything of it but its rows: tensors of shape (C, 0, W).  height: its rows.
    bands: goes through it from the top, as often as it is called; every band but the last has a multiple of
    BAND_GRID rows where the picture comes from a file.
    """

    header: Picture
    height: int
    bands: Callable[[], Iterator[Picture]]

    @classmethod
    def from_picture(cls, picture: Picture) -> "ImageStream":
        """A picture in memory as a single band."""
        alpha = None if picture.alpha is None else picture.alpha[:, :0]
        return cls(replace(picture, pixels=picture.pixels[:, :0], alpha=alpha), picture.height, lambda: iter([picture]))

    @property
    def width(self) -> int:
        """Columns."""
        return self.header.width

    def map(self, change: Callable[[Picture], Picture]) -> "ImageStream":
        """The same with every band changed, which may not change its size."""
        return ImageStream(change(self.header), self.height, lambda: map(change, self.bands()))

    def to_picture(self) -> Picture:
        """All of it in memory."""
        layers, top = _layers(self.header), 0
        result = torch.empty(len(layers), self.height, self.width)
        for band in self.bands():
            torch.cat(_layers(band), out=result[:, top : top + band.height])
            top += band.height
        colours = len(self.header.pixels)
        alpha = None if self.header.alpha is None else result[colours:]
        return replace(self.header, pixels=result[:colours], alpha=alpha)


def _layers(picture: Picture) -> list[Tensor]:
    return [*(layer[None] for layer in picture.pixels), *([] if picture.alpha is None else [picture.alpha])]
