"""Errors of missing, damaged and unsupported files, as PictureError."""

import errno
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from srgan_cli.errors import PictureError
from srgan_cli.image.decoders import psd
from srgan_cli.system.discovery import not_found_hint

TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# What Pillow's decoders raise for damaged files.
_DAMAGE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, KeyError, TypeError, struct.error),
    *(AssertionError, AttributeError, ArithmeticError, zlib.error),
)
_DECODER_ERRORS = (OSError, SyntaxError, RuntimeError)
_PYTHON = re.compile("cannot load this image|_io|<|\\bobject\\b|argument|NoneType|buffer|Generic Error|decoder error")
_SIGNATURES = {b"\xff\xd8": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP", b"8BPS": "PSD"}
_SIGNATURES |= dict.fromkeys(TIFF_SIGNATURES, "TIFF")
_ZIP = "ZIP archive"
_UNSUPPORTED = {
    **dict.fromkeys((b"SDPX", b"XPDS"), "DPX"),
    **dict.fromkeys((b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"), "camera raw"),
    **dict.fromkeys((b"%!PS", b"\xc5\xd0\xd3\xc6"), "PostScript"),
    **dict.fromkeys((b"II\xbc", b"WMPHOTO"), "JPEG XR"),
    b"\x80\x2a\x5f\xd7": "Cineon",
    b"v/1\x01": "OpenEXR",
    b"id=ImageMagick": "MIFF",
    b"gimp xcf": "XCF (GIMP)",
    b"8BPS\0\2": "PSB (large Photoshop document)",
    b"%PDF": "PDF",
    b"PF\n": "PFM in colour",
    b"<svg": "SVG",
    b"BPG\xfb": "BPG",
    b"FLIF": "FLIF",
    b"NRRD000": "NRRD",
    b"ZISRAWFILE": "Zeiss CZI",
    b"farbfeld": "farbfeld",
    b"PK\3\4": _ZIP,
}
"""First bytes of formats that no decoder reads."""
_MEASUREMENTS = {
    **dict.fromkeys((b"\x89HDF", b"\x0e\x03\x13\x01"), "HDF"),
    **dict.fromkeys((b"CDF\1", b"CDF\2", b"CDF\5"), "NetCDF"),
    **dict.fromkeys((b"NITF0", b"NSIF0"), "NITF"),
    b"GRIB": "GRIB",
    b"SIMPLE  =": "FITS",
    b"EHFA_HEADER_TAG": "ERDAS Imagine",
    b"<VRTDataset": "GDAL's virtual raster",
    b"SQLite format 3": "GeoPackage or MBTiles",
    b"LBLSIZE=": "VICAR",
    b"PDS_VERSION_ID": "PDS",
}
"""The same of measurements."""
_READABLE = ("NITF", "GRIB", "ERDAS Imagine", "GDAL's virtual raster")  # those that GDAL reads for us
_RASTER_HINT = (
    "convert one of its rasters to TIFF: gdal_translate SOURCE a.tif, "
    "SOURCE being the file, HDF5:FILE://NAME or NETCDF:FILE:NAME"
)
_HEAD_BYTES = 64
_MATROSKA = b"\x1aE\xdf\xa3"
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"qt  ")
"""First brands of MP4 and QuickTime files."""
OTHER_BRANDS = {b"crx ": "camera raw", **dict.fromkeys((b"avci", b"avcs"), "HEIF of AVC"), b"j2ki": "HEIF of JPEG 2000"}
"""First brands of files with the boxes of HEIF that no decoder reads."""


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Translate what opening and reading a file raises into a PictureError."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError("no such file: {path}", not_found_hint(path), path=path) from error
    except IsADirectoryError as error:
        raise PictureError("{path} is a folder", "name a picture file", path=path) from error
    except PermissionError as error:
        raise PictureError("no permission to read {path}", "check the permissions of the file", path=path) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except Image.DecompressionBombError as error:
        message, limit = "{path} has a frame with more pixels than Pillow's own limit ({limit})", Image.MAX_IMAGE_PIXELS
        hint = "convert it to PNG or JPEG, or raise PIL.Image.MAX_IMAGE_PIXELS"
        raise PictureError(message, hint, path=path, limit=2 * (limit or 0)) from error
    except PictureError as error:
        if "path" in error.values:
            raise
        raise PictureError("cannot read {path}: {reason}", error.hint, path=path, reason=error.message) from error
    except _DAMAGE_ERRORS as error:
        system = None if getattr(error, "errno", 0) == errno.EINVAL else getattr(error, "strerror", None)
        hint = "check the path" if system else "the file is damaged or incomplete: copy or download it again"
        speaks = isinstance(error, _DECODER_ERRORS) and not _PYTHON.search(str(error))  # not Python itself
        reason = system or (str(error) if speaks else "") or "it is damaged"
        raise PictureError("cannot read {path}: {reason}", hint, path=path, reason=reason) from error


def _unidentified(path: Path) -> PictureError:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return PictureError("{path} is empty", "it has no content: copy or download it again", path=path)
    if head.startswith(_MATROSKA) or head[8:12] == b"AVI " or (head[4:8] == b"ftyp" and head[8:12] in _VIDEO_BRANDS):
        hint = "srgan upscale writes it as .mp4, .m4v, .mov, .mkv, .webm or .avi, and to a pipe with --format mkv"
        return PictureError("{path} is a video", hint, path=path)
    if kind := _unsupported_kind(head):
        return unsupported_error(path, kind)
    started = "WebP" if head[8:12] == b"WEBP" else ""
    if name := next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), started):
        found = "cannot read {path}: it starts like a {format} file, but cannot be decoded"
        return PictureError(found, "it is damaged or of an unsupported kind", path=path, format=name)
    if head.startswith(b"YUV4MPEG2"):
        return PictureError("{path} is a raw video", "name one output that ends in .y4m", path=path)
    return PictureError("not a picture: {path}", "convert it to PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF", path=path)


def unsupported_error(path: Path, kind: str) -> PictureError:
    """The error of a file of a kind that no decoder reads."""
    inside = f"unpack it, or name a picture in it: zip://NAME::{path.name}"
    hint = inside if kind == _ZIP else "convert it to TIFF or PNG first"
    if kind in _MEASUREMENTS.values():
        needs_extra = kind in _READABLE and not find_spec("rasterio")
        hint = "pip install 'srgan-cli[geo]'" if needs_extra else _RASTER_HINT
    return PictureError("{path} is a file of a kind that is not supported: {format}", hint, path=path, format=kind)


def _unsupported_kind(head: bytes) -> str:
    if head[4:8] == b"ftyp" and head[8:12] in OTHER_BRANDS:
        return OTHER_BRANDS[head[8:12]]
    bits = psd.bits(head)
    deep_psd = f"PSD of {bits} bits a channel" if head.startswith(b"8BPS") and bits not in (8, 16, 32) else ""
    return next((name for start, name in (_UNSUPPORTED | _MEASUREMENTS).items() if head.startswith(start)), deep_psd)
