"""Picture and ImageStream: pixels with alpha, depth and metadata, whole or in bands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from PIL import Image
from torch import Tensor

from srgan_cli.image.codec.raster import BandLayout, ValueRange
from srgan_cli.image.codec.samples import UNIT_RANGE
from srgan_cli.image.convert import arrays, pil
from srgan_cli.image.metadata.metadata import Metadata


@dataclass(frozen=True)
class Picture:
    """A picture in memory."""

    pixels: Tensor
    """float32 (1, H, W) grey or (3, H, W) RGB, values 0…1, not multiplied by alpha."""
    alpha: Tensor | None = None
    """float32 (1, H, W), 1 is opaque; None without transparency."""
    depth: int = 8
    """Bits a channel in its file: 8 and 16 for integers, 32 for floats."""
    icc_profile: bytes | None = None
    """The colour profile as stored in the file."""
    metadata: Metadata = field(default_factory=Metadata)
    """EXIF, XMP and resolution."""
    value_range: ValueRange = UNIT_RANGE
    """The values in the file that 0 and 1 stand for."""
    duration: float = 0
    """Milliseconds for which it is shown as a frame of an animation; else 0."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that reading changed or dropped."""
    valid: Tensor | None = None
    """bool (C, H, W): where each band has a value; None if it has one everywhere."""
    layout: BandLayout | None = None
    """What its bands and its alpha are, in the order of the file; None for grey or RGB, by their number."""
    nodata: str = ""
    """The stored value that stands for no data, as text; "" without one."""

    @classmethod
    def from_array(cls, array: NDArray[Any], *, value_range: ValueRange | None = None) -> "Picture":
        """The picture of an array (H, W) or (H, W, C) of uint8, uint16 or floats: grey or RGB, with or without alpha.

        Floats are 0…1 unless `value_range` names the values of black and white.  Raises UsageError for another shape or
        dtype, and for floats that are not finite or outside their range.
        """
        colour, alpha, depth, found_range = arrays.from_array(array, value_range)
        return cls(colour, alpha, depth, value_range=found_range)

    @classmethod
    def from_pil(cls, image: Image.Image, *, value_range: ValueRange | None = None) -> "Picture":
        """The picture of a PIL image, upright, with its profile and metadata; CMYK, Lab, HSV and YCbCr become RGB.

        Raises PictureError for mode I and for a damaged file, and UsageError as `from_array` does.
        """
        (colour, alpha, depth, found_range), profile, metadata, notes = pil.from_image(image, value_range)
        return cls(colour, alpha, depth, profile, metadata, found_range, notes=notes)

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[-2]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[-1]

    @property
    def channels(self) -> list[Tensor]:
        """The colours and then alpha, if there is any, each (1, H, W)."""
        return [*(channel[None] for channel in self.pixels), *([] if self.alpha is None else [self.alpha])]

    @property
    def rgb(self) -> Tensor:
        """The colour as (3, H, W); grey is repeated."""
        return self.pixels.expand(3, -1, -1)

    def to_array(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """The picture as an array (H, W) or (H, W, C), which `from_array` takes.

        `dtype` is uint8, uint16 or a float, by default that of `depth`.  Floats are in `value_range`.
        Raises UsageError for another dtype.
        """
        default = {8: np.uint8, 16: np.uint16}.get(self.depth, np.float32)
        return arrays.to_array(self.channels, dtype or default, self.value_range)

    def to_pil(self) -> Image.Image:
        """The picture as a PIL image of 8 bits; grey of 16 bits gets the mode I;16, and grey floats F.

        Pillow has no modes for deeper colour.  Profile and metadata are in `info`.
        """
        return pil.to_image(self.channels, self.depth, self.value_range, self.icc_profile, self.metadata)

    def flatten_on_white(self) -> "Picture":
        """The picture on a white background, without alpha."""
        if self.alpha is None:
            return self
        return replace(self, pixels=self.pixels * self.alpha + (1 - self.alpha), alpha=None)

    def rows(self, start: int, stop: int) -> "Picture":
        """The part between two rows."""
        alpha = None if self.alpha is None else self.alpha[:, start:stop]
        return replace(self, pixels=self.pixels[:, start:stop], alpha=alpha)


@dataclass(frozen=True)
class ImageStream:
    """A picture that comes in bands of full rows, from top to bottom, so that it need not fit into memory."""

    header: Picture
    """The picture without its rows: its tensors have the shape (C, 0, W)."""
    height: int
    """Rows."""
    bands: Callable[[], Iterator[Picture]]
    """Starts again at the top with every call.

    For a picture from a file, every band but the last has a multiple of BAND_GRID rows.
    """

    @classmethod
    def from_picture(cls, picture: Picture) -> "ImageStream":
        """A picture in memory as a single band."""
        return cls(picture.rows(0, 0), picture.height, lambda: iter([picture]))

    @property
    def width(self) -> int:
        """Columns."""
        return self.header.width

    def map(self, change: Callable[[Picture], Picture]) -> "ImageStream":
        """The stream with `change` applied to every band and to the header; it must keep the size."""
        return ImageStream(change(self.header), self.height, lambda: map(change, self.bands()))

    def to_picture(self) -> Picture:
        """The whole picture in memory."""
        channels, top = self.header.channels, 0
        result = torch.empty(len(channels), self.height, self.width)
        for band in self.bands():
            torch.cat(band.channels, out=result[:, top : top + band.height])
            top += band.height
        colours = len(self.header.pixels)
        alpha = None if self.header.alpha is None else result[colours:]
        return replace(self.header, pixels=result[:colours], alpha=alpha)
