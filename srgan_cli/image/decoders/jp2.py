"""What Pillow does not read of JPEG 2000: colour of more than 8 bits, and GeoJP2, a GeoTIFF of one pixel in a box.

Source: The "GeoTIFF Box" Specification for JPEG 2000 Metadata (GeoJP2), 2004; ISO/IEC 15444-1, annex I.
"""

from io import BytesIO
from pathlib import Path

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.geo.place import Place
from srgan_cli.image.metadata.exif import PARSE_ERRORS
from srgan_cli.image.metadata.isobmff import GEOTIFF_BOX, boxes

_GML = b"gml.data"


def read_deep(path: Path, data: bytes, bits: int) -> Values:
    """The values of more than 8 bits, scaled to 16, by imagecodecs: Pillow turns white in colour into black."""
    try:
        import imagecodecs
    except ImportError as error:
        found, hint = "{path} is a JPEG 2000 of {bits} bits a channel in colour", "pip install 'srgan-cli[tiff]'"
        raise PictureError(found, hint, path=path, bits=bits) from error
    values = imagecodecs.jpeg2k_decode(data)
    if values.dtype != np.uint16:
        raise PictureError("{path} has samples of the type {found}", "convert it first", path=path, found=values.dtype)
    scaled: Values = np.rint(values * (65_535 / (2**bits - 1))).astype(np.uint16)
    return scaled.reshape(*scaled.shape[:2], -1)


def read_place(data: bytes, height: int, width: int) -> tuple[Place | None, list[str]]:
    """Where a picture of this size lies, and a note on what is dropped."""
    outer = [box for box in boxes(data) if box[0] != b"jp2c"]
    found = [content[16:] for name, content in outer if name == b"uuid" and content.startswith(GEOTIFF_BOX)]
    if not found:
        has_gml = any(name == b"asoc" and _GML in content for name, content in outer)
        return None, ["its GMLJP2 georeference is dropped"] if has_gml else []
    try:
        pages, _ = tiff.pages(BytesIO(found[0]))
        place, notes = Place.from_tags(pages[0][1], height, width)
    except PARSE_ERRORS:
        place, notes = None, []
    return place, notes if place else ["its georeference is dropped: it is damaged"]
