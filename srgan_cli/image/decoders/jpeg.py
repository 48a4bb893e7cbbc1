"""JPEG of 12 bits, lossless JPEG and JPEG-LS, which imagecodecs decodes; others that Pillow refuses are named.

Source: ITU-T T.81, B.1.1.3.
"""

import struct
from functools import partial

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


def read_header(data: bytes) -> Header | None:
    """The header of a JPEG if it is coded in an unusual way."""
    for marker, content, _ in jpeg_segments.read(data).segments:
        if marker in _FRAMES and len(content) >= _FRAME_BYTES:
            bits, height, width = struct.unpack_from(">BHH", content)
            is_deep = bits != 8 and marker != _JPEG_LS
            if not (kind := f"of {bits} bits a channel" if is_deep else _FRAMES[marker]):
                return None
            metadata, notes = finish(*jpeg.read_metadata(data, height=height, width=width))
            codec = "jpegls_decode" if marker == _JPEG_LS else "jpeg_decode"
            decode = partial(_decode, data, (height, width) if bits >= 8 else (), kind, codec)
            return Header(height, width, metadata, notes, jpeg.read_profile(data), decode, bits)
    return None


def _decode(data: bytes, size: tuple[int, ...], kind: str, codec: str) -> tuple[Values, list[str]]:
    """The values as stored.  Raises PictureError without imagecodecs, and for what it does not read in this size."""
    message = f"it is a JPEG {kind}, which is not supported"
    imagecodecs = import_extra("imagecodecs", "tiff", message, PictureError)
    try:
        values = np.asarray(getattr(imagecodecs, codec)(data))
    except (RuntimeError, ValueError):
        values = np.empty(0)
    if values.shape in (size, (*size, 3)):
        return np.atleast_3d(values), []
    raise PictureError(message, "convert it to a JPEG of 8 bits, or to PNG")
