"""What a file says about its picture: EXIF, XMP and resolution."""

import math
import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, Image

from srgan_cli.image.metadata.exif import ExifBlock

EXIF_HEAD = b"Exif\x00\x00"
DAMAGED = (struct.error, KeyError, IndexError, ValueError, TypeError, OverflowError, SyntaxError, OSError)
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_CENTIMETRE = 3
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))(\d+)')
_XMP_SIZES = (
    (re.compile(rb'((?:tiff:ImageWidth|exif:PixelXDimension)(?:="|>))\d+'), 1),
    (re.compile(rb'((?:tiff:ImageLength|exif:PixelYDimension)(?:="|>))\d+'), 0),
)


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture besides its colour.

    exif: the block of EXIF as it stands in the file, from its byte order on.  xmp: the packet of XML.
    dpi: pixels an inch across and down.  Each is None where the file has none.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def upright(self) -> "Metadata":
        """The same for a picture that has been turned as its orientation says."""
        exif = self.exif and ExifBlock(self.exif).set_short(_ORIENTATION, 1).bytes
        return replace(self, exif=exif, xmp=self.xmp and _XMP_ORIENTATION.sub(rb"\g<1>1", self.xmp))

    def with_size(self, height: int, width: int) -> "Metadata":
        """The same for a picture of this size, without the thumbnail, which shows the old one."""
        exif, xmp = self.exif, self.xmp
        if exif:
            exif = ExifBlock(exif).without_thumbnail().set_size(height, width).bytes
        for pattern, across in _XMP_SIZES:
            xmp = xmp and pattern.sub(rb"\g<1>%d" % (width if across else height), xmp)
        return replace(self, exif=exif, xmp=xmp)

    def with_dpi_in_exif(self) -> "Metadata":
        """The same with the resolution in EXIF, for a format that has no field of its own for it."""
        if self.dpi is None or dpi_of(self.exif) is not None:
            return self
        resolution = {_X_RESOLUTION: self.dpi[0], _Y_RESOLUTION: self.dpi[1], _UNIT: 2}
        try:
            return replace(self, exif=exif_of((exif_tags(self.exif) if self.exif else {}) | resolution))
        except DAMAGED:
            return self

    @property
    def orientation(self) -> int:
        """How the stored picture lies, 1…8 as EXIF counts, or XMP where EXIF says nothing; 1 is upright."""
        number = ExifBlock(self.exif).number(_ORIENTATION) if self.exif else None
        match = None if number else _XMP_ORIENTATION.search(self.xmp or b"")
        number = int(match[2]) if match else number
        return number if number and number < 9 else 1


def of_image(image: Image.Image) -> tuple[Metadata, list[str]]:
    """What a file that Pillow has opened says, and a sentence for what of it cannot be kept."""
    info, notes = image.info, []
    exif = info.get("exif") or _exif_from_text(info.get("Raw profile type exif"))
    exif = bytes(exif).removeprefix(EXIF_HEAD) if exif else None
    if exif and not ExifBlock.readable(exif):
        exif, notes = None, ["its EXIF is damaged and dropped"]
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    dpi = plausible_dpi(info.get("dpi")) or dpi_of(exif)
    return Metadata(exif, xmp.rstrip(b"\x00") if xmp else None, dpi), notes


def dpi_of(exif: bytes | None) -> tuple[float, float] | None:
    """The resolution that EXIF tells, or None."""
    if not exif:
        return None
    try:
        tags = exif_tags(exif)
        factor = 2.54 if tags.get(_UNIT) == _CENTIMETRE else 1
        return plausible_dpi((tags[_X_RESOLUTION] * factor, tags[_Y_RESOLUTION] * factor))
    except (*DAMAGED, ZeroDivisionError):
        return None


def plausible_dpi(dpi: Any) -> tuple[float, float] | None:
    """Two positive numbers, or None when that is not what this is."""
    try:
        across, down = (float(number) for number in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def exif_tags(exif: bytes) -> dict[int, Any]:
    """The tags of a block of EXIF by number; a directory inside it is a dictionary."""
    block = Image.Exif()
    block.load(EXIF_HEAD + exif)
    tags = dict(block)
    for folder in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if folder in tags:
            tags[folder] = dict(block.get_ifd(folder))
    inner = tags.get(ExifTags.IFD.Exif, {})
    if ExifTags.IFD.Interop in inner:
        inner[ExifTags.IFD.Interop] = dict(block.get_ifd(ExifTags.IFD.Interop))
    return tags


def exif_of(tags: dict[int, Any]) -> bytes:
    """A block of EXIF with these tags."""
    block = Image.Exif()
    block.endian = "<"
    for tag, value in typed(tags).items():
        block[tag] = value
    return block.tobytes().removeprefix(EXIF_HEAD)


def typed(tags: dict[int, Any]) -> dict[int, Any]:
    """The same tags for Pillow to write, which of itself would call all bytes in EXIF's own directory BYTE.

    The standard has them UNDEFINED, and libtiff passes over others.
    """
    folder = ExifTags.IFD.Exif
    return tags | {folder: _undefined(tags[folder])} if isinstance(tags.get(folder), dict) else tags


def _undefined(tags: dict[int, Any]) -> dict[int, Any]:
    """Pillow knows no type for a bytearray in a tuple, and so writes it as UNDEFINED."""
    nested = {tag: _undefined(value) for tag, value in tags.items() if isinstance(value, dict)}
    return tags | nested | {tag: (bytearray(value),) for tag, value in tags.items() if isinstance(value, bytes)}


def _exif_from_text(text: object) -> bytes | None:
    """What ImageMagick writes into PNG: a heading, a length, and hexadecimal digits."""
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return None
