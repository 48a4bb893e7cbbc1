"""Writing: rasters encoded into a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff, vips
from srgan_cli.image.codec.capabilities import COLOUR, FORMAT_CAPABILITIES, KINDS, Encoding, FormatCapabilities
from srgan_cli.image.codec.colour import quantize_to_palette
from srgan_cli.image.codec.pillow import write_deep_heif
from srgan_cli.image.codec.raster import Raster, Values, to_coded_bits
from srgan_cli.image.dicom import file as dicom
from srgan_cli.image.geo import microscopy
from srgan_cli.image.geo.bands import write_bands
from srgan_cli.image.metadata import bmp, gif, isobmff, jpeg, png, xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX, PARSE_ERRORS
from srgan_cli.image.metadata.icc import Colour, fit_profile
from srgan_cli.image.metadata.record import Metadata

_OWN = ("PNG", "GIF")  # Pillow writes only the pixels of these formats
_RESTORE_BACKGROUND = 2


def can_stream(name: str, count: int = 1) -> bool:
    """Whether a file of `count` pictures is written band by band in this format, with a constant amount of memory."""
    return FORMAT_CAPABILITIES[name].can_stream and (count == 1 or name == "TIFF")


def fit_metadata(
    metadata: Metadata, icc_profile: bytes | None, name: str, *, depth: int, grey: bool, animated: bool = False
) -> tuple[Metadata, bytes | None, list[str]]:
    """What a format stores of the metadata and the profile of a picture, and the names of what it does not store."""
    capabilities, empty = FORMAT_CAPABILITIES[name], Metadata()
    metadata = _fit_significant_bits(metadata, capabilities, depth)
    colour, profile, losses = _fit_colour(metadata.colour, icc_profile, capabilities, grey=grey)
    held = capabilities.holds - (capabilities.lost_in_animations if animated else set())
    dropped = [kind for kind in KINDS if kind not in held and getattr(metadata, kind)]
    dropped += [] if len(metadata.exif or b"") <= capabilities.exif_bytes else ["exif"]
    dropped += [] if len(metadata.xmp or b"") <= capabilities.xmp_bytes else ["xmp"]
    dropped += [] if capabilities.dpi or not metadata.dpi else ["dpi"]
    kept = replace(metadata, colour=colour, **{kind: getattr(empty, kind) for kind in dropped})
    if "gain_map" in dropped and kept.xmp:
        kept = replace(kept, xmp=xmp.without(kept.xmp, xmp.APPLE_HDR))
    names = KINDS | {"exif": "EXIF", "xmp": "XMP", "dpi": "resolution"}
    return kept, profile, [*losses, *(names[kind] for kind in dropped)]


def _fit_significant_bits(metadata: Metadata, capabilities: FormatCapabilities, depth: int) -> Metadata:
    """The metadata with significant bits as the depth of coding, and without those that are all bits."""
    found = set(metadata.significant_bits or ())
    if "significant_bits" in capabilities.holds or not found:
        return metadata
    if depth > 8 and found <= set(capabilities.coded_bits) and len(found) == 1:
        return replace(metadata, significant_bits=None, coded_bits=found.pop())
    return replace(metadata, significant_bits=None) if min(found) >= depth else metadata


def _fit_colour(
    colour: Colour, icc_profile: bytes | None, capabilities: FormatCapabilities, *, grey: bool
) -> tuple[Colour, bytes | None, list[str]]:
    """The colour as numbers and as profile, of which the format stores either, and what is lost.

    A grey profile does not fit a picture that becomes RGB.  Beside a profile, numbers need not be stored, except codes:
    where a PNG has both, the codes count.
    """
    stored_grey = grey and capabilities.grey
    if icc_profile and colour.cicp and not capabilities.holds_any_colour:
        coded = _fit_colour(colour, None, capabilities, grey=grey)
        icc_profile = None if not coded[2] else icc_profile
    if icc_profile:
        fitted = icc_profile if capabilities.profile and stored_grey == grey else None
        if fitted and capabilities.strict_profile:
            fitted = fit_profile(fitted, grey=grey)
        kept = colour if capabilities.holds_any_colour else Colour()
        return kept, fitted, [] if fitted else ["colour profile"]
    has_codes = COLOUR in capabilities.holds and colour.codes and colour.full_range
    is_unsigned = min(colour.chromaticities or (0,)) >= 0  # as the numbers of PNG are
    if has_codes or (capabilities.holds_any_colour and is_unsigned):
        return colour, None, []
    profile = colour.profile(grey=stored_grey) if capabilities.profile else None
    return Colour(), profile, [] if profile or colour.is_srgb else [f"colour ({colour})"]


def write(rasters: Sequence[Raster], path: Path, name: str, *, loop: int = 0, encoding: Encoding) -> None:
    """Write a file in a format; an animation is played `loop` times, 0 for endlessly."""
    rasters = [replace(raster, metadata=_fit_metadata(raster, name)) for raster in _describe_pages(rasters)]
    if name == "TIFF":
        tags = (tiff.tags_for(raster.metadata, raster.icc_profile) | write_bands(raster) for raster in rasters)
        tiff.write_pages(path, list(zip(rasters, tags, strict=True)))
        return
    if name == "DICOM":
        dicom.write(rasters, path)
        return
    with path.open("wb") as file:
        if FORMAT_CAPABILITIES[name].coded_bits and any(raster.depth > 8 for raster in rasters):
            _write_deep(rasters, file, name, encoding)
        elif name == "AVIF" and encoding.lossless and rasters[0].values.shape[2] > 1:
            if len(rasters) > 1:
                raise PictureError("an animation is not written as AVIF without loss", "use .webp or .png")
            _write_avif(rasters[0], rasters[0].values, 8, file, encoding)
        elif can_stream(name, len(rasters)):
            _write_streamed(rasters[0], file, name, encoding)
        else:
            _write_whole(rasters, file, name, loop, encoding)


def _write_deep(rasters: list[Raster], file: IO[bytes], name: str, encoding: Encoding) -> None:
    """AVIF and HEIF of more than 8 bits."""
    wanted = rasters[0].metadata.coded_bits or rasters[0].depth
    capabilities, options = FORMAT_CAPABILITIES[name], _pillow_options(rasters[0], name)
    bits = min([bits for bits in capabilities.coded_bits if bits >= wanted], default=capabilities.most_bits)
    if name == "AVIF":
        _write_avif(rasters[0], to_coded_bits(rasters[0].values, bits), bits, file, encoding)
    else:
        values = [raster.values.astype(np.uint16) * (1 if raster.depth > 8 else 257) for raster in rasters]
        encoded, options = BytesIO(), capabilities.options | options | encoding.options(name)
        with _encoding_errors(name):
            write_deep_heif(values, encoded, bits, options)
        file.write(_complete(encoded.getvalue(), rasters[0], name))


def _write_avif(raster: Raster, values: Values, bits: int, file: IO[bytes], encoding: Encoding) -> None:
    """AVIF by libvips: of more than 8 bits, and of colours without loss, which Pillow cannot write."""
    encoded, parts = BytesIO(), {"xmp": "xmp-data", "icc_profile": "icc-profile-data"}  # it drops unknown tags of EXIF
    stored = {parts[key]: value for key, value in _pillow_options(raster, "AVIF").items() if key in parts}
    vips.write_avif(values, encoded, bits, stored, quality=None if encoding.lossless else _quality("AVIF", encoding))
    file.write(_complete(encoded.getvalue(), raster, "AVIF"))


def _quality(name: str, encoding: Encoding) -> int:
    return int(str((FORMAT_CAPABILITIES[name].options | encoding.options(name))["quality"]))


def _write_whole(rasters: list[Raster], file: IO[bytes], name: str, loop: int, encoding: Encoding) -> None:
    if name == "GIF":
        transparent = len(rasters) > 1 and any(raster.has_alpha for raster in rasters)
        images = [quantize_to_palette(raster.values, reserve_transparent=transparent) for raster in rasters]
    else:
        images = _images(rasters)
    options = FORMAT_CAPABILITIES[name].options | (_pillow_options(rasters[0], name) if name not in _OWN else {})
    if name == "AVIF" and images[0].mode == "L":
        options["subsampling"] = "4:0:0"  # otherwise it would be read as colour
    options |= encoding.options(name)
    if len(images) > 1:
        options |= _animation_options(images, rasters, name, loop)
    encoded = BytesIO()
    with _encoding_errors(name):
        images[0].save(encoded, format=name, **options)
    file.write(_complete(encoded.getvalue(), rasters[0], name))


@contextmanager
def _encoding_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (*PARSE_ERRORS, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise PictureError(f"cannot encode this picture as {name}: {error}", "try another format") from error


def _complete(data: bytes, raster: Raster, name: str) -> bytes:
    """A file of Pillow with the metadata that it does not write."""
    metadata = raster.metadata
    if name == "PNG":
        return data[: png.HEADER_END] + _png_chunks(raster) + data[png.HEADER_END :]
    if name in ("AVIF", "HEIF"):
        return isobmff.add_properties(data, metadata)
    if name == "BMP" and raster.icc_profile:
        return bmp.add_profile(data, raster.icc_profile)
    return gif.add_blocks(data, metadata, raster.icc_profile) if name == "GIF" else data


def _fit_metadata(raster: Raster, name: str) -> Metadata:
    """The metadata with the size of the raster, and with the resolution where the format stores it."""
    height, width, _ = raster.rows.shape
    dpi_in_exif = FORMAT_CAPABILITIES[name].dpi and not FORMAT_CAPABILITIES[name].has_dpi_field
    return (raster.metadata.with_dpi_in_exif() if dpi_in_exif else raster.metadata).with_size(height, width)


def _describe_pages(rasters: Sequence[Raster]) -> list[Raster]:
    """The rasters; the description of all pages, which the first has, fits the pages as they are written."""
    places = [raster.metadata.place for raster in rasters]
    if not places[0] or not places[0].description:
        return list(rasters)
    types = {raster.rows.dtype.name for raster in rasters}
    dtype = types.pop() if len(types) == 1 else ""
    pages = {
        (place.height, place.width): (raster.rows.shape[:2], dtype)
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
    metadata, prefix = raster.metadata, bytes(4) if name == "JXL" else EXIF_PREFIX  # JPEG XL has an offset there
    options = {
        "icc_profile": raster.icc_profile,
        "exif": metadata.exif and prefix + metadata.exif,
        "dpi": metadata.dpi or (name == "BMP" and (0, 0)),  # the default of Pillow is 96
        "xmp": metadata.xmp,
    }
    return {key: value for key, value in options.items() if value}


def _animation_options(images: list[Image.Image], rasters: list[Raster], name: str, loop: int) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "append_images": images[1:]}
    if FORMAT_CAPABILITIES[name].sequence != "animation":
        return options
    options["duration"] = [raster.duration if name == "PNG" else round(raster.duration) for raster in rasters]
    if name == "GIF":
        options |= {"disposal": _RESTORE_BACKGROUND} if any(raster.has_alpha for raster in rasters) else {}
        return options | ({"loop": max(loop - 1, 0)} if loop != 1 else {})
    return options | {"loop": loop}


def _png_chunks(raster: Raster) -> bytes:
    return png.write_chunks(raster.metadata, raster.icc_profile, raster.depth, raster.rows.shape[2])


def _write_streamed(raster: Raster, file: IO[bytes], name: str, encoding: Encoding) -> None:
    """PNG and JPEG: libvips writes the pixels, the metadata are inserted unchanged, and a gain map follows them."""
    if name == "PNG":
        vips.write_png(raster.rows, file, _png_chunks(raster))
        return
    head, gain_map = jpeg.write_head(raster.metadata, raster.icc_profile), raster.metadata.gain_map
    vips.write_jpeg(raster.rows, file, head, quality=_quality("JPEG", encoding))
    if gain_map:
        picture_bytes = file.tell()
        file.write(gain_map.data)
        file.seek(0)
        file.write(jpeg.complete_index(head, picture_bytes, gain_map))
