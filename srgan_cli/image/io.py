"""Picture: what is read from a file and written to one.  Pixel formats are converted here and nowhere else."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from srgan_cli.image.codec import colour as palette
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec import writer as encode
from srgan_cli.image.codec.capabilities import (
    FALLBACK_SUFFIX,
    FORMAT_CAPABILITIES,
    FORMATS,
    FormatCapabilities,
    check_size,
    output_format,
)
from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import Raster, Rows, Values, band_rows
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.codec.samples import UNIT_RANGE, to_arrays, value_range_of
from srgan_cli.image.metadata.metadata import Metadata
from srgan_cli.image.ops import to_levels
from srgan_cli.image.picture import ImageStream, Picture, _layers
from srgan_cli.system.files import atomic_write

__all__ = [
    "FORMATS",
    "ImageStream",
    "Metadata",
    "Picture",
    "check_size",
    "output_format",
    "picture_losses",
    "picture_size",
    "read_picture",
    "stream_raster",
    "to_raster",
    "writable_suffix",
    "write_picture",
]
_EVEN = 10


def stream_raster(raster: Raster) -> ImageStream:
    """The picture of what stands in a file; of floats, the range is looked up first."""
    height, width, channels = raster.rows.shape
    empty = torch.empty(channels, 0, width)
    colour, alpha = (empty[:-1], empty[-1:]) if raster.has_alpha else (empty, None)
    span, notes = value_range_of(raster)
    header = Picture(
        colour,
        alpha,
        raster.depth,
        raster.icc_profile,
        raster.metadata,
        span,
        raster.duration,
        (*raster.notes, *notes),
    )
    return ImageStream(header, height, lambda: map(partial(from_values, like=header), raster.rows.bands()))


def read_picture(path: Path | str, *, max_pixels: int | None = None) -> Picture:
    """The first picture of a file, upright as its EXIF orientation says.

    Grey stays grey, palettes become colours, transparency becomes alpha, CMYK and Lab become sRGB.  Raises
    PictureError when the file is missing, is not a picture, is cut short, holds 32-bit whole numbers, or has more than
    `max_pixels` pixels (None: DEFAULT_MAX_PIXELS).
    """
    path = Path(path)
    with open_reader(path) as source:
        check_max_pixels(path, *source.size(0), max_pixels=max_pixels)
        return stream_raster(source.read(0)).to_picture()


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of an upright picture, from the header alone.  Raises PictureError as read_picture does."""
    with open_reader(path) as source:
        return source.size(0)


def writable_suffix(path: Path) -> str:
    """The suffix of the format in which a file is written that holds what this one does, as its content tells.

    Raises PictureError as read_picture does.
    """
    with open_reader(path) as source:
        form = {"MPO": "JPEG"}.get(source.format, source.format)
    return FORMAT_CAPABILITIES[form].suffixes[0] if form in FORMAT_CAPABILITIES else FALLBACK_SUFFIX


def write_picture(picture: Picture | ImageStream, path: Path | str) -> None:
    """Write a picture in the format of the file's suffix; the file appears whole or not at all.

    What the format cannot hold is dropped; `dropped_by` says it beforehand.  Raises UsageError for a suffix that is
    not in FORMATS, PictureError for a picture too large for its format, and SrganError as atomic_write does.
    """
    path = Path(path)
    name = output_format(path)
    check_size(path, picture.height, picture.width)
    with atomic_write(path) as temporary:
        encode.write([to_raster(picture, name)], temporary, name)


def picture_losses(path: Path, source: Picture | ImageStream) -> list[str]:
    """What of this picture the format of `path` drops, a sentence each."""
    name, picture = output_format(path), source.header if isinstance(source, ImageStream) else source
    form, metadata, profile = FORMAT_CAPABILITIES[name], picture.metadata, _profile(picture, FORMAT_CAPABILITIES[name])
    losses = {
        f"{name} has no transparency: the picture is laid on white": picture.alpha is not None and not form.alpha,
        f"{name} holds {max(form.depths)} bits of this picture's {picture.depth}": picture.depth > max(form.depths),
        f"{name} cuts values outside 0…1 off": picture.value_range != UNIT_RANGE and 32 not in form.depths,
        f"{name} cannot hold this picture's colour profile": bool(picture.icc_profile) and not profile,
        f"{name} cannot hold this picture's EXIF": len(metadata.exif or b"") > form.exif_bytes,
        f"{name} cannot hold all of this picture's EXIF": name == "TIFF" and tiff.unwritable(metadata.exif),
        f"{name} cannot hold this picture's XMP": len(metadata.xmp or b"") > form.xmp_bytes,
        f"{name} cannot hold this picture's resolution": bool(metadata.dpi) and not form.dpi,
    }
    return [loss for loss, true in losses.items() if true] + (_few_colours(source, name) if form.colours else [])


def from_values(values: Values, like: Picture) -> Picture:
    """The picture of stored values (H, W, C): in everything else it is `like` the other one."""
    colour, alpha = to_arrays(values, like.depth, like.alpha is not None, like.value_range)
    return replace(like, pixels=torch.from_numpy(colour), alpha=None if alpha is None else torch.from_numpy(alpha))


def to_values(picture: Picture, name: str) -> Values:
    """The picture's values (H, W, C) as a file of this format's name holds them."""
    form = FORMAT_CAPABILITIES[name]
    return _values(picture if form.alpha else picture.flatten_on_white, _depth(picture, form))


def to_raster(picture: Picture | ImageStream, name: str) -> Raster:
    """What a file of this format's name holds of a picture, without what it cannot hold."""
    scan = picture if isinstance(picture, ImageStream) else ImageStream.from_picture(picture)
    outline, form = scan.header, FORMAT_CAPABILITIES[name]
    metadata = Metadata(
        _if_short(outline.metadata.exif, form.exif_bytes),
        _if_short(outline.metadata.xmp, form.xmp_bytes),
        outline.metadata.dpi if form.dpi else None,
    )
    empty = to_values(outline, name)
    shape = (scan.height, scan.width, empty.shape[2])
    rows = Rows(shape, empty.dtype, lambda: map(partial(to_values, name=name), _thin_bands(scan)))
    return Raster(rows, _profile(outline, form), metadata, outline.duration)


def _thin_bands(stream: ImageStream) -> Iterator[Picture]:
    """The bands of a picture, in parts as thin as those that files are read in."""
    step = band_rows(stream.width, len(_layers(stream.header)))
    for band in stream.bands():
        for top in range(0, band.height, step):
            alpha = None if band.alpha is None else band.alpha[:, top : top + step]
            yield replace(band, pixels=band.pixels[:, top : top + step], alpha=alpha)
        del band  # before the next one is made


def _depth(picture: Picture, form: FormatCapabilities) -> int:
    return max(depth for depth in form.depths if depth <= picture.depth)


def _if_short(part: bytes | None, most: int) -> bytes | None:
    return part if part and len(part) <= most else None


def _values(picture: Picture, depth: int) -> Values:
    layers = [*picture.pixels, *([] if picture.alpha is None else picture.alpha)]
    kind = {8: np.uint8, 16: np.uint16, 32: np.float32}[depth]
    values: Values = np.empty((picture.height, picture.width, len(layers)), kind)
    low, high = (bound / 2 for bound in picture.value_range)  # halves, as in codec.floats.planes
    for index, layer in enumerate(layers):  # one by one, for the sake of memory
        if index < len(picture.pixels) and picture.value_range != UNIT_RANGE:
            layer = (layer * (high - low) + low) * 2
        values[..., index] = layer if depth == 32 else to_levels(layer, depth)
    return values


def _profile(picture: Picture, form: FormatCapabilities) -> bytes | None:
    """A grey picture's profile does not fit the RGB that a format without grey makes of it."""
    fits = form.profile and (form.grey or len(picture.pixels) == 3)
    return picture.icc_profile if fits else None


def _few_colours(source: Picture | ImageStream, name: str) -> list[str]:
    """What a palette loses."""
    picture = source.to_picture() if isinstance(source, ImageStream) else source
    most, losses = FORMAT_CAPABILITIES[name].colours or 0, []
    values = _values(replace(picture, alpha=None), 8)
    shown = np.ones(values.shape[:2], bool) if picture.alpha is None else picture.alpha[0].numpy() >= 0.5
    if palette.colours_in(values[shown][None]) > most - (not shown.all()):
        losses.append(f"{name} holds {most} of this picture's colours")
    if picture.alpha is not None and bool(((picture.alpha > 0) & (picture.alpha < 1)).any()):
        losses.append(f"{name} knows no half transparency")
    if picture.duration % _EVEN:
        losses.append(f"{name} tells time in hundredths of a second")
    return losses
