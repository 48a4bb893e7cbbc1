"""JPEG of 12 bits, lossless JPEG and JPEG-LS, which imagecodecs decodes; others that Pillow refuses are named.

Source: ITU-T T.81, B.1.1.3.
"""

import struct
from dataclasses import dataclass

import numpy as np

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec.raster import Values
from srgan_cli.image.decoders.base import Header
from srgan_cli.image.metadata import jpeg, jpeg_segments
from srgan_cli.image.metadata.reading import finish

SIGNATURE = b"\xff\xd8"
_JPEG_LS, _FRAME_BYTES = 0xF7, 5
_FRAMES = {0xC0: "", 0xC1: "", 0xC2: "", 0xC3: "without loss", _JPEG_LS: "of the kind JPEG-LS"}
_FRAMES |= dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "in a hierarchy")
_FRAMES |= dict.fromkeys((0xC9, 0xCA, 0xCB), "with arithmetic coding")


@dataclass(frozen=True)
class JpegHeader(Header):
    """The header of a JPEG that is coded in an unusual way."""

    kind: str
    is_jpeg_ls: bool
    depth: int = 0


def read_header(data: bytes) -> JpegHeader | None:
    """The header of a JPEG if it is coded in an unusual way."""
    for marker, content in jpeg_segments.read(data).segments:
        if marker in _FRAMES and len(content) >= _FRAME_BYTES:
            bits, height, width = struct.unpack_from(">BHH", content)
            is_deep = bits != 8 and marker != _JPEG_LS
            if not (kind := f"of {bits} bits a channel" if is_deep else _FRAMES[marker]):
                return None
            metadata, notes = finish(*jpeg.read_metadata(data, height=height, width=width))
            return JpegHeader(height, width, metadata, notes, jpeg.read_profile(data), kind, marker == _JPEG_LS, bits)
    return None


def decode(data: bytes, header: JpegHeader) -> tuple[Values, list[str]]:
    """The values (H, W, C) as stored.  Raises PictureError without imagecodecs, and for what it does not read."""
    message = f"it is a JPEG {header.kind}, which is not supported"
    imagecodecs = import_extra("imagecodecs", "tiff", message, PictureError)
    try:
        values = np.asarray((imagecodecs.jpegls_decode if header.is_jpeg_ls else imagecodecs.jpeg_decode)(data))
    except (RuntimeError, ValueError):
        values = np.empty(0)
    if values.shape[:2] == (header.height, header.width) and values.shape[2:] in ((), (3,)) and header.depth >= 8:
        return np.atleast_3d(values), []
    raise PictureError(message, "convert it to a JPEG of 8 bits, or to PNG")
