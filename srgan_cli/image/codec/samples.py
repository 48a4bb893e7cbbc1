"""Samples: the values that files store, what pixels of them are, and which of them are no data.  Without torch.

Pixels of 8 and 16 bits without sign are 0…1.  All other samples (signed, 32 bits, floats) keep their own units.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srgan_cli.image.codec.raster import BandLayout, Raster, ValueRange, Values, opaque
from srgan_cli.image.luma import PixelsT, as_float64, to_rgb

UNIT_RANGE: ValueRange = (0.0, 1.0)
_PERCENTILES = (0.5, 99.5)
_MARGIN = 0.1  # how far a range extends beyond its percentiles, as a part of their distance
_CONSTANT_MARGIN = 2.0**-16  # the same where both are equal, relative to them: a constant stays one
_PHOTOGRAPH_TOP = 0.25
"""Floats whose percentiles lie in 0…1 and reach this value are taken for a photograph, whose range is 0…1."""
_SAMPLED_VALUES = 2**20  # about so many values of a picture are looked at for its percentiles
_FLOAT32_INTEGERS = 2**24  # float32 holds all integers up to this one
_FLOAT_ALPHA = (255, 65_535)  # the values of opaque alpha, beside 1, that floats are known to have
_HUGE = 1e30
_EQUAL = 5e-7  # relative difference of floats that are equal for GDAL
_NODATA_TOLERANCE = 1e-5
"""Relative, for huge values of no data: texts such as -3.40282e+38 do not give all digits."""


def full_scale(dtype: np.dtype[Any], depth: int) -> float:
    """The stored value that a pixel of 1 stands for: 1 for samples that keep their own units."""
    return 1.0 if has_own_units(dtype, depth) else float(2**depth - 1)


def has_own_units(dtype: np.dtype[Any], depth: int) -> bool:
    """Whether samples keep their own units."""
    return dtype.kind != "u" or depth > 16


def opaque_alpha(alpha: Values, depth: int) -> float:
    """The value of opaque alpha among these: some programs, such as gdalwarp, write floats of 255 or 65 535."""
    top = float(alpha.max(initial=0, where=np.isfinite(alpha)))
    return top if alpha.dtype.kind == "f" and top in _FLOAT_ALPHA else opaque(alpha.dtype, depth)


def parse_nodata(text: str, dtype: np.dtype[Any]) -> float | None:
    """The value that stands for no data, as samples of this type hold it; None without a finite one."""
    try:
        value = float(text)
    except ValueError:
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = float(dtype.type(value))
        return stored if math.isfinite(stored) else None
    limits = np.iinfo(dtype)
    return value if value.is_integer() and limits.min <= value <= limits.max else None


def nodata_values(text: str, bands: BandLayout, dtype: np.dtype[Any]) -> list[float | None]:
    """The same for each band but alpha: `text`, unless they have values of their own."""
    count = bands.count - (bands.alpha is not None)
    return [parse_nodata(stated, dtype) for stated in bands.nodata or (text,) * count]


def overlap(own: ValueRange, other: ValueRange) -> float:
    """Which part of a range lies in another one; negative if none does."""
    return (min(own[1], other[1]) - max(own[0], other[0])) / (own[1] - own[0])


def nodata_slack(nodata: float) -> float:
    """How far floats may be from the nodata value and still stand for no data, at least as far as for GDAL."""
    return abs(nodata) * (_NODATA_TOLERANCE if abs(nodata) > _HUGE else _EQUAL)


def is_valid(values: Values, nodata: float | None) -> NDArray[np.bool_]:
    """Which of the stored values are data: finite, not at the limit of their type, and not `nodata`."""
    if values.dtype.kind != "f":
        return np.ones(values.shape, bool) if nodata is None else values != nodata
    largest = float(np.finfo(values.dtype).max) * (1 - _NODATA_TOLERANCE)
    valid: NDArray[np.bool_] = np.abs(values) < values.dtype.type(largest)  # False for NaN
    if nodata is not None:
        slack = nodata_slack(nodata)
        low, high = np.asarray([nodata - slack, nodata + slack]).clip(-largest, largest).astype(values.dtype)
        valid &= (values < low) | (values > high)
    return valid


class Survey:
    """What a pass through all rows of a raster finds; those of photographs of 8 and 16 bits are not read for it."""

    def __init__(self, raster: Raster) -> None:
        height, width, _ = raster.rows.shape
        self.raster, self.alpha = raster, raster.bands.alpha
        self.is_measured = raster.is_measured or bool(raster.nodata)
        self.bands = [index for index in range(raster.bands.count) if index != self.alpha]
        self.step = math.ceil(math.sqrt(height * width * len(self.bands) / _SAMPLED_VALUES))
        self.nodata = nodata_values(raster.nodata, raster.bands, raster.rows.dtype)
        most = math.ceil(height / self.step) * math.ceil(width / self.step)
        self.samples = [np.empty(most, raster.rows.dtype) for _ in self.bands]
        """One array each: many small ones between larger temporary ones would fragment the heap."""
        self.counts = [0] * len(self.bands)
        self.has_invalid = False
        """Whether some values are no data."""
        self.opaque_alpha = 0.0
        """The stored value of opaque alpha; 0 without alpha."""
        self.top, self.largest, self.alphas = 0, 0.0, np.zeros(0, raster.rows.dtype)
        self.has_own_units = has_own_units(raster.rows.dtype, raster.depth)
        for band in raster.rows.bands() if self.is_measured or self.has_own_units else ():
            self._add(band)

    def _add(self, rows: Values) -> None:
        visible = np.ones(rows.shape[:2], bool)
        if self.alpha is not None:
            self.alphas = np.unique(np.concatenate([self.alphas, np.unique(rows[..., self.alpha])[:3]]))[:3]
            visible = rows[..., self.alpha] > 0
            self.opaque_alpha = max(self.opaque_alpha, opaque_alpha(rows[..., self.alpha], self.raster.depth))
        chosen = (slice(-self.top % self.step, None, self.step), slice(None, None, self.step))
        for number, index in enumerate(self.bands):
            valid = is_valid(rows[..., index], self.nodata[number])
            self.has_invalid = self.has_invalid or not valid.all()
            found, count = rows[..., index][chosen][(valid & visible)[chosen]], self.counts[number]
            self.counts[number] = count + len(found)
            self.samples[number][count : count + len(found)] = found
            if rows.dtype.kind != "f" and rows.dtype.itemsize >= 4:
                self.largest = max(self.largest, float(np.abs(rows[..., index][valid].astype(np.int64)).max(initial=0)))
        self.top += len(rows)

    @property
    def alpha_is_mask(self) -> bool:
        """Whether alpha has no values but 0 and one other, in a raster that is no photograph."""
        return self.is_measured and self.alpha is not None and bool(np.count_nonzero(self.alphas) < 2)

    @property
    def is_double(self) -> bool:
        """Whether float32 cannot hold its values: 64-bit floats, and integers above 24 bits."""
        return self.raster.rows.dtype == np.float64 or self.largest > _FLOAT32_INTEGERS

    @property
    def value_ranges(self) -> tuple[ValueRange, ...]:
        """The range of each band, one for all colours to keep their balance; () for the full scale of 8 and 16 bits."""
        if not self.has_own_units and (not self.is_measured or self.raster.rows.dtype.itemsize == 1):
            return ()
        ranges, colours = list(self._ranges()), self.raster.bands.colours
        shared = min(low for low, _ in ranges[:colours]), max(high for _, high in ranges[:colours])
        return (*[shared] * min(colours, len(ranges)), *ranges[colours:])

    def _ranges(self) -> Iterator[ValueRange]:
        """The range of each band: declared in the file, or that of its percentiles."""
        for samples, count in zip(self.samples, self.counts, strict=True):
            values = samples[:count].astype(np.float64)
            yield self.raster.declared_range or percentile_range(values, is_float=self.raster.rows.dtype.kind == "f")


def percentile_range(values: NDArray[np.float64], *, is_float: bool = True) -> ValueRange:
    """The range of values that a network sees as 0…1, from valid values; single extreme ones do not change it.

    The percentiles 0.5 and 99.5, and a tenth of their distance more at both ends.  Floats that look like those of a
    photograph have 0…1.
    """
    if not values.size:
        return UNIT_RANGE
    low, high = (float(bound) for bound in np.percentile(values, _PERCENTILES))
    if is_float and low >= 0 and _PHOTOGRAPH_TOP <= high <= 1:
        return UNIT_RANGE
    margin = (high - low) * _MARGIN or max(abs(low) * _CONSTANT_MARGIN, 1e-30)
    return low - margin, high + margin


def to_image(pixels: PixelsT) -> Image.Image:
    """Pixels (1 or 3, H, W) with values 0…1 as a Pillow image, RGB with 8 bits."""
    levels = np.rint(as_float64(to_rgb(pixels)).clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
