"""Picture and ImageStream: pixels with alpha, depth and metadata, whole or in bands of rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from PIL import Image
from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.raster import UNASSOCIATED, UNSPECIFIED, BandLayout, ValueRange
from srgan_cli.image.codec.samples import UNIT_RANGE, full_scale, has_own_units
from srgan_cli.image.convert import arrays
from srgan_cli.image.convert.tensors import Channels
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.system.arguments import Count, checked


@checked
@dataclass(frozen=True)
class Picture:
    """A picture in memory."""

    pixels: Tensor
    """(C, H, W): grey, RGB or any number of bands, not multiplied by alpha.

    Values are 0…1 for 8 and 16 bits without sign; all other samples keep their own units (see `samples`).  float32, or
    float64 where that is needed to hold them.
    """
    alpha: Tensor | None = None
    """float32 (1, H, W), 1 is opaque; None without transparency."""
    depth: int = 8
    """Bits a channel in its file."""
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    """What its file holds beside it: EXIF, XMP, resolution, place and more."""
    value_ranges: tuple[ValueRange, ...] = ()
    """For each band the stored values that a network sees as 0 and 1; () where those are 0 and the full scale."""
    duration: float = 0
    """Milliseconds for which it is shown as a frame of an animation; else 0."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that reading changed or dropped."""
    valid: Tensor | None = None
    """bool (C, H, W): where each band has a value; None if it has one everywhere."""
    layout: BandLayout | None = None
    """What its bands and its alpha are, in the order of the file; None for that of their number."""
    nodata: str = ""
    """The stored value that stands for no data, as text; "" without one."""
    sample_type: str = ""
    """NumPy's name of the type of its samples; "" for that of its depth: uint8, uint16 or float32."""
    declared_range: ValueRange | None = None
    """The range of values that its file declares."""
    rgb_bands: tuple[int, ...] = ()
    """The bands that a network sees as red, green and blue; () for the first three of an RGB picture."""

    def __post_init__(self) -> None:
        """Raise UsageError for tensors that are not of floats (C, H, W), or of another size."""
        shape, kinds = self.pixels.shape, (("alpha", self.alpha), ("valid", self.valid))
        if len(shape) != 3 or not self.pixels.is_floating_point():
            found = f"{str(self.pixels.dtype).removeprefix('torch.')} {tuple(shape)}"
            raise UsageError(f"the pixels are {found}, expected floats (C, H, W)", "make it by Picture.from_array")
        for name, part in kinds:
            if part is not None and part.shape[-2:] != shape[-2:]:
                message = f"{name} is {tuple(part.shape[-2:])}, the pixels are {tuple(shape[-2:])}"
                raise UsageError(message, "give tensors of one height and width")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its samples in the file."""
        return np.dtype(self.sample_type or ("uint8" if self.depth <= 8 else "uint16" if self.depth <= 16 else "f4"))

    @property
    def full_scale(self) -> float:
        """The stored value that a pixel of 1 stands for; 1 for samples that keep their own units."""
        return full_scale(self.dtype, self.depth)

    @property
    def has_own_units(self) -> bool:
        """Whether its samples keep their own units."""
        return has_own_units(self.dtype, self.depth)

    @property
    def bands(self) -> BandLayout:
        """What its bands and its alpha are."""
        colours = 3 if len(self.pixels) == 3 else 1
        extra = (UNSPECIFIED,) * (len(self.pixels) - colours) + (UNASSOCIATED,) * (self.alpha is not None)
        return self.layout or BandLayout(colours, extra)

    @property
    def pixel_ranges(self) -> tuple[ValueRange, ...]:
        """For each band the values of pixels that a network sees as 0 and 1."""
        if not self.value_ranges:
            return (UNIT_RANGE,) * len(self.pixels)
        return tuple((low / self.full_scale, high / self.full_scale) for low, high in self.value_ranges)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The bands that a network sees at once: three as colour, each other one as grey."""
        count, colours = len(self.pixels), self.rgb_bands or tuple(range(self.bands.colours))
        return (colours, *((band,) for band in range(count) if band not in colours))

    def with_rgb_bands(self, numbers: tuple[int, ...]) -> "Picture":
        """The picture whose bands of these numbers, from 1, a network sees as colour.  Raises UsageError for others."""
        order = [index for index in range(self.bands.count) if index != self.bands.alpha]
        if not all(number - 1 in order for number in numbers):
            found = f"--rgb-bands names {','.join(map(str, numbers))}, the picture has {len(order)} bands"
            raise UsageError(found, "name three of its bands, such as --rgb-bands 3,2,1", option="rgb-bands")
        bands = tuple(order.index(number - 1) for number in numbers)
        if ranges := list(self.value_ranges):
            lows, highs = zip(*(ranges[band] for band in bands), strict=True)
            for band in bands:
                ranges[band] = min(lows), max(highs)
        return replace(self, rgb_bands=bands, value_ranges=tuple(ranges))

    @property
    def has_mask(self) -> bool:
        """Whether its alpha says which pixels are valid, and is no transparency."""
        return bool(self.layout and self.layout.mask)

    @classmethod
    def from_array(cls, array: NDArray[Any], *, value_range: ValueRange | None = None) -> "Picture":
        """The picture of an array (H, W) or (H, W, C) of uint8, uint16 or floats: grey or RGB, with or without alpha.

        Floats are 0…1 unless `value_range` names the values of black and white.  Raises UsageError for another shape or
        dtype, and for floats that are not finite or outside their range.
        """
        return cls.from_channels(arrays.from_array(array, value_range))

    @classmethod
    def from_pil(cls, image: Image.Image, *, value_range: ValueRange | None = None) -> "Picture":
        """The picture of a PIL image, upright, in grey or RGB, with profile and metadata.  Raises PictureError."""
        channels, profile, metadata, notes = arrays.from_image(image, value_range)
        return replace(cls.from_channels(channels), icc_profile=profile, metadata=metadata, notes=notes)

    @classmethod
    def from_channels(cls, channels: Channels) -> "Picture":
        """The picture of an array or a tensor; the range of its floats is declared."""
        colour, alpha, depth, declared = channels
        ranges = (declared,) * len(colour) if declared and declared != UNIT_RANGE else ()
        return cls(colour, alpha, depth, value_ranges=ranges, declared_range=declared)

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
        """The bands and then alpha, if there is any, each (1, H, W)."""
        return [*(channel[None] for channel in self.pixels), *([] if self.alpha is None else [self.alpha])]

    @property
    def tensors(self) -> list[Tensor]:
        """Its pixels, alpha and validity, where it has them."""
        return [part for part in (self.pixels, self.alpha, self.valid) if part is not None]

    @property
    def rgb(self) -> Tensor:
        """The colour as (3, H, W) with values 0…1 for those of `pixel_ranges`; grey, or the first band, is repeated."""
        return self.unit_pixels[: self.bands.colours].expand(3, -1, -1)

    @property
    def unit_pixels(self) -> Tensor:
        """The bands with the values of `pixel_ranges` at 0 and 1."""
        if not self.value_ranges:
            return self.pixels
        low, high = torch.tensor(self.pixel_ranges, dtype=torch.float64).T[..., None, None]
        unit: Tensor = (self.pixels - low) / (high - low)
        return unit.to(self.pixels.dtype)

    @property
    def black_and_white(self) -> ValueRange:
        """The values of pixels that are black and white."""
        return self.pixel_ranges[0]

    @property
    def within_declared(self) -> Tensor:
        """The bands, clipped to the declared range of floats."""
        if self.declared_range is None or self.dtype.kind != "f":
            return self.pixels
        return self.pixels.clamp(*self.declared_range)

    def to_array(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """The picture as an array (H, W) or (H, W, C), which `from_array` takes.

        `dtype` is uint8, uint16 or a float, by default that of `depth`.  Floats have the values of `pixels`.
        Raises UsageError for another dtype.
        """
        wanted = {8: np.uint8, 16: np.uint16}.get(max(self.depth, 8), np.float32) if dtype is None else dtype
        return arrays.to_array(self.within_declared, self.alpha, wanted, self.black_and_white)

    def to_pil(self) -> Image.Image:
        """The picture as a PIL image of 8 bits; grey of 16 bits gets the mode I;16, and grey floats F.

        Pillow has no modes for deeper colour.  Profile and metadata are in `info`.
        """
        deep_grey = {16: np.uint16, 32: np.float32} if len(self.channels) == 1 else {}
        image = Image.fromarray(self.to_array(deep_grey.get(self.depth, np.uint8)))
        own, metadata = {"icc_profile": self.icc_profile}, self.metadata
        info = {**own, "exif": metadata.exif, "xmp": metadata.xmp, "dpi": metadata.dpi}
        image.info |= {key: value for key, value in info.items() if value}
        return image

    def flatten_on_white(self) -> "Picture":
        """The picture on a white background, without alpha; as it is under a mask beside its file."""
        layout = self.layout and self.layout.without_alpha()
        if self.alpha is None or self.bands.mask == "beside":
            return replace(self, alpha=None, layout=layout)
        white = torch.tensor([high for _, high in self.pixel_ranges]).view(-1, 1, 1)
        white = torch.lerp(white.to(self.pixels), self.pixels, self.alpha.to(self.pixels))
        return replace(self, pixels=white, alpha=None, layout=layout)

    def rows(self, start: Count, stop: Count) -> "Picture":
        """The part between two rows."""
        return self._map_tensors(lambda part: part[:, start:stop])

    def with_size(self, height: Count, width: Count) -> "Picture":
        """The same with tensors of another size, whose content is undefined."""
        return self._map_tensors(lambda part: part.new_empty(len(part), height, width))

    def _map_tensors(self, change: Callable[[Tensor], Tensor]) -> "Picture":
        alpha, valid = (None if part is None else change(part) for part in (self.alpha, self.valid))
        return replace(self, pixels=change(self.pixels), alpha=alpha, valid=valid)


@checked
@dataclass(frozen=True)
class ImageStream:
    """A picture that comes in bands of full rows, from top to bottom, so that it need not fit into memory."""

    header: Picture
    """The picture without its rows: its tensors have the shape (C, 0, W)."""
    height: Count
    """Rows of the whole picture."""
    bands: Callable[[], Iterator[Picture]]
    """Starts again at the top with every call.  Of a file, all but the last have a multiple of BAND_GRID rows."""

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
        header, top = self.header, 0
        whole = header.with_size(self.height, self.width)
        for band in self.bands():
            for part, rows in zip(whole.tensors, band.tensors, strict=True):
                part[:, top : top + band.height] = rows
            top += band.height
        return whole
