"""EXIF, XMP, resolution and place of a picture."""

import math
import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, Image

from srgan_cli.image.geo.place import Place
from srgan_cli.image.metadata.exif import ExifBlock

EXIF_PREFIX = b"Exif\x00\x00"
PARSE_ERRORS = (struct.error, KeyError, IndexError, ValueError, TypeError, OverflowError, SyntaxError, OSError)
"""What Pillow raises for damaged EXIF."""
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_CENTIMETRE = 3
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))(\d+)')
_XMP_SIZES = (
    (re.compile(rb'((?:tiff:ImageWidth|exif:PixelXDimension)(?:="|>))\d+'), 1),
    (re.compile(rb'((?:tiff:ImageLength|exif:PixelYDimension)(?:="|>))\d+'), 0),
)


@dataclass(frozen=True)
class Metadata:
    """Metadata of a picture, each None where its file has none."""

    exif: bytes | None = None
    """The EXIF block as stored in the file, starting with its byte order."""
    xmp: bytes | None = None
    """The XML packet."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution in pixels an inch."""
    place: Place | None = None
    """Where the pixels lie; upright."""
    dicom: bytes | None = None
    """The data set of a DICOM file without its pixels, as a file."""

    def upright(self) -> "Metadata":
        """The metadata after the orientation was applied: it is reset to 1."""
        exif = self.exif and ExifBlock(self.exif).set_short(_ORIENTATION, 1).to_bytes()
        return replace(self, exif=exif, xmp=self.xmp and _XMP_ORIENTATION.sub(rb"\g<1>1", self.xmp))

    def with_size(self, height: int, width: int) -> "Metadata":
        """The metadata for a picture of this size, without the thumbnail."""
        exif, xmp = self.exif, self.xmp
        if exif:
            exif = ExifBlock(exif).without_thumbnail().set_size(height, width).to_bytes()
        for pattern, across in _XMP_SIZES:
            xmp = xmp and pattern.sub(rb"\g<1>%d" % (width if across else height), xmp)
        return replace(self, exif=exif, xmp=xmp, place=self.place and self.place.with_size(height, width))

    def with_dpi_in_exif(self) -> "Metadata":
        """The metadata with the resolution in EXIF, for formats without a field of their own for it."""
        if self.dpi is None or dpi_of(self.exif) is not None:
            return self
        resolution = {_X_RESOLUTION: self.dpi[0], _Y_RESOLUTION: self.dpi[1], _UNIT: 2}
        try:
            return replace(self, exif=build_exif((parse_exif(self.exif) if self.exif else {}) | resolution))
        except PARSE_ERRORS:
            return self

    @property
    def orientation(self) -> int:
        """The orientation of the stored picture, 1 to 8, from EXIF or else from XMP; 1 is upright."""
        number = ExifBlock(self.exif).get_int(_ORIENTATION) if self.exif else None
        match = None if number else _XMP_ORIENTATION.search(self.xmp or b"")
        number = int(match[2]) if match else number
        return number if number and number < 9 else 1


def read_metadata(image: Image.Image) -> tuple[Metadata, list[str]]:
    """The metadata of an image that Pillow has opened, and a note on everything that is dropped."""
    info, notes = image.info, []
    exif = info.get("exif") or _exif_from_text(info.get("Raw profile type exif"))
    exif = bytes(exif).removeprefix(EXIF_PREFIX) if exif else None
    if exif and not ExifBlock.is_readable(exif):
        exif, notes = None, ["its EXIF is damaged and dropped"]
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    dpi = plausible_dpi(info.get("dpi")) or dpi_of(exif)
    return Metadata(exif, xmp.rstrip(b"\x00") if xmp else None, dpi), notes


def dpi_of(exif: bytes | None) -> tuple[float, float] | None:
    """The resolution in an EXIF block, or None."""
    if not exif:
        return None
    try:
        tags = parse_exif(exif)
        factor = 2.54 if tags.get(_UNIT) == _CENTIMETRE else 1
        return plausible_dpi((tags[_X_RESOLUTION] * factor, tags[_Y_RESOLUTION] * factor))
    except (*PARSE_ERRORS, ZeroDivisionError):
        return None


def plausible_dpi(dpi: Any) -> tuple[float, float] | None:
    """The value as two positive, finite numbers, or None if it is something else."""
    try:
        across, down = (float(number) for number in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def parse_exif(exif: bytes) -> dict[int, Any]:
    """The tags of an EXIF block by number; directories inside it are dictionaries."""
    block = Image.Exif()
    block.load(EXIF_PREFIX + exif)
    tags = dict(block)
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if directory in tags:
            tags[directory] = dict(block.get_ifd(directory))
    inner = tags.get(ExifTags.IFD.Exif, {})
    if ExifTags.IFD.Interop in inner:
        inner[ExifTags.IFD.Interop] = dict(block.get_ifd(ExifTags.IFD.Interop))
    return tags


def build_exif(tags: dict[int, Any]) -> bytes:
    """An EXIF block with these tags."""
    block = Image.Exif()
    block.endian = "<"
    for tag, value in as_exif_types(tags).items():
        block[tag] = value
    return block.tobytes().removeprefix(EXIF_PREFIX)


def as_exif_types(tags: dict[int, Any]) -> dict[int, Any]:
    """The tags with the bytes of the EXIF directory in the form that Pillow writes with type UNDEFINED.

    Pillow writes plain bytes with type BYTE.  The standard demands UNDEFINED, and libtiff ignores other types.
    """
    directory = ExifTags.IFD.Exif
    return tags | {directory: _undefined(tags[directory])} if isinstance(tags.get(directory), dict) else tags


def _undefined(tags: dict[int, Any]) -> dict[int, Any]:
    """Bytes become a bytearray in a tuple: Pillow has no type for it and writes UNDEFINED."""
    nested = {tag: _undefined(value) for tag, value in tags.items() if isinstance(value, dict)}
    return tags | nested | {tag: (bytearray(value),) for tag, value in tags.items() if isinstance(value, bytes)}


def _exif_from_text(text: object) -> bytes | None:
    """EXIF as ImageMagick stores it in PNG: a heading, a length, and hexadecimal digits."""
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return None
