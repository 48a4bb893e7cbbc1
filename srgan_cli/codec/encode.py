"""Writing: rasters put together to the bytes of a file."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from srgan_cli.codec import palette, tiff, vips
from srgan_cli.codec.formats import HOLDS
from srgan_cli.codec.metadata import DAMAGED, EXIF_HEAD, Metadata
from srgan_cli.codec.raster import Raster, Values
from srgan_cli.errors import PictureError

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_INCH = 0.0254
_SIGNATURE = 8
_HEADER_END = _SIGNATURE + 25
_RESTORE_BACKGROUND = 2


def encoded(rasters: Sequence[Raster], name: str, loop: int = 0) -> bytes:
    """The file of a format's name, with one raster or with as many as the format may hold."""
    fitting = [replace(raster, metadata=_placed(raster, name)) for raster in rasters]
    if name == "TIFF":
        return tiff.assembled([_page(raster) for raster in fitting])
    if name == "PNG" and fitting[0].depth == 16:
        return _deep_png(fitting[0])
    if name == "GIF":
        clear = len(fitting) > 1 and any(raster.has_alpha for raster in fitting)
        images = [palette.image(raster.values, clear) for raster in fitting]
    else:
        images = [_image(raster) for raster in _alike(fitting)]
    options = {**HOLDS[name].options, **_told(fitting[0], name)}
    if name == "AVIF" and images[0].mode == "L":
        options["subsampling"] = "4:0:0"  # else it comes back as colour
    if len(images) > 1:
        options |= _moving(images, fitting, name, loop)
    file = BytesIO()
    try:
        images[0].save(file, format=name, **options)
    except DAMAGED as error:
        raise PictureError(f"cannot make a {name} of this picture: {error}", "try another format") from error
    return file.getvalue()


def _placed(raster: Raster, name: str) -> Metadata:
    """The metadata with the raster's size in it, and the resolution where the format has room for it."""
    height, width = raster.values.shape[:2]
    held = raster.metadata if HOLDS[name].own_dpi or not HOLDS[name].dpi else raster.metadata.with_dpi_in_exif()
    return held.sized(height, width)


def _page(raster: Raster) -> tuple[bytes, dict[int, Any]]:
    tags = tiff.tags_for(raster.metadata, raster.icc_profile)
    if raster.depth > 8:
        return vips.tiff(raster.values), tags
    file = BytesIO()
    _image(raster).save(file, format="TIFF", **HOLDS["TIFF"].options)
    return file.getvalue(), tags


def _image(raster: Raster) -> Image.Image:
    return Image.fromarray(raster.values[..., 0] if raster.values.shape[2] == 1 else raster.values)


def _alike(rasters: list[Raster]) -> list[Raster]:
    """All in grey or all in colour, all with alpha or all without."""
    colour, alpha = any(raster.has_colour for raster in rasters), any(raster.has_alpha for raster in rasters)
    return [replace(raster, values=_widened(raster.values, colour, alpha)) for raster in rasters]


def _widened(values: Values, colour: bool, alpha: bool) -> Values:
    shown, hidden = (values[..., :-1], values[..., -1:]) if values.shape[2] in (2, 4) else (values, None)
    shown = np.repeat(shown, 3, axis=2) if colour and shown.shape[2] == 1 else shown
    if not alpha:
        return np.ascontiguousarray(shown)
    opaque = np.full_like(shown[..., :1], np.iinfo(shown.dtype).max)
    return np.concatenate([shown, opaque if hidden is None else hidden], axis=2)


def _told(raster: Raster, name: str) -> dict[str, Any]:
    """What Pillow's writers take for the profile and the metadata."""
    told = raster.metadata
    options: dict[str, Any] = {}
    if raster.icc_profile:
        options["icc_profile"] = raster.icc_profile
    if told.exif:
        options["exif"] = EXIF_HEAD + told.exif
    if told.dpi or name == "BMP":
        options["dpi"] = told.dpi or (0, 0)  # Pillow would say 96
    if told.xmp and name == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP_KEYWORD.decode(), told.xmp.decode("utf-8", "replace"))
    elif told.xmp:
        options["xmp"] = told.xmp
    return options


def _moving(images: list[Image.Image], rasters: list[Raster], name: str, loop: int) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "append_images": images[1:]}
    if HOLDS[name].sequence != "animation":
        return options
    options["duration"] = [raster.duration if name == "PNG" else round(raster.duration) for raster in rasters]
    if name == "GIF":
        options |= {"disposal": _RESTORE_BACKGROUND} if any(raster.has_alpha for raster in rasters) else {}
        return options | ({"loop": max(loop - 1, 0)} if loop != 1 else {})
    return options | {"loop": loop}


def _deep_png(raster: Raster) -> bytes:
    """libvips writes the pixels; what the file says of them besides is put in here, untouched."""
    data, told, chunks = vips.png(raster.values), raster.metadata, b""
    if raster.icc_profile:
        chunks += _chunk(b"iCCP", b"ICC profile\x00\x00" + zlib.compress(raster.icc_profile))
    if told.dpi:
        chunks += _chunk(b"pHYs", struct.pack(">LLB", *(round(number / _INCH) for number in told.dpi), 1))
    if told.exif:
        chunks += _chunk(b"eXIf", told.exif)
    if told.xmp:
        chunks += _chunk(b"iTXt", _XMP_KEYWORD + bytes(5) + told.xmp)
    return data[:_HEADER_END] + chunks + data[data.index(b"IDAT") - 4 :]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))
