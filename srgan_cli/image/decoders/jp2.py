"""What Pillow does not read of JPEG 2000: measurements, colour of more than 8 bits, metadata, and where a picture lies.

GeoJP2 is a GeoTIFF of one pixel in a box.

Source: The "GeoTIFF Box" Specification for JPEG 2000 Metadata (GeoJP2), 2004; ISO/IEC 15444-1, annex I.
"""

import struct
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.raster import Raster, Values
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.decoders.tiff_page import find_mask
from srgan_cli.image.geo import gdal_reader
from srgan_cli.image.geo.place import Place
from srgan_cli.image.geo.sidecar import sidecar_paths
from srgan_cli.image.metadata import photoshop
from srgan_cli.image.metadata.exif import EXIF_PREFIX, PARSE_ERRORS
from srgan_cli.image.metadata.isobmff import XMP, Box, boxes, dropped_boxes
from srgan_cli.image.metadata.reading import finish, read_info
from srgan_cli.image.metadata.record import METRES_PER_INCH, Metadata, unpack

SIGNATURES = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_EXIF, _IPTC = b"JpgTiffExif->JP2", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
_GEOTIFF = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_WITH_PROFILE = (b"\2", b"\3")  # the methods of colour that have an ICC profile
_COLOURS = {12, 15, 16, 17, 18}  # CMYK, white on black, sRGB, grey and YCbCr
_GML = b"gml.data"
_SIZE, _SIZE_BYTES = b"\xff\x4f\xff\x51", 42
"""The start of the codestream, which ends in the number of components, and its length; their depths follow."""
_SIGN, _DEPTH = 0x80, 0x7F
_PREMULTIPLIED = 2  # a kind of channel: alpha by which colours are multiplied


class Jp2Reader(ImageReader):
    """JPEG 2000 of measurements, which GDAL reads in bands, with the values that are stored."""

    format = "JPEG2000"
    redecodes = True

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.raster = path, data, gdal_reader.read_raster(path)
        self.shape = self.raster.rows.shape[:2]

    def read(self, _: int) -> Raster:
        metadata, profile, notes = read_boxes(self.data)
        metadata, notes = finish(metadata, notes)
        place, lost = read_place(self.data, *self.shape)
        if place is None and (tags := gdal_reader.read_place(self.path)):
            place, lost = Place(*self.shape, tags), []
        metadata = replace(metadata.upright(), place=place)
        raster = replace(self.raster, icc_profile=profile, metadata=metadata, notes=(*notes, *lost))
        return raster.with_sidecars(self.path, mask=find_mask(self.path, self.shape))


def open_measurement(path: Path) -> Jp2Reader | None:
    """A reader of measurements: what has a place, a sign, or other bits or bands than pictures; None for pictures.

    Raises PictureError for those that need rasterio, if it is missing.
    """
    data = path.read_bytes()
    depths = _depths(data)
    count = len(depths)
    is_grey_alpha = count == 2 and set(depths) <= {7, 15}
    is_odd = not (count in (1, 3, 4) or is_grey_alpha) or any(depth & _SIGN for depth in depths)
    is_placed = any(content.startswith(_GEOTIFF) or _GML in content for _, content in _outer_boxes(data))
    if not (is_odd or is_placed or sidecar_paths(path)):
        return None
    if find_spec("rasterio"):
        return Jp2Reader(path, data)
    if is_odd or count == 4 or {depth & _DEPTH for depth in depths} - {7, 15}:
        raise PictureError("{path} has measurements in JPEG 2000", "pip install 'srgan-cli[geo]'", path=path)
    return None


def _depths(data: bytes) -> bytes:
    """The depth of each component less 1, with a flag for signed ones.  Source: ITU-T T.800, A.5.1."""
    end = data.find(_SIZE) + _SIZE_BYTES
    count = int.from_bytes(data[end - 2 : end], "big") if end >= _SIZE_BYTES else 0
    return data[end : end + 3 * count : 3]


def bits(data: bytes) -> int:
    """Bits of the first component."""
    return (_depths(data)[0] & _DEPTH) + 1


def read_metadata(image: Image.Image, data: bytes) -> tuple[Metadata, list[str]]:
    """The metadata of an image that Pillow has loaded, and notes; its profile is added to its information."""
    found, profile, notes = read_boxes(data)
    image.info |= {"icc_profile": profile} if profile else {}
    return read_info(image, found, notes)


def read_boxes(data: bytes) -> tuple[Metadata, bytes | None, list[str]]:
    """Metadata and profile, and notes on dropped boxes; XMP as in its specification, part 3."""
    outer = _outer_boxes(data)
    header = list(boxes(dict(outer).get(b"jp2h", b"")))
    colours = [content for name, content in header if name == b"colr"]
    profiles = [content[3:] for content in colours if content[:1] in _WITH_PROFILE]
    numbered = [content for content in colours if content[:1] == b"\1" and len(content) >= 7]
    others = {int.from_bytes(content[3:7], "big") for content in numbered} - _COLOURS
    is_grey = dict(header).get(b"ihdr", b"")[8:10] < b"\0\3" and b"pclr" not in dict(header)
    taken = "grey" if is_grey else "RGB"
    found = {content[:16]: content[16:] for name, content in outer if name == b"uuid"}
    metadata = Metadata(
        exif=found.get(_EXIF, b"").removeprefix(EXIF_PREFIX) or None,
        xmp=found.get(XMP),
        dpi=_resolution(dict(boxes(dict(header).get(b"res ", b"")))),
        photoshop=photoshop.from_profile(found.get(_PHOTOSHOP, b""), iptc=found.get(_IPTC, b"")),
    )
    notes = ["its XML boxes are dropped"] if b"xml " in dict(outer) else []
    notes += [f"its colour space number {number} is taken for {taken}" for number in others if not profiles]
    known = (_EXIF, XMP, _IPTC, _PHOTOSHOP, _GEOTIFF)
    return metadata, profiles[0] if profiles else None, [*dropped_boxes(outer, known), *notes]


def _channels(data: bytes) -> list[tuple[int, int, int]]:
    """Number, kind and colour of each channel, as far as they are stated."""
    header = dict(boxes(dict(_outer_boxes(data)).get(b"jp2h", b"")))
    stated = header.get(b"cdef", b"")[2:] if b"pclr" not in header else b""
    return [
        (number, kind, colour) for number, kind, colour in struct.iter_unpack(">3H", stated[: len(stated) // 6 * 6])
    ]


def is_premultiplied(data: bytes) -> bool:
    """Whether colours are multiplied by alpha."""
    return any(kind == _PREMULTIPLIED for _, kind, _ in _channels(data))


def arrange(values: Values, data: bytes) -> Values:
    """The components that Pillow decodes in their order, each in the highest bits: white at the top, and alpha last."""
    depths, size = _depths(data)[: values.shape[2]], 8 * values.itemsize
    has_palette = b"pclr" in data[: data.find(_SIZE)]
    for channel, bits in enumerate((depth & _DEPTH) + 1 for depth in depths if not has_palette):
        if bits < size:
            values[..., channel] = np.rint((values[..., channel] >> (size - bits)) * ((2**size - 1) / (2**bits - 1)))
    order = [number for _, _, number in sorted((kind > 0, colour, number) for number, kind, colour in _channels(data))]
    return values[..., order] if sorted(order) == list(range(values.shape[2])) else values


def _outer_boxes(data: bytes) -> list[Box]:
    """The boxes but for the codestream; a file may be a codestream alone."""
    return [] if data.startswith(_SIZE) else [box for box in boxes(data) if box[0] != b"jp2c"]


def _resolution(found: dict[bytes, bytes]) -> tuple[float, float] | None:
    """Pixels an inch of the capture, or else of the display, from fractions and powers of 10 of pixels a metre."""
    down, below, across, under, *powers = unpack(">4H2b", found.get(b"resc") or found.get(b"resd")) or (0,) * 6
    factors = [METRES_PER_INCH * 10.0**power for power in powers[::-1]]
    return (across / under * factors[0], down / below * factors[1]) if down * below * across * under else None


def read_deep(path: Path, data: bytes, bits: int) -> Values:
    """The values of more than 8 bits, scaled to 16, by imagecodecs: Pillow turns white in colour into black."""
    found = "{path} is a JPEG 2000 of {bits} bits a channel in colour"
    values = import_extra("imagecodecs", "tiff", found, PictureError, path=path, bits=bits).jpeg2k_decode(data)
    if values.dtype != np.uint16:
        raise PictureError("{path} has samples of the type {found}", "convert it first", path=path, found=values.dtype)
    scaled: Values = np.rint(values * (65_535 / (2**bits - 1))).astype(np.uint16)
    return scaled.reshape(*scaled.shape[:2], -1)


def read_place(data: bytes, height: int, width: int) -> tuple[Place | None, list[str]]:
    """Where a picture of this size lies, and a note on what is dropped."""
    outer = _outer_boxes(data)
    if not (found := [content[16:] for name, content in outer if name == b"uuid" and content.startswith(_GEOTIFF)]):
        has_gml = any(name == b"asoc" and _GML in content for name, content in outer)
        return None, ["its GMLJP2 georeference is dropped"] if has_gml else []
    try:
        pages = tiff.pages(tiff.directories(BytesIO(found[0])))[0]
        place, notes = Place.from_tags(pages[0][1], height, width)
    except PARSE_ERRORS:
        place, notes = None, []
    return place, notes if place else ["its georeference is dropped: it is damaged"]
