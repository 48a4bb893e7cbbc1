"""Raster: a picture with the values that its file stores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srgan_cli.image.geo.place import add_sidecars
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.system.arguments import checked

Values = NDArray[Any]
"""(H, W, C) of integers or floats as a file stores them; what the channels are says a BandLayout."""
ValueRange = tuple[float, float]  # the stored values that a network sees as 0 and 1
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
"""What a channel beyond the colours is, as in TIFF's ExtraSamples: any data, or alpha."""
BAND_GRID = 32  # every band but the last has a multiple of this number of rows
_BAND_BYTES = 2**22
_BAND_ROWS = 4096
"""The most rows of a band: libvips takes longer for each row, the more of them are requested at once."""
_MASKS_JOINED = "its masks, one for each band, become one: without data in one band is without data in all"
NODATA_LOST = "its colours are converted, and its nodata value is dropped"
EXIF_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
"""For each EXIF orientation but 1: quarter turns counterclockwise, then whether to mirror left and right."""


@checked
@dataclass(frozen=True)
class BandLayout:
    """What the channels of a picture are, in the order of its file."""

    colours: int = 1
    """The first channels, which are one grey (1) or RGB (3) picture."""
    extra: tuple[int, ...] = ()
    """What each further channel is: UNSPECIFIED, ASSOCIATED or UNASSOCIATED."""
    white_is_zero: bool = False
    """Whether its file says that grey values fall towards white."""
    mask: Literal["", "page", "beside", "alpha"] = ""
    """Where a file says which pixels are valid, apart from a nodata value: a mask of a TIFF, one beside a picture of
    another format, or 0 and full alpha."""
    palette: tuple[int, ...] = ()
    """Red, green and blue of all values, as in TIFF's ColorMap, of a map of classes, which must not be blended."""
    is_named: bool = False
    """Whether a file beside it names its classes."""
    opaque: float = 0
    """The stored value of opaque alpha; 0 for that of its type, see `opaque`."""
    nodata: tuple[str, ...] = ()
    """What stands for no data in each band but alpha, "" for nothing; () where all bands have the same."""

    @property
    def has_classes(self) -> bool:
        """Whether its values are numbers of classes, which must not be blended."""
        return self.is_named or bool(self.palette)

    @property
    def colour_table(self) -> NDArray[np.uint8]:
        """(N, 3): the colour of each class."""
        return np.asarray(np.reshape(self.palette, (3, -1)).T >> 8, np.uint8)

    @classmethod
    def of_channels(cls, count: int) -> "BandLayout":
        """The layout of formats that have only grey and RGB, with alpha or without."""
        return cls(1 if count < 3 else 3, () if count in (1, 3) else (UNASSOCIATED,))

    def without_alpha(self) -> "BandLayout":
        """The layout of the bands alone."""
        extra = tuple(kind for index, kind in enumerate(self.extra, self.colours) if index != self.alpha)
        return self if self.alpha is None else BandLayout(self.colours, extra)

    @property
    def count(self) -> int:
        """The number of channels, alpha included."""
        return self.colours + len(self.extra)

    @property
    def alpha(self) -> int | None:
        """The index of the alpha channel; None without one, and where several claim to be alpha."""
        found = [index for index, kind in enumerate(self.extra, self.colours) if kind != UNSPECIFIED]
        if self.ends_with_mask:
            return self.count - 1
        return found[0] if len(found) == 1 else None

    @property
    def ends_with_mask(self) -> bool:
        """Whether the last channel is a mask, which is no channel of the file."""
        return self.mask in ("page", "beside")


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
        tops = range(0, height, step)
        return cls((height, width, channels), values.dtype, lambda: (values[top : top + step] for top in tops))

    @classmethod
    def lazy(cls, values: Values, decode: Callable[[], Values]) -> "Rows":
        """Rows of the shape and type of `values`, which `decode` returns for every pass; nothing stays in memory."""
        height, width, channels = values.shape
        return cls((height, width, channels), values.dtype, lambda: cls.from_array(decode()).bands())

    def map(self, change: Callable[[Values], Values], dtype: np.dtype[Any] | None = None) -> "Rows":
        """The rows with `change` applied to every band; it keeps the shape, and the type unless `dtype` is given."""
        return Rows(self.shape, dtype or self.dtype, lambda: map(change, self.bands()))

    def split(self, count: int) -> Iterator[Values]:
        """The values in pieces of `count` rows; the last one may have fewer."""
        rest = np.empty((0, *self.shape[1:]), self.dtype)
        for band in self.bands():
            joined = np.concatenate([rest, band]) if len(rest) else band
            end = len(joined) - len(joined) % count
            yield from (joined[top : top + count] for top in range(0, end, count))
            rest = joined[end:]
        if len(rest):
            yield rest

    def to_array(self) -> Values:
        """The whole picture, (H, W, C)."""
        result, top = np.empty(self.shape, self.dtype), 0
        for band in self.bands():
            result[top : top + len(band)] = band
            top += len(band)
        return result


def opaque(dtype: np.dtype[Any], depth: int = 64) -> int:
    """The value of full alpha: the largest integer of at most so many bits, or 1 of floats."""
    return 1 if dtype.kind == "f" else int(2 ** (min(depth, 8 * dtype.itemsize) - (dtype.kind == "i")) - 1)


def _add_mask(values: Values, mask: Values) -> Values:
    """The values with a last channel that is opaque where no band of the mask (H, W, C) is 0."""
    valid = (mask > 0).all(axis=2, keepdims=True)
    return np.concatenate([values, np.where(valid, opaque(values.dtype), 0).astype(values.dtype)], axis=2)


def divide_by_alpha(values: Values, alpha: int, top: float) -> Values:
    """The values with all channels divided by that of this index, which is opaque at `top`, but alpha itself."""
    opacity = values[..., [alpha]] / top
    divided = values / np.where(opacity > 0, opacity, 1)
    divided[..., alpha] = values[..., alpha]
    return (divided if values.dtype.kind == "f" else np.rint(divided).clip(0, top)).astype(values.dtype)


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
    """What its file holds beside it."""
    duration: float = 0
    """Milliseconds for which an animation shows it."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that reading changed or dropped."""
    layout: BandLayout | None = None
    """What its channels are; None for grey or RGB, with alpha or without, by their number."""
    nodata: str = ""
    """The stored value that stands for no data, as text; "" without one."""
    declared_range: ValueRange | None = None
    """The range of values that its file declares."""
    is_measured: bool = False
    """Whether its file says that it is no photograph: by a place on Earth, a nodata value or a mask."""
    bits: int = 0
    """Bits a channel, if fewer than its type has."""

    @property
    def values(self) -> Values:
        """(H, W, C), all of them in memory."""
        return self.rows.to_array()

    @property
    def bands(self) -> BandLayout:
        """What its channels are."""
        return self.layout or BandLayout.of_channels(self.rows.shape[2])

    @property
    def depth(self) -> int:
        """Bits a channel."""
        return self.bits or self.rows.dtype.itemsize * 8

    def with_sidecars(self, path: Path, orientation: int = 1, mask: Rows | None = None) -> "Raster":
        """The raster, upright, with what files beside its picture at `path` say, and with the mask beside it."""
        size, former = self.rows.shape[:2], self.metadata.place
        place, notes = add_sidecars(former, path, size, orientation, has_mask=mask is not None)
        found = replace(self, metadata=replace(self.metadata, place=place), notes=(*self.notes, *notes))
        return found.with_place().with_mask(mask)

    def with_place(self) -> "Raster":
        """The raster as a measurement, if it has a place, with the no data and the classes stated beside it."""
        place = self.metadata.place
        if place is None or not place.is_known:
            return self
        is_named = place.has_classes and self.bands.count == 1 and self.rows.dtype.kind != "f"
        layout = replace(self.bands, is_named=True) if is_named else self.layout
        bands = [index for index in range(self.bands.count) if index != self.bands.alpha]
        stated = [place.nodata.get(str(band + 1), self.nodata) for band in bands]
        if len(set(stated)) == 1:
            return replace(self, nodata=stated[0], layout=layout, is_measured=True)
        return replace(self, layout=replace(layout or self.bands, nodata=tuple(stated)), is_measured=True)

    def with_mask(self, mask: Rows | None, kind: Literal["page", "beside"] = "beside") -> "Raster":
        """The raster as a measurement with data where no band of a mask (H, W, C), if any, is 0: its last channel."""
        if mask is None:
            return self
        (height, width, channels), bands = self.rows.shape, self.bands
        extra = (*(kind and UNASSOCIATED for kind in bands.extra), UNASSOCIATED)

        def joined() -> Iterator[Values]:
            return map(_add_mask, self.rows.split(BAND_GRID), mask.split(BAND_GRID))

        rows = Rows((height, width, channels + 1), self.rows.dtype, joined)
        notes = (*self.notes, *((_MASKS_JOINED,) if mask.shape[2] > 1 else ()))
        return replace(self, rows=rows, layout=replace(bands, extra=extra, mask=kind), is_measured=True, notes=notes)

    def in_colours(self) -> "Raster":
        """The raster with the colours of its classes, if it is a map of classes."""
        if not self.bands.palette:
            return self
        table = self.bands.colour_table
        rows = Rows((*self.rows.shape[:2], 3), table.dtype, lambda: (table[band[..., 0]] for band in self.rows.bands()))
        notes = (*self.notes, NODATA_LOST) if self.nodata else self.notes
        return replace(self, rows=rows, layout=None, nodata="", bits=0, notes=notes)

    @property
    def has_colour(self) -> bool:
        """Whether it is RGB."""
        return self.bands.colours == 3

    @property
    def has_alpha(self) -> bool:
        """Whether it has an alpha channel."""
        return self.bands.alpha is not None


def apply_exif_orientation(values: Values, orientation: int) -> Values:
    """Values (H, W, C) turned upright from an EXIF orientation of 1 to 8."""
    quarters, mirrored = EXIF_TURNS.get(orientation, (0, False))
    upright = np.rot90(values, quarters)
    return upright[:, ::-1] if mirrored else upright


def from_coded_bits(values: Values, bits: int) -> Values:
    """Values of 16 bits of which the decoder has filled only the highest ones, so that white is 65 535."""
    return np.asarray(np.rint((values >> (16 - bits)) * (65_535 / (2**bits - 1))), np.uint16)


def to_coded_bits(values: Values, bits: int) -> Values:
    """The opposite: values of 16 bits rounded to fewer, which are the highest ones."""
    return np.asarray(np.rint(values * ((2**bits - 1) / 65_535)), np.uint16) << (16 - bits)


def pack_bits(values: Values, depth: int) -> Values:
    """The bytes (H, N, 1) of samples that libvips cannot write: half floats, and integers of 10, 12 or 14 bits."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    if values.dtype == np.float16:
        return flat.astype("<f2").view(np.uint8)[..., None]
    bits = flat[..., None] >> np.arange(depth - 1, -1, -1, dtype=flat.dtype) & 1
    return np.packbits(bits.astype(np.uint8).reshape(len(flat), -1), axis=1)[..., None]
