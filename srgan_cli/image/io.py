"""Reading pictures from files, and what of them a format stores."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff, writer
from srgan_cli.image.codec.capabilities import FALLBACK_SUFFIX, FORMAT_CAPABILITIES, format_of
from srgan_cli.image.codec.colour import count_colours
from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.codec.samples import UNIT_RANGE, overlap
from srgan_cli.image.convert.values import stream_raster, to_rows, to_values
from srgan_cli.image.geo.export import place_losses
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.system.arguments import checked

_DTYPES = {8: np.uint8, 16: np.uint16}
_LEAST_SHOWN = 0.1  # the least part of a range of values that lies in 0…1, in a format that clips the rest
_GIF_TIME_UNIT = 10  # milliseconds


@checked
def read_picture(path: Path | str, *, max_pixels: int | None = None, keep_classes: bool = False) -> Picture:
    """The first picture of a file, upright according to its EXIF orientation.

    Grey stays grey, palettes become RGB (those of maps of classes not with `keep_classes`), transparency becomes alpha,
    CMYK and Lab become sRGB.  Raises PictureError when the file is missing, not a picture, damaged, stores 64-bit
    integers, or has more than `max_pixels` pixels (None: DEFAULT_MAX_PIXELS).
    """
    path = Path(path)
    with open_reader(path, max_pixels=max_pixels) as reader:
        check_max_pixels(path, *reader.size(0), max_pixels=max_pixels)
        return stream_raster(reader.read(0), keep_classes=keep_classes).to_picture()


def picture_size(path: Path, *, max_pixels: int | None = None) -> tuple[int, int]:
    """Height and width of the first picture, upright, from its header.  Raises PictureError as read_picture does."""
    with open_reader(path, max_pixels=max_pixels) as reader:
        size = reader.size(0)
    check_max_pixels(path, *size, max_pixels=max_pixels)
    return size


def writable_suffix(path: Path) -> str:
    """The suffix of the format that a file's content has, or FALLBACK_SUFFIX.  Raises PictureError as read_picture."""
    with open_reader(path) as reader:
        name = {"MPO": "JPEG"}.get(reader.format, reader.format)
    return FORMAT_CAPABILITIES[name].suffixes[0] if name in FORMAT_CAPABILITIES else FALLBACK_SUFFIX


def picture_losses(path: Path, picture: Picture | ImageStream, *, animated: bool = False) -> list[str]:
    """What the format of `path` drops of a picture, a sentence each; `animated`: of a frame of an animation."""
    header = picture.header if isinstance(picture, ImageStream) else picture
    name, metadata, full_scale = format_of(path), header.metadata, header.full_scale
    capabilities, most_bits = FORMAT_CAPABILITIES[name], FORMAT_CAPABILITIES[name].most_bits
    bits = (metadata.coded_bits if header.depth == 16 else None) or header.depth
    _, _, dropped = _fit_metadata(header, name, animated=animated)
    range_shown = f"shows stored values of 0 to {full_scale:.0f} as black to white, without the data set's window"
    of_samples = {
        f"stores {most_bits} of this picture's {bits} bits a channel": bits > most_bits,
        range_shown: metadata.dicom and full_scale > 1,
        "clips values outside 0…1": header.has_own_units and bool({*header.value_ranges} - {UNIT_RANGE}),
        "stores the colours of this picture's classes, not their numbers": header.bands.palette,
    }
    action = "mask is dropped" if header.bands.mask == "beside" else "picture is flattened on white"
    losses = {
        f"has no transparency: the {action}": header.alpha is not None and not capabilities.alpha,
        **({} if _keeps_samples(header, name) else of_samples),
        "cannot store which value is no data": (header.nodata or header.bands.nodata)
        and not _keeps_nodata(header, name),
        "cannot store all of this picture's EXIF": name == "TIFF" and tiff.has_unwritable_tags(metadata.exif),
    }
    lost = [loss for loss, applies in losses.items() if applies]
    lost += [f"cannot store this picture's {part}" for part in (*dropped, *place_losses(metadata.place, name))]
    return [f"{name} {loss}" for loss in (*lost, *_palette_losses(picture, capabilities.colours))]


def check_samples(path: Path, picture: Picture | ImageStream) -> None:
    """Raises PictureError for bands and samples that would be lost or changed beyond use in the format of `path`."""
    header, name = picture.header if isinstance(picture, ImageStream) else picture, format_of(path)
    count, layout = len(header.pixels), header.bands
    if not FORMAT_CAPABILITIES[name].any_bands and count != layout.colours:
        reason = f"{count} bands"
    elif _keeps_samples(header, name) or not header.has_own_units:
        return
    elif header.dtype.kind != "f":
        reason = f"samples of the type {header.dtype.name}"
    else:
        lost = (ends for ends in header.value_ranges if overlap(ends, UNIT_RANGE) < _LEAST_SHOWN)
        reason = next((f"values of about {low:.6g} to {high:.6g}" for low, high in lost), "")
    if reason:
        raise PictureError(f"{name} cannot store {reason}", "write a .tif")


def to_raster(picture: Picture | ImageStream, name: str) -> Raster:
    """The raster that a file of this format stores of a picture; what it cannot store is dropped."""
    stream = picture if isinstance(picture, ImageStream) else ImageStream.from_picture(picture)
    header, capabilities = stream.header, FORMAT_CAPABILITIES[name]
    metadata, profile, _ = _fit_metadata(header, name)
    stream = stream if _keeps_samples(header, name) else stream.map(_as_shown)
    stream = stream if capabilities.alpha else stream.map(Picture.flatten_on_white)
    if _keeps_samples(header, name):
        rows = to_rows(stream, header.dtype, header.depth)
        has_depth = header.dtype.kind == "u" and (name == "DICOM" or header.dtype.itemsize < 4)
        bits = header.depth if has_depth else 8 * header.dtype.itemsize
        raster = Raster(rows, profile, metadata, header.duration, bits=bits, layout=stream.header.bands)
        declared = None if header.metadata.dicom else header.declared_range  # that of DICOM is one of percentiles
        return replace(raster, nodata=header.nodata, declared_range=declared)
    depth = min((bits for bits in capabilities.depths if bits >= header.depth), default=max(capabilities.depths))
    rows = to_rows(stream, np.dtype(_DTYPES[depth]), depth)
    return Raster(rows, profile, metadata, header.duration)


def _as_shown(picture: Picture) -> Picture:
    """The picture with the colours of its classes, or with grey that rises towards white."""
    if picture.bands.palette:
        table = torch.from_numpy(picture.bands.colour_table).T / 255
        colours = table[:, (picture.pixels[0] * picture.full_scale).round().long()]
        return replace(picture, pixels=colours, depth=8, sample_type="", layout=None, nodata="")
    if not picture.bands.white_is_zero:
        return picture
    return replace(picture, pixels=1 - picture.pixels, layout=replace(picture.bands, white_is_zero=False))


def _keeps_samples(header: Picture, name: str) -> bool:
    """Whether a format stores a picture's own samples, whatever their type is."""
    is_plain = header.dtype.kind != "f" and not header.bands.palette
    return FORMAT_CAPABILITIES[name].any_bands or (name == "DICOM" and is_plain)


def _keeps_nodata(header: Picture, name: str) -> bool:
    """Whether a format stores which value is no data: DICOM for grey of 16 bits, PNG by an .aux.xml beside it."""
    place = header.metadata.place
    if name == "PNG" and place and (header.bands.nodata or header.nodata in place.nodata.values()):
        return not header.has_own_units
    stores = name != "DICOM" or (len(header.pixels) == 1 and header.dtype.itemsize <= 2)
    return stores and _keeps_samples(header, name)


def _fit_metadata(header: Picture, name: str, *, animated: bool = False) -> tuple[Metadata, bytes | None, list[str]]:
    """What the format stores of the metadata and the profile, and the names of what it does not store."""
    grey = len(header.pixels) == 1 and not header.bands.palette
    found = header.metadata, header.icc_profile, name
    return writer.fit_metadata(*found, depth=header.depth, grey=grey, animated=animated)


def _palette_losses(picture: Picture | ImageStream, palette_size: int | None) -> list[str]:
    """What a palette of this size drops; nothing without a palette."""
    if palette_size is None:
        return []
    picture = picture.to_picture() if isinstance(picture, ImageStream) else picture
    losses = []
    values = to_values(replace(picture, alpha=None), np.dtype(np.uint8), 8)
    visible = np.ones(values.shape[:2], bool) if picture.alpha is None else picture.alpha[0].numpy() >= 0.5
    if count_colours(values[visible][None]) > palette_size - (not visible.all()):
        losses.append(f"stores {palette_size} of this picture's colours")
    if picture.alpha is not None and bool(((picture.alpha > 0) & (picture.alpha < 1)).any()):
        losses.append("has no partial transparency")
    if picture.duration % _GIF_TIME_UNIT:
        losses.append("stores durations in hundredths of a second")
    return losses
