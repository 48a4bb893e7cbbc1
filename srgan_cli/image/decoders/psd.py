"""PSD of 16 bits or further channels, which Pillow refuses or mixes up.  Source: Adobe Photoshop File Formats, 2019."""

from io import BytesIO
from typing import IO

import numpy as np
from PIL import ImageFile

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec.raster import Values

_CHANNELS, _BITS = slice(12, 14), slice(22, 24)
_HINT = "convert it to TIFF or PNG first"


def is_deep(head: bytes) -> bool:
    """Whether a file that starts so is a PSD of 16 bits."""
    return head.startswith(b"8BPS\0\1") and bits(head) == 16


def as_eight_bits(file: IO[bytes]) -> IO[bytes]:
    """The file with the statement that it has 8 bits, so that Pillow reads everything but the pixels."""
    file.seek(0)
    data = bytearray(file.read())
    data[_BITS] = b"\0\x08"
    return BytesIO(data)


def bits(data: bytes) -> int:
    """Bits a channel."""
    return int.from_bytes(data[_BITS], "big")


def further_channels(image: ImageFile.ImageFile, data: bytes) -> int:
    """How many channels a PSD has beyond those of its colours and alpha."""
    return _channels(data) - len(image.getbands())


def _channels(data: bytes) -> int:
    return int.from_bytes(data[_CHANNELS], "big")


def read(image: ImageFile.ImageFile, data: bytes) -> Values:
    """The values (H, W, C) of the merged picture.  Raises PictureError for CMYK, Lab, and compression by ZIP."""
    if image.mode not in ("L", "RGB", "RGBA") or not image.tile:
        kind = "with further channels" if image.tile and bits(data) == 8 else "or compressed by ZIP"
        raise PictureError(f"PSD of {bits(data)} bits in {image.mode} {kind} is not supported", _HINT)
    count, (width, height), dtype = len(image.getbands()), image.size, f">u{bits(data) // 8}"
    codec, _, start, *_ = image.tile[0]
    stored = data[start:] if codec == "raw" else _unpack(data, start, count, height)
    planes = np.frombuffer(stored, dtype, count * height * width).reshape(count, height, width)
    return np.moveaxis(planes, 0, -1).astype(np.dtype(dtype).newbyteorder("="))


def _unpack(data: bytes, start: int, count: int, height: int) -> bytes:
    """The bytes of the first `count` channels; Pillow takes them to start behind `count` tables of sizes."""
    imagecodecs = import_extra("imagecodecs", "tiff", "it is a PSD of 16 bits or with further channels", PictureError)
    total, table = _channels(data), start - 2 * count * height
    sizes = np.frombuffer(data, ">u2", total * height, table)
    begin = table + 2 * total * height
    return bytes(imagecodecs.packbits_decode(data[begin : begin + int(sizes[: count * height].sum())]))
