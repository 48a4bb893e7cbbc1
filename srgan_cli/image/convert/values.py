"""Conversion between the values that files store and the tensors of pictures."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_cli.image.codec.raster import ASSOCIATED, Raster, Rows, Values, band_rows, opaque
from srgan_cli.image.codec.samples import Survey, full_scale, is_valid, nodata_slack, nodata_values
from srgan_cli.image.picture import ImageStream, Picture


def stream_raster(raster: Raster, *, keep_classes: bool = False) -> ImageStream:
    """The picture of a raster, of which measurements are read before; classes become RGB unless `keep_classes`."""
    raster = raster if keep_classes else raster.in_colours()
    height, width, channels = raster.rows.shape
    found, bands = Survey(raster), raster.bands
    is_mask = bands.ends_with_mask or found.alpha_is_mask
    count = channels - raster.has_alpha
    layout = replace(bands, mask=bands.mask or "alpha") if is_mask else raster.layout
    if found.opaque_alpha > 1 and raster.rows.dtype.kind == "f":
        layout = replace(layout or bands, opaque=found.opaque_alpha)
    header = Picture(
        torch.empty(count, 0, width, dtype=torch.float64 if found.is_double else torch.float32),
        torch.empty(1, 0, width) if raster.has_alpha else None,
        raster.depth,
        raster.icc_profile,
        raster.metadata,
        found.value_ranges,
        raster.duration,
        raster.notes,
        valid=torch.empty(count, 0, width, dtype=torch.bool) if found.has_invalid or is_mask else None,
        layout=layout,
        nodata=raster.nodata,
        sample_type=raster.rows.dtype.name,
        declared_range=raster.declared_range,
    )
    return ImageStream(header, height, lambda: map(partial(_from_values, like=header), raster.rows.bands()))


def _from_values(values: Values, like: Picture) -> Picture:
    """The picture of stored values (H, W, C), with everything else from `like`."""
    channels, index = values.transpose(2, 0, 1), like.bands.alpha
    stored = channels if index is None else np.delete(channels, index, 0)
    pixels = stored.astype(like.pixels.numpy().dtype, order="C")
    if like.full_scale != 1:
        pixels /= like.full_scale
    alpha = valid = None
    if index is not None:
        scale = np.float32(_opaque(like, like.dtype, like.depth))
        alpha = (np.nan_to_num(channels[[index]].astype(np.float32, order="C")) / scale).clip(0, 1)
    if like.valid is not None:
        valid = np.stack(list(map(is_valid, stored, nodata_values(like.nodata, like.bands, like.dtype))))
    if valid is not None and alpha is not None and like.has_mask:
        valid &= alpha > 0
    opacity, validity = (None if part is None else torch.from_numpy(part) for part in (alpha, valid))
    return replace(like, pixels=torch.from_numpy(pixels), alpha=opacity, valid=validity)


def _opaque(picture: Picture, dtype: np.dtype[Any], depth: int) -> float:
    """The value of opaque alpha in samples of this type."""
    return (dtype == picture.dtype and picture.bands.opaque) or opaque(dtype, depth)


def to_rows(stream: ImageStream, dtype: np.dtype[Any], depth: int) -> Rows:
    """The values of a picture as samples of this type, with as many bits; computed when they are read."""
    shape = (stream.height, stream.width, len(stream.header.channels))
    return Rows(shape, dtype, lambda: (to_values(band, dtype, depth) for band in _split_bands(stream)))


def to_values(picture: Picture, dtype: np.dtype[Any], depth: int) -> Values:
    """Values (H, W, C) of this type, in the order of the file; valid ones are never the nodata value."""
    values: Values = np.empty((picture.height, picture.width, len(picture.channels)), dtype)
    targets, alpha = list(range(values.shape[2])), picture.bands.alpha
    if picture.alpha is not None and alpha is not None:
        values[..., targets.pop(alpha)] = _as_samples(picture.alpha[0] * _opaque(picture, dtype, depth), dtype, depth)
    each = nodata_values(picture.nodata, picture.bands, dtype)
    bands = zip(_premultiplied(picture), each, strict=True)
    for index, (band, nodata) in enumerate(bands):  # one by one, to save memory
        exact = band * full_scale(dtype, depth)
        stored = _as_samples(exact, dtype, depth)
        if nodata is not None:
            wrong = ~is_valid(stored, nodata) & (True if picture.valid is None else picture.valid[index].numpy())
            if wrong.any():
                stored = np.where(wrong, _beside(nodata, exact.numpy(), dtype, depth), stored)
        values[..., targets[index]] = stored
    return values


def _beside(nodata: float, exact: Values, dtype: np.dtype[Any], depth: int) -> Values:
    """The value next to nodata that is closer to the exact one."""
    if dtype.kind == "f":
        step = 2 * nodata_slack(nodata) or float(np.finfo(dtype).tiny)
        return np.asarray(np.where(exact < nodata, nodata - step, nodata + step), dtype)
    top = 2 ** (depth - (dtype.kind == "i")) - 1
    bottom = -top - 1 if dtype.kind == "i" else 0
    upwards = ((exact >= nodata) | (nodata == bottom)) & (nodata != top)
    return np.asarray(np.where(upwards, nodata + 1, nodata - 1), dtype)


def _premultiplied(picture: Picture) -> Iterator[Tensor]:
    """The bands (H, W), multiplied by alpha where the file stores them so."""
    bands = picture.bands
    associated = bands.alpha is not None and bands.extra[bands.alpha - bands.colours] == ASSOCIATED
    for band in picture.pixels:
        yield band * picture.alpha[0] if associated and picture.alpha is not None else band


def _as_samples(channel: Tensor, dtype: np.dtype[Any], depth: int) -> Values:
    """A channel (H, W) in stored units, rounded and clipped to what samples of this type hold."""
    if dtype.kind == "f":
        return _as_floats(channel.numpy(), dtype)
    top = opaque(dtype, depth)
    channel = channel.double() if depth > 24 else channel
    rounded: Values = channel.nan_to_num(0).round().clamp_(-top - 1 if dtype.kind == "i" else 0, top).numpy()
    return rounded.astype(dtype)


def _as_floats(values: Values, dtype: np.dtype[Any]) -> Values:
    """Floats of this type; finite ones stay finite."""
    if dtype.itemsize < values.dtype.itemsize:
        top = float(np.finfo(dtype).max)
        values = np.where(np.isfinite(values), values.clip(-top, top), values)
    return np.asarray(values, dtype)


def _split_bands(stream: ImageStream) -> Iterator[Picture]:
    """The bands of a stream, split into parts that are as thin as the bands of files."""
    step = band_rows(stream.width, len(stream.header.channels))
    for band in stream.bands():
        for top in range(0, band.height, step):
            yield band.rows(top, top + step)
        del band  # before the next one is made
