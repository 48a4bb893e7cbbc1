"""Frames: the pictures of a file as they are compared, and the range of values in which two files are compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import Raster, ValueRange
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.codec.samples import UNIT_RANGE, full_scale, has_own_units, is_valid, nodata_values, opaque_alpha
from srgan_cli.image.dicom.file import calibration_of
from srgan_cli.image.geo.place import Place
from srgan_cli.image.luma import Array, Mask

_BEYOND_UNIT = (-1.0, 2.0)  # floats beyond these have units of their own; 0…1 with some overshoot does not


@dataclass(frozen=True)
class Frame:
    """A picture with the values of its file."""

    values: Array
    """float64 (C, H, W), flattened on white; 0 where they are not valid."""
    valid: Mask | None
    """(1, H, W): where all bands have a value; None if they have one everywhere."""
    full_scale: float
    """The largest value of integers of 8 or 16 bits; 0 for all others."""
    is_measured: bool
    """Whether its file says that it is no photograph, or it is neither grey nor RGB."""
    declared_range: ValueRange | None = None
    """The range that its file declares."""
    icc_profile: bytes | None = None
    alpha: Array | None = None
    """(1, H, W), 0…1; None without transparency."""
    place: Place | None = None
    """Where its pixels lie."""
    calibration: Mapping[tuple[int, str], float | str] = field(default_factory=dict)
    """What its stored values mean, as Place.calibration says it."""
    white_is_zero: bool = False
    """Whether smaller values are brighter."""

    @property
    def has_units(self) -> bool:
        """Whether its values have units of their own: floats beyond 0…1, and integers that are not of 8 or 16 bits."""
        return not self.full_scale and _has_units(*self.bounds)

    @property
    def unit_values(self) -> Array:
        """The values, integers of 8 and 16 bits as 0…1."""
        return self.values / (self.full_scale or 1.0)

    @property
    def bounds(self) -> ValueRange:
        """The least and the largest valid value; 0 and 1 without any."""
        found = self.values if self.valid is None else self.values[:, self.valid[0]]
        return (float(found.min()), float(found.max())) if found.size else UNIT_RANGE

    def crop(self, height: int, width: int) -> "Frame":
        """Its upper left part."""
        valid = None if self.valid is None else self.valid[:, :height, :width]
        alpha = None if self.alpha is None else self.alpha[:, :height, :width]
        return replace(self, values=self.values[:, :height, :width], valid=valid, alpha=alpha)


@dataclass(frozen=True)
class ValueScale:
    """The range of values in which a reference and its candidates are compared."""

    low: float
    """In the units of the reference, as `high`."""
    high: float
    unit: float = 1.0
    """The largest value of the reference's bit depth; 1 for floats and other integers."""
    is_relative: bool = True
    """Whether integers of 8 and 16 bits are divided by the largest value of their own depth."""
    is_measured: bool = False
    """Whether the reference is no photograph: its bands are compared as they are."""

    @classmethod
    def of_reference(cls, frames: Iterable[Frame], declared: ValueRange | None = None) -> "ValueScale":
        """The scale for the frames of a reference, of which photographs are not all decoded.

        The range is `declared`, or that of the file, or that of its bit depth for 8 and 16 bits, or 0…1 for floats
        within, or from the least to the largest valid value.
        """
        frames = iter(frames)
        first = next(frames)
        if known := declared or first.declared_range or ((0.0, first.full_scale) if first.full_scale else None):
            relative = bool(first.full_scale) or not first.has_units
            return cls(*known, first.full_scale or 1.0, relative, first.is_measured)
        bounds = [first.bounds, *(frame.bounds for frame in frames)]
        low, high = min(bound[0] for bound in bounds), max(bound[1] for bound in bounds)
        if low >= 0 and high <= 1:
            return cls(*UNIT_RANGE, is_measured=first.is_measured)
        margin = 0.0 if low < high else 0.5
        return cls(low - margin, high + margin, is_relative=not _has_units(low, high), is_measured=True)

    def normalise(self, frame: Frame) -> Array:
        """The values of a frame, 0…1 for this range."""
        own, unit = (frame.full_scale or 1.0, self.unit) if self.is_relative else (1.0, 1.0)
        low, high = self.low / unit, self.high / unit
        values = frame.values / own
        return values if (low, high) == UNIT_RANGE else (values - low) / (high - low)

    @property
    def range(self) -> ValueRange:
        """Both bounds, in the units of the reference."""
        return self.low, self.high


def read_frames(picture: Path | Array, *, max_pixels: int | None = None) -> Iterator[Frame]:
    """The pictures of a file, decoded one by one, or one in memory (C, H, W), 0…1.  Raises PictureError."""
    if not isinstance(picture, Path):
        valid: Mask = np.asarray(np.isfinite(picture).all(0, keepdims=True))
        values, mask = (picture, None) if valid.all() else (np.where(valid, picture, 0), valid)
        yield Frame(values, mask, 0.0, is_measured=len(picture) not in (1, 3), declared_range=UNIT_RANGE)
        return
    with open_reader(picture, max_pixels=max_pixels) as reader:
        for index in range(reader.count):
            check_max_pixels(picture, *reader.size(index), max_pixels=max_pixels)
            yield _frame(reader.read(index).in_colours())


def count_frames(picture: Path | Array, *, max_pixels: int | None = None) -> int:
    """The number of pictures in a file. Raises PictureError as open_reader does."""
    if not isinstance(picture, Path):
        return 1
    with open_reader(picture, max_pixels=max_pixels) as reader:
        return reader.count


def _has_units(low: float, high: float) -> bool:
    return low < _BEYOND_UNIT[0] or high > _BEYOND_UNIT[1]


def _frame(raster: Raster) -> Frame:
    stored, dtype, layout = raster.values.transpose(2, 0, 1), raster.rows.dtype, raster.bands
    place, header = raster.metadata.place, raster.metadata.dicom
    meaning = calibration_of(header) if header else place.calibration if place else {}
    scale = full_scale(dtype, raster.depth)
    colours, alpha = stored, None
    if layout.alpha is not None:
        colours = np.delete(stored, layout.alpha, 0)
        alpha = (stored[[layout.alpha]] / opaque_alpha(stored[layout.alpha], raster.depth)).clip(0, 1)
    nodata = nodata_values(raster.nodata, layout, dtype)
    valid: Mask = np.all(list(map(is_valid, colours, nodata)), axis=0, keepdims=True)
    is_measured = raster.is_measured or bool(raster.nodata) or len(colours) not in (1, 3)
    if alpha is not None and is_measured and len(np.unique(alpha[alpha > 0])) < 2:
        valid, alpha = valid & (alpha > 0), None
    values = np.where(valid, colours, 0).astype(np.float64)
    return Frame(
        values if alpha is None else values * alpha + scale * (1 - alpha),
        None if valid.all() else valid,
        0.0 if has_own_units(dtype, raster.depth) else scale,
        is_measured,
        None if header else raster.declared_range,  # that of DICOM is for networks: without the extremes
        raster.icc_profile,
        alpha,
        place,
        meaning,
        layout.white_is_zero,
    )
