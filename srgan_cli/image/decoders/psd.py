"""The merged picture of a PSD, of which Pillow takes any fourth channel for alpha.

Source: Adobe Photoshop File Formats Specification, 2019.
"""

import re
import zlib
from io import BytesIO
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Values, divide_by_alpha, opaque

_HEADER_BYTES = 26
_CHANNELS, _BITS, _MODE = slice(12, 14), slice(22, 24), slice(24, 26)
_INKS = {b"\0\x07": "channels", b"\0\x08": "duotone"}  # by mode
_COLOURS = {"RGB": 3, "RGBA": 3, "LAB": 3, "CMYK": 4}
_READ_HERE = ("L", "RGB", "RGBA")
_LAYERS, _PIXELS = 2, 3  # sections, behind palette and resources
_HAS_LAYERS = re.compile(rb"(?:\A|8BIMLr16|8BIMLr32)(?!\0{4}).{4}(?!\0\0)", re.DOTALL)  # a size and a number but 0
_HAS_TRANSPARENCY = re.compile(_HAS_LAYERS.pattern + rb"[\x80-\xff]|8BIMMt(?:rn|16|32)", re.DOTALL)  # a number below 0
_PREDICTED = 3  # the last compression
_HINT = "convert it to TIFF or PNG first"


def is_deep(head: bytes) -> bool:
    """Whether a file that starts so is a PSD of 16 or 32 bits."""
    return head.startswith(b"8BPS\0\1") and bits(head) in (16, 32)


def as_eight_bits(file: IO[bytes]) -> IO[bytes]:
    """The file with the statement that it has 8 bits, so that Pillow reads everything but the pixels."""
    file.seek(0)
    data = bytearray(file.read())
    data[_BITS] = b"\0\x08"
    return BytesIO(data)


def bits(data: bytes) -> int:
    """Bits a channel."""
    return int.from_bytes(data[_BITS], "big")


def is_read_here(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether `read` reads a picture, or names what it is, since Pillow would refuse it or mix it up."""
    is_packed = [tile[0] for tile in image.tile[:1]] != ["raw"]
    return image.mode in _READ_HERE or (is_packed and (_further_channels(image, data) > 0 or not image.tile))


def _further_channels(image: ImageFile.ImageFile, data: bytes) -> int:
    """How many channels a PSD has beyond those of its colours and alpha."""
    return _channels(data) - _COLOURS.get(image.mode, 1) - _has_alpha(image, data)


def _has_alpha(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether the channel behind the colours is transparency, and not a stored selection."""
    has_further = _channels(data) > _COLOURS.get(image.mode, 1)
    return image.mode in _READ_HERE and has_further and bool(_HAS_TRANSPARENCY.search(_layers(data)))


def _layers(data: bytes) -> bytes:
    return data[_start(data, _LAYERS) + 4 : _start(data, _PIXELS)]


def notes(image: ImageFile.ImageFile, data: bytes) -> list[str]:
    """Notes on what the merged picture lacks: channels, layers, inks."""
    further, inks = _further_channels(image, data), _INKS.get(data[_MODE])
    lacks = {
        f"further channels are dropped: {further}": further > 0,
        "its layers are merged": _HAS_LAYERS.search(_layers(data)),
        f"the inks of its {inks} are dropped: it is read as grey": inks,
    }
    return [note for note, applies in lacks.items() if applies]


def _start(data: bytes, section: int) -> int:
    """Where a section starts, behind those whose sizes come first."""
    start = _HEADER_BYTES
    for _ in range(section):
        start += 4 + int.from_bytes(data[start : start + 4], "big")
    return start


def end(data: bytes) -> int:
    """Where the merged picture ends, and a PSD with it; the end of the file if it is compressed by ZIP."""
    start = _start(data, _PIXELS) + 2
    height, width = (int.from_bytes(data[place : place + 4], "big") for place in (14, 18))
    method, rows = int.from_bytes(data[start - 2 : start], "big"), height * _channels(data)
    if method == 1:
        return start + 2 * rows + int(np.frombuffer(data, ">u2", rows, start).sum())
    return len(data) if method else start + rows * -(-width * bits(data) // 8)


def _channels(data: bytes) -> int:
    return int.from_bytes(data[_CHANNELS], "big")


def read(image: ImageFile.ImageFile, data: bytes) -> Values:
    """The values (H, W, C) of the merged picture, floats of 32 bits, without the white that it is merged with.

    Raises PictureError for CMYK, Lab and an unknown compression.
    """
    if image.mode not in _READ_HERE:
        kind = f"of {bits(data)} bits" if is_deep(data) else "compressed by ZIP or with further channels"
        raise PictureError(f"PSD in {image.mode} {kind} is not supported", _HINT)
    has_alpha, (width, height), size = _has_alpha(image, data), image.size, bits(data) // 8
    count = _COLOURS.get(image.mode, 1) + has_alpha
    start = _start(data, _PIXELS)
    method, packed = int.from_bytes(data[start : start + 2], "big"), data[start + 2 :]
    if method > _PREDICTED:
        raise PictureError(f"PSD of the unknown compression {method} is not supported", _HINT)
    length = count * height * width * size
    stored = _unpack_bits(packed, (width * size, count * height), _channels(data) * height) if method == 1 else packed
    stored = zlib.decompressobj().decompress(packed, length) if method > 1 else stored
    rows = np.frombuffer(stored, np.uint8, length).reshape(count, height, width * size)
    if method == _PREDICTED:
        rows = _without_prediction(rows, width, size)
    planes = rows.view(f">{'f' if size == 4 else 'u'}{size}")
    values = np.moveaxis(planes, 0, -1).astype(planes.dtype.newbyteorder("="))
    return _without_white(values) if has_alpha else values


def _without_white(values: Values) -> Values:
    """The values with colours that are not mixed with white where they are transparent."""
    top, alpha = opaque(values.dtype), values[..., -1:]
    colours = divide_by_alpha(np.concatenate([top - values[..., :-1], alpha], axis=2), -1, top)[..., :-1]
    return np.concatenate([top - colours, alpha], axis=2)


def _unpack_bits(packed: bytes, size: tuple[int, int], total: int) -> bytes:
    """The bytes of the first rows of `total`, whose sizes come first; `size`: bytes of a row, and rows."""
    begin, length = 2 * total, int(np.frombuffer(packed, ">u2", size[1]).sum())
    return Image.frombytes("L", size, packed[begin : begin + length], "packbits", "L").tobytes()


def _without_prediction(rows: NDArray[np.uint8], width: int, size: int) -> NDArray[np.uint8]:
    """Rows of bytes that were stored as differences to the left, those of floats with their first bytes first."""
    if size == 4:
        planes = np.cumsum(rows, axis=-1, dtype=np.uint8).reshape(*rows.shape[:2], size, width)
        return np.ascontiguousarray(planes.swapaxes(-1, -2)).reshape(rows.shape)
    return np.cumsum(rows.view(f">u{size}"), axis=-1, dtype=f"u{size}").astype(f">u{size}").view(np.uint8)
