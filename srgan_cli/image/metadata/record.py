"""EXIF, XMP, resolution and place of a picture."""

import struct
from collections.abc import Collection
from dataclasses import dataclass, replace

from srgan_cli.image.geo.place import Place
from srgan_cli.image.metadata import xmp as xmp_packet
from srgan_cli.image.metadata.exif import ORIENTATION, PARSE_ERRORS, ExifBlock, build_exif, parse_exif, resolution_of
from srgan_cli.image.metadata.gain_map import GainMap
from srgan_cli.image.metadata.icc import NO_COLOUR, Colour
from srgan_cli.system.arguments import checked

_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x011A, 0x011B, 0x0128
_NO_UNIT, _INCH = 1, 2
METRES_PER_INCH = 0.0254


@checked
@dataclass(frozen=True)
class Text:
    """A text by keyword, as PNG stores it."""

    keyword: str
    text: str
    language: str = ""
    """A tag of RFC 5646, or nothing."""
    translated: str = ""
    """The keyword in this language, or nothing."""


@checked
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
    pixel_ratio: tuple[float, float] | None = None
    """Horizontal and vertical resolution without a unit, if pixels are not square."""
    colour: Colour = NO_COLOUR
    """Colour that the file declares by numbers."""
    significant_bits: tuple[int, ...] | None = None
    """Bits of each channel of the original from which a PNG was made."""
    coded_bits: int | None = None
    """Bits a channel of HEIF and AVIF, which come as 16."""
    mastering_display: bytes | None = None
    """The colour volume of the mastering display, as the chunk mDCV of PNG holds it."""
    light_levels: tuple[int, ...] | None = None
    """The largest light level of a pixel and of the mean of a frame, in 1/10 000 cd/m²."""
    background: tuple[float, ...] | None = None
    """The colour on which the picture is to be shown: one level 0…1 for grey, or three."""
    time: bytes | None = None
    """The time of the last change, as the chunk tIME of PNG holds it."""
    comments: tuple[str, ...] = ()
    """Texts without a keyword."""
    texts: tuple[Text, ...] = ()
    """Texts by keyword other than comments."""
    photoshop: bytes | None = None
    """Photoshop's image resources, with IPTC and clipping paths among them."""
    gain_map: GainMap | None = None
    """How much brighter its parts are on a bright display."""

    def upright(self, *, orientation: int | None = None) -> "Metadata":
        """The metadata with the orientation reset to 1, after it was applied; `orientation`: if they do not have it."""
        turned = orientation or self.orientation
        exif = self.exif and ExifBlock(self.exif).upright(turned).to_bytes()
        gain_map = self.gain_map and self.gain_map.upright(turned)
        return replace(self, exif=exif, xmp=self.xmp and xmp_packet.upright(self.xmp, turned), gain_map=gain_map)

    def with_size(self, height: int, width: int) -> "Metadata":
        """The metadata for a picture of this size, without the thumbnail."""
        return replace(
            self,
            exif=self.exif and ExifBlock(self.exif).without_thumbnail().set_size(height, width).to_bytes(),
            xmp=self.xmp and xmp_packet.with_size(self.xmp, height, width),
            place=self.place and self.place.with_size(height, width),
            gain_map=self.gain_map and self.gain_map.with_size(height, width),
        )

    def with_dpi_in_exif(self) -> "Metadata":
        """The metadata with the resolution in EXIF, for formats without a field of their own for it."""
        if (pair := self.dpi or self.pixel_ratio) is None or any(resolution_of(self.exif)):
            return self
        resolution = {_X_RESOLUTION: pair[0], _Y_RESOLUTION: pair[1], _UNIT: _INCH if self.dpi else _NO_UNIT}
        try:
            return replace(self, exif=build_exif(parse_exif(self.exif) | resolution))
        except PARSE_ERRORS:
            return self

    @property
    def orientation(self) -> int:
        """The orientation of the stored picture, 1 to 8, from EXIF or else from XMP; 1 is upright."""
        number = ExifBlock(self.exif).get_int(ORIENTATION) if self.exif else None
        number = number or xmp_packet.orientation(self.xmp or b"")
        return number if number and number < 9 else 1


def trailing_note(rest: bytes, size: int = 0) -> list[str]:
    """A note on what follows the end of a picture, if it is more than padding; `size`: of more than its beginning."""
    return [f"what follows its end ({size or len(rest)} bytes) is dropped"] if rest.strip(b"\0") else []


def dropped_notes(names: Collection[bytes], provenance: bytes, rest: bytes) -> list[str]:
    """Notes on chunks that are dropped, of which those named `provenance` have a C2PA manifest, and on what follows."""
    others = sorted({*names} - {provenance})
    notes = [xmp_packet.C2PA_NOTE] if provenance in names else []
    notes += [f"its chunks {b' '.join(others).decode('latin-1')} are dropped"] if others else []
    return notes + trailing_note(rest)


def unpack(layout: str, content: bytes | None) -> tuple[int, ...] | None:
    """The numbers in a chunk or a box, or None if it is missing or of another length."""
    return struct.unpack(layout, content) if content and len(content) == struct.calcsize(layout) else None
