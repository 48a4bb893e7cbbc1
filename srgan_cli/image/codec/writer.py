"""Writing: rasters encoded into a file."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff, vips
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES
from srgan_cli.image.codec.colour import quantize_to_palette
from srgan_cli.image.codec.headers import png_chunk
from srgan_cli.image.codec.raster import Raster, Values
from srgan_cli.image.dicom import file as dicom
from srgan_cli.image.geo import microscopy
from srgan_cli.image.metadata.metadata import EXIF_PREFIX, PARSE_ERRORS, Metadata

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_METRES_PER_INCH = 0.0254
_JPEG_QUANTISATION_TABLES = 0xDB
_RESTORE_BACKGROUND = 2


def can_stream(name: str, count: int = 1) -> bool:
    """Whether a file of `count` pictures is written band by band in this format, with a constant amount of memory."""
    return FORMAT_CAPABILITIES[name].can_stream and (count == 1 or name == "TIFF")


def write(rasters: Sequence[Raster], path: Path, name: str, *, loop: int = 0) -> None:
    """Write a file in a format; an animation is played `loop` times, 0 for endlessly."""
    rasters = [replace(raster, metadata=_fit_metadata(raster, name)) for raster in _describe_pages(rasters)]
    if name == "TIFF":
        pages = [(raster.rows, tiff.tags_for(raster.metadata, raster.icc_profile)) for raster in rasters]
        tiff.write_pages(path, pages)
        return
    if name == "DICOM":
        dicom.write(rasters, path)
        return
    with path.open("wb") as file:
        if can_stream(name, len(rasters)):
            _STREAM_WRITERS[name](rasters[0], file)
        else:
            _write_whole(rasters, file, name, loop)


def _write_whole(rasters: list[Raster], file: IO[bytes], name: str, loop: int) -> None:
    if name == "GIF":
        transparent = len(rasters) > 1 and any(raster.has_alpha for raster in rasters)
        images = [quantize_to_palette(raster.values, reserve_transparent=transparent) for raster in rasters]
    else:
        images = _images(rasters)
    options = {**FORMAT_CAPABILITIES[name].options, **_pillow_options(rasters[0], name)}
    if name == "AVIF" and images[0].mode == "L":
        options["subsampling"] = "4:0:0"  # otherwise it would be read as colour
    if len(images) > 1:
        options |= _animation_options(images, rasters, name, loop)
    try:
        images[0].save(file, format=name, **options)
    except PARSE_ERRORS as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise PictureError(f"cannot encode this picture as {name}: {error}", "try another format") from error


def _fit_metadata(raster: Raster, name: str) -> Metadata:
    """The metadata with the size of the raster, and with the resolution where the format stores it."""
    height, width, _ = raster.rows.shape
    dpi_in_exif = FORMAT_CAPABILITIES[name].dpi and not FORMAT_CAPABILITIES[name].has_dpi_field
    metadata = raster.metadata.with_dpi_in_exif() if dpi_in_exif else raster.metadata
    return metadata.with_size(height, width)


def _describe_pages(rasters: Sequence[Raster]) -> list[Raster]:
    """The rasters; the description of all pages, which the first has, fits the pages as they are written."""
    places = [raster.metadata.place for raster in rasters]
    if not places[0] or not places[0].description:
        return list(rasters)
    pages = {
        (place.height, place.width): microscopy.StoredPage(raster.rows.shape[:2], raster.rows.dtype.name)
        for place, raster in zip(places, rasters, strict=True)
        if place
    }
    described = replace(places[0], description=microscopy.fit(places[0].description, pages, len(rasters)))
    return [replace(rasters[0], metadata=replace(rasters[0].metadata, place=described)), *rasters[1:]]


def _images(rasters: list[Raster]) -> list[Image.Image]:
    """Pillow images of one mode: all grey or all RGB, all with alpha or all without."""
    colour, alpha = any(raster.has_colour for raster in rasters), any(raster.has_alpha for raster in rasters)
    matched = (_match_channels(raster.values, colour, alpha) for raster in rasters)
    return [Image.fromarray(values[..., 0] if values.shape[2] == 1 else values) for values in matched]


def _match_channels(values: Values, colour: bool, alpha: bool) -> Values:
    pixels, opacity = (values[..., :-1], values[..., -1:]) if values.shape[2] in (2, 4) else (values, None)
    pixels = np.repeat(pixels, 3, axis=2) if colour and pixels.shape[2] == 1 else pixels
    if not alpha:
        return np.ascontiguousarray(pixels)
    opaque = np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)
    return np.concatenate([pixels, opaque if opacity is None else opacity], axis=2)


def _pillow_options(raster: Raster, name: str) -> dict[str, Any]:
    """Arguments of `Image.save` for the profile and the metadata."""
    metadata = raster.metadata
    options: dict[str, Any] = {}
    if raster.icc_profile:
        options["icc_profile"] = raster.icc_profile
    if metadata.exif:
        options["exif"] = EXIF_PREFIX + metadata.exif
    if metadata.dpi or name == "BMP":
        options["dpi"] = metadata.dpi or (0, 0)  # the default of Pillow is 96
    if metadata.xmp and name == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP_KEYWORD.decode(), metadata.xmp.decode("utf-8", "replace"))
    elif metadata.xmp:
        options["xmp"] = metadata.xmp
    return options


def _animation_options(images: list[Image.Image], rasters: list[Raster], name: str, loop: int) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "append_images": images[1:]}
    if FORMAT_CAPABILITIES[name].sequence != "animation":
        return options
    options["duration"] = [raster.duration if name == "PNG" else round(raster.duration) for raster in rasters]
    if name == "GIF":
        options |= {"disposal": _RESTORE_BACKGROUND} if any(raster.has_alpha for raster in rasters) else {}
        return options | ({"loop": max(loop - 1, 0)} if loop != 1 else {})
    return options | {"loop": loop}


def _write_png(raster: Raster, file: IO[bytes]) -> None:
    """libvips writes the pixels; the metadata are inserted unchanged."""
    metadata, chunks = raster.metadata, b""
    if raster.icc_profile:
        chunks += png_chunk(b"iCCP", b"ICC profile\x00\x00" + zlib.compress(raster.icc_profile))
    if metadata.dpi:
        per_metre = (round(number / _METRES_PER_INCH) for number in metadata.dpi)
        chunks += png_chunk(b"pHYs", struct.pack(">LLB", *per_metre, 1))
    if metadata.exif:
        chunks += png_chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        chunks += png_chunk(b"iTXt", _XMP_KEYWORD + bytes(5) + metadata.xmp)
    vips.write_png(raster.rows, file, chunks)


def _write_jpeg(raster: Raster, file: IO[bytes]) -> None:
    """libvips writes the pixels; the metadata are those that Pillow writes for a picture of one pixel."""
    small = BytesIO()
    options = FORMAT_CAPABILITIES["JPEG"].options | _pillow_options(raster, "JPEG")
    Image.new("RGB" if raster.has_colour else "L", (1, 1)).save(small, format="JPEG", **options)
    vips.write_jpeg(raster.rows, file, _before_tables(small.getvalue()))


def _before_tables(data: bytes) -> bytes:
    """The part of a JPEG before its quantisation tables."""
    end = 2
    while data[end + 1] != _JPEG_QUANTISATION_TABLES:
        end += 2 + int.from_bytes(data[end + 2 : end + 4], "big")
    return data[:end]


_STREAM_WRITERS = {"PNG": _write_png, "JPEG": _write_jpeg}
