"""What the headers of JPEG XL say, and how lossy files are compressed, which Pillow does not report."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from srgan_cli.image.metadata.isobmff import BARE_JXL, boxes
from srgan_cli.image.metadata.reading import riff_chunks

CLEAN_QUALITY = 98  # the quality from which on a JPEG is enlarged as uncompressed pictures are
_LUMINANCE_SUM = 3693  # the sum of the luminance table that libjpeg scales, of ITU-T T.81 annex K: quality 50


def describe_compression(path: Path, *, below_quality: int) -> str:
    """What kind of lossy file this is, such as "a JPEG of quality 75"; "" from `below_quality` on and for others."""
    try:
        with Image.open(path, formats=("JPEG", "WEBP")) as image:
            if image.format == "WEBP":
                # VP8 has no lossless mode
                kinds = (name for name in riff_chunks(path.read_bytes()) if name in (b"VP8 ", b"VP8L"))
                return "lossy WebP" if next(kinds, b"") == b"VP8 " else ""
            quality = estimate_quality(image.quantization[0])  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, Image.DecompressionBombError):
        return ""
    return f"a JPEG of quality {quality}" if quality < below_quality else ""


def estimate_quality(luminance: list[int]) -> int:
    """The quality, 1…100, at which libjpeg makes a luminance table of this sum, the closest for other encoders."""
    if max(luminance) == 1:
        return 100
    scale = 100 * sum(luminance) / _LUMINANCE_SUM
    return min(100, max(1, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))


_PARTIAL_BOX_COUNTER = 4
_ALPHA, _SPOT, _BLACK = 0, 2, 4  # kinds of channels of JPEG XL
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}  # width to height


@dataclass(frozen=True)
class JxlHeader:
    """What the header of a JPEG XL file says.  Source: ISO/IEC 18181-1."""

    bits: int = 8
    """Bits a channel."""
    is_animated: bool = False
    height: int = 0
    """As it is stored, before its orientation is applied; 0 if unknown."""
    width: int = 0
    is_premultiplied: bool = False
    """Whether colours are multiplied by alpha."""
    further: int = 0
    """The number of channels beyond colours and alpha."""
    has_black: bool = False
    """Whether one of them is that of CMYK."""


def parse_jxl_header(data: bytes) -> JxlHeader:
    """The header of a JPEG XL file; that of a still picture of 8 bits where it cannot be parsed."""
    found = dict(reversed(list(boxes(data))))
    boxed = found.get(b"jxlc") or found.get(b"jxlp", b"")[_PARTIAL_BOX_COUNTER:]
    codestream = data if data.startswith(BARE_JXL) else boxed
    try:
        return _parse_metadata(_BitReader(codestream[len(BARE_JXL) :]))
    except IndexError:
        return JxlHeader()


class _BitReader:
    """Reads bits, the least significant of every byte first.  Raises IndexError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read(self, count: int) -> int:
        """An unsigned integer of `count` bits."""
        value = 0
        for index in range(count):
            value |= (self.data[self.position >> 3] >> (self.position & 7) & 1) << index
            self.position += 1
        return value

    def read_u32(self, *distributions: tuple[int, int]) -> int:
        """An integer by one of four distributions: an offset, and the number of bits that are added to it."""
        offset, count = distributions[self.read(2)]
        return offset + self.read(count)


def _parse_metadata(bits: _BitReader) -> JxlHeader:
    height, width = _parse_size(bits)
    if bits.read(1):  # all default
        return JxlHeader(height=height, width=width)
    is_animated = _parse_extra_fields(bits) if bits.read(1) else False
    depth = _parse_depth(bits)
    bits.read(1)  # whether 16 bits hold what is computed
    channels = [_parse_channel(bits) for _ in range(bits.read_u32((0, 0), (1, 0), (2, 4), (1, 12)))]
    kinds = dict(reversed(channels))
    further = len(channels) - (_ALPHA in kinds)
    return JxlHeader(depth, is_animated, height, width, kinds.get(_ALPHA, False), further, _BLACK in kinds)


def _parse_depth(bits: _BitReader) -> int:
    is_float = bits.read(1)
    depth = bits.read_u32(*(((32, 0), (16, 0), (24, 0), (1, 6)) if is_float else ((8, 0), (10, 0), (12, 0), (1, 6))))
    bits.read(4 * is_float)  # of the exponent
    return depth


def _parse_channel(bits: _BitReader) -> tuple[int, bool]:
    """The kind of a channel beyond the colours, and whether it is alpha by which they are multiplied."""
    if bits.read(1):  # all default
        return _ALPHA, False
    kind = bits.read_u32((0, 0), (1, 0), (2, 4), (18, 6))
    _parse_depth(bits)
    bits.read_u32((0, 0), (3, 0), (4, 0), (1, 3))  # how much smaller it is
    bits.read(8 * bits.read_u32((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    is_premultiplied = kind == _ALPHA and bool(bits.read(1))
    bits.read(64 * (kind == _SPOT))
    return kind, is_premultiplied


def _parse_extra_fields(bits: _BitReader) -> bool:
    """Whether the picture is animated; skips the other fields."""
    bits.read(3)  # orientation
    if bits.read(1):
        _parse_size(bits)
    if bits.read(1):
        _skip_preview(bits)
    if not bits.read(1):
        return False
    bits.read_u32((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.read_u32((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.read_u32((0, 0), (0, 3), (0, 16), (0, 32))
    bits.read(1)
    return True


def _parse_size(bits: _BitReader) -> tuple[int, int]:
    in_eighths = bool(bits.read(1))
    height = _parse_side(bits, in_eighths)
    if ratio := _JXL_RATIOS.get(bits.read(3)):
        return height, height * ratio[0] // ratio[1]
    return height, _parse_side(bits, in_eighths)


def _parse_side(bits: _BitReader, in_eighths: bool) -> int:
    return 8 * (bits.read(5) + 1) if in_eighths else bits.read_u32((1, 9), (1, 13), (1, 18), (1, 30))


def _skip_preview(bits: _BitReader) -> None:
    sides = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.read(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.read_u32(*sides)
    if not bits.read(3):
        bits.read_u32(*sides)
