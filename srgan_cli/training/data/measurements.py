"""Measurements as training pictures: any number of bands, in the units of their files, with pixels without data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import resize

LEVELS = 255  # the top of the range in which degradations work
_BICUBIC_REACH = 2  # low-resolution pixels up to which a pixel without data changes a reduced picture
_SAMPLED_FILES, _SAMPLED_VALUES = 32, 2**16
_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class Measurement:
    """A picture of measurements."""

    levels: Tensor
    """float32 (bands, H, W): 0…255 for values in the range of the run, others beyond; 0 without data."""
    valid: Tensor
    """bool (1, H, W): where all bands have data."""

    def cropped(self, height: int, width: int) -> "Measurement":
        """The top left part of this size."""
        return Measurement(self.levels[:, :height, :width], self.valid[:, :height, :width])

    def reduced(self, scale: int) -> "Measurement":
        """The picture reduced by bicubic; valid where no pixel without data contributes."""
        height, width = (side // scale for side in self.levels.shape[-2:])
        holes = F.max_pool2d((~self.valid).float(), scale)
        near = F.max_pool2d(holes[None], 2 * _BICUBIC_REACH + 1, 1, _BICUBIC_REACH)[0]
        return Measurement(resize(self.levels, height, width), near == 0)


@dataclass(frozen=True)
class MeasurementReader:
    """Reads the pictures of a run into one range of values."""

    bands: int
    value_range: ValueRange
    """The stored values of levels 0 and 255."""
    max_pixels: int | None = None

    def read(self, path: Path) -> Measurement:
        """The picture of a file.  Raises PictureError for a damaged file and for another number of bands."""
        values, valid = _read(path, self.bands, self.max_pixels)
        low, high = self.value_range
        levels = torch.where(valid, (values - low) / (high - low) * LEVELS, 0)
        return Measurement(levels.float(), valid.all(0, keepdim=True))


def common_range(paths: Sequence[Path], bands: int, max_pixels: int | None = None) -> ValueRange:
    """The range of valid values, by percentiles, of up to 32 of the files.  Raises SrganError where there is none."""
    chosen = [paths[int(index)] for index in np.linspace(0, len(paths) - 1, min(len(paths), _SAMPLED_FILES))]
    samples = []
    for path in chosen:
        try:
            values, valid = _read(path, bands, max_pixels)
        except PictureError:  # it is reported when all are read
            continue
        kept = values[valid]
        samples.append(kept[:: max(1, len(kept) // _SAMPLED_VALUES)].numpy())
    found = np.concatenate(samples) if samples else np.empty(0)
    low, high = np.percentile(found, _PERCENTILES) if found.size else (0, 0)
    if not low < high:
        raise SrganError(f"no file with {bands} bands and different values", "check --bands, or give --value-range")
    return float(low), float(high)


def valid_corners(valid: Tensor, side: int) -> Tensor:
    """Where squares of this side start that have data everywhere: bool (1, H - side + 1, W - side + 1)."""
    return F.max_pool2d((~valid).float(), side, 1) == 0


def _read(path: Path, bands: int, max_pixels: int | None) -> tuple[Tensor, Tensor]:
    picture = read_picture(path, max_pixels=max_pixels)
    if len(picture.pixels) != bands:
        message, found = "{path} has another number of bands: {found}, expected {bands}", len(picture.pixels)
        raise PictureError(message, "name their number with --bands", path=path, found=found, bands=bands)
    valid = torch.ones_like(picture.pixels, dtype=torch.bool) if picture.valid is None else picture.valid
    return picture.pixels.double() * picture.full_scale, valid
