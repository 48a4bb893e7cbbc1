"""YUV4MPEG2, the raw video that programs hand to each other through pipes, as RGB and back.

The header tells neither the matrix nor, mostly, the range.  As players do, pictures below 1280 x 720 are taken for
BT.601 and others for BT.709, and all for limited range (16–235) unless XCOLORRANGE=FULL.
Sources: yuv4mpeg(5) of the MJPEG Tools; ITU-R BT.601-7 and BT.709-6; chroma siting as in MPEG-2 and JPEG.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import IO

import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError

_MAGIC = b"YUV4MPEG2"
_LINE = 4096
_CHROMA = re.compile(r"(420|422|444|mono)(jpeg|mpeg2|paldv)?(?:p?(9|10|12|14|16))?")
# Luma's shares of red and blue.
_LUMA_WEIGHTS = {False: (0.299, 0.114), True: (0.2126, 0.0722)}
_HIGH_DEFINITION = (720, 1280)


@dataclass(frozen=True)
class VideoHeader:
    """What a stream says of itself.

    tokens: its parameters as they stand, the first letter of each says what it is.  Raises PictureError where they make
    no sense or no picture.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises PictureError."""
        if not all(self._token(letter).isdecimal() and int(self._token(letter)) for letter in "WH"):
            raise PictureError("the video has no width or no height", "its header should say W and H")
        if self._token("I", "p") not in ("p", "?"):
            raise PictureError("the video is interlaced", "make whole frames of it first: ffmpeg -vf bwdif")
        if not _CHROMA.fullmatch(self.chroma):
            known = "420jpeg, 420mpeg2, 420paldv, 422, 444 and mono, of 8 to 16 bits"
            raise PictureError(f"the video's colours are C{self.chroma}", f"{known} can be read")

    def _token(self, letter: str, default: str = "") -> str:
        return next((word[1:] for word in self.tokens if word[0] == letter), default)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self._token("H"))

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._token("W"))

    @property
    def chroma(self) -> str:
        """How colours are stored, such as 420jpeg."""
        return self._token("C", "420jpeg")

    @property
    def depth(self) -> int:
        """Bits a sample."""
        return int(_parts(self.chroma)[2] or 8)

    @property
    def is_grey(self) -> bool:
        """Whether there is luma alone."""
        return _parts(self.chroma)[0] == "mono"

    @property
    def subsampled(self) -> tuple[bool, bool]:
        """Whether chroma has half as many rows, and columns."""
        return _parts(self.chroma)[0] == "420", _parts(self.chroma)[0] in ("420", "422")

    @property
    def cosited(self) -> tuple[bool, bool]:
        """Whether chroma's samples lie on those of luma, down and across, or in the middle between two."""
        return _parts(self.chroma)[1] == "paldv", _parts(self.chroma)[1] != "jpeg" and self.chroma != "420"

    @property
    def full_range(self) -> bool:
        """Whether luma goes from 0 to the top."""
        return "XCOLORRANGE=FULL" in self.tokens

    @property
    def luma_weights(self) -> tuple[float, float]:
        """Luma's shares of red and blue."""
        return _LUMA_WEIGHTS[self.height >= _HIGH_DEFINITION[0] or self.width >= _HIGH_DEFINITION[1]]

    def with_size(self, height: int, width: int) -> "VideoHeader":
        """The same for frames of another size."""
        return replace(self, tokens=tuple({"H": f"H{height}", "W": f"W{width}"}.get(w[0], w) for w in self.tokens))

    def planes(self) -> list[tuple[int, int]]:
        """Height and width of each."""
        down, across = (1 + half for half in self.subsampled)
        chroma = (-(-self.height // down), -(-self.width // across))
        return [(self.height, self.width)] + ([] if self.is_grey else [chroma, chroma])


@dataclass(frozen=True)
class Frame:
    """line: as it stands before the frame.  pixels: (3 or 1, H, W), 0…1."""

    line: bytes
    pixels: Tensor


def read_header(stream: IO[bytes]) -> VideoHeader:
    """Raises PictureError when this is no YUV4MPEG2, or none of progressive frames in a known form."""
    line = stream.readline(_LINE)
    if not line:
        raise PictureError("the video is empty", "was there an error before the pipe?")
    if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
        raise PictureError("not a YUV4MPEG2 stream", "write it with: ffmpeg -i IN -f yuv4mpegpipe -strict -1 -")
    return VideoHeader(tuple(line.decode("latin-1").split()[1:]))


def read_frames(stream: IO[bytes], header: VideoHeader) -> Iterator[Frame]:
    """The frames, as they come.  Raises PictureError when the stream ends within one."""
    kind = np.dtype(np.uint8 if header.depth == 8 else "<u2")
    sizes = header.planes()
    length = kind.itemsize * sum(height * width for height, width in sizes)
    number = 0
    while line := stream.readline(_LINE):
        number += 1
        data = stream.read(length)
        if not line.startswith(b"FRAME") or len(data) < length:
            raise PictureError(f"the video breaks off in frame {number}", "was there an error before the pipe?")
        samples = np.frombuffer(data, kind).astype(np.float32)
        yield Frame(line, to_rgb(_cut(torch.from_numpy(samples), sizes), header))


def write_header(stream: IO[bytes], header: VideoHeader) -> None:
    """The first line of a stream."""
    stream.write(b" ".join([_MAGIC, *(word.encode("latin-1") for word in header.tokens)]) + b"\n")


def write_frame(stream: IO[bytes], frame: Frame, header: VideoHeader) -> None:
    """A frame of the header's size, at once."""
    kind = np.uint8 if header.depth == 8 else np.dtype("<u2")
    stream.write(frame.line)
    for plane in from_rgb(frame.pixels, header):
        stream.write(plane.numpy().astype(kind).tobytes())
    stream.flush()


def to_rgb(planes: list[Tensor], header: VideoHeader) -> Tensor:
    """(3, H, W) RGB 0…1, or (1, H, W) grey, of planes (1, h, w) of whole numbers; what no RGB can show is cut off."""
    zero, span, chroma_span = _levels(header)
    luma = (planes[0] - zero) / span
    if header.is_grey:
        return luma.clamp(0, 1)
    spread = (_upsample_chroma(plane, header)[:, : header.height, : header.width] for plane in planes[1:])
    blue, red = ((plane - _middle(header)) / chroma_span for plane in spread)
    of_red, of_blue = header.luma_weights
    r, b = luma + 2 * (1 - of_red) * red, luma + 2 * (1 - of_blue) * blue
    g = (luma - of_red * r - of_blue * b) / (1 - of_red - of_blue)
    return torch.cat([r, g, b]).clamp(0, 1)


def from_rgb(pixels: Tensor, header: VideoHeader) -> list[Tensor]:
    """The planes (1, h, w) of whole numbers, as floats, of (3, H, W) RGB or (1, H, W) grey."""
    zero, span, chroma_span = _levels(header)
    top = 2**header.depth - 1
    if header.is_grey:
        return [(pixels * span + zero).round().clamp(0, top)]
    r, g, b = (plane[None] for plane in pixels.expand(3, -1, -1))
    of_red, of_blue = header.luma_weights
    luma = of_red * r + (1 - of_red - of_blue) * g + of_blue * b
    differences = ((b - luma) / (2 * (1 - of_blue)), (r - luma) / (2 * (1 - of_red)))
    chroma = [_downsample_chroma(plane, header) * chroma_span + _middle(header) for plane in differences]
    return [plane.round().clamp(0, top) for plane in (luma * span + zero, *chroma)]


def _cut(samples: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """Samples, one after the other, as planes (1, h, w)."""
    ends = list(accumulate(height * width for height, width in sizes))
    return [samples[end - h * w : end].view(1, h, w) for end, (h, w) in zip(ends, sizes, strict=True)]


def _parts(chroma: str) -> tuple[str, str, str]:
    found = _CHROMA.fullmatch(chroma)
    return (found[1], found[2] or "", found[3] or "") if found else ("", "", "")


def _levels(header: VideoHeader) -> tuple[float, float, float]:
    """Where luma is black, how far it goes to white, and how far chroma goes from end to end."""
    if header.full_range:
        return 0, 2**header.depth - 1, 2**header.depth - 1
    unit = 2.0 ** (header.depth - 8)
    return 16 * unit, 219 * unit, 224 * unit


def _middle(header: VideoHeader) -> float:
    return 2.0 ** (header.depth - 1)


def _upsample_chroma(plane: Tensor, header: VideoHeader) -> Tensor:
    """Chroma on every sample of luma, linearly between its own."""
    for dim, halved, cosited in zip((1, 2), header.subsampled, header.cosited, strict=True):
        if halved:
            before, after = _neighbour(plane, dim, -1), _neighbour(plane, dim, 1)
            centred = ((before + 3 * plane) / 4, (3 * plane + after) / 4)
            alternating = (plane, (plane + after) / 2) if cosited else centred
            plane = torch.stack(alternating, dim + 1).flatten(dim, dim + 1)
    return plane


def _downsample_chroma(plane: Tensor, header: VideoHeader) -> Tensor:
    """The chroma that is kept of that of every sample of luma."""
    for dim, halved, cosited in zip((1, 2), header.subsampled, header.cosited, strict=True):
        if halved:
            before, after = _neighbour(plane, dim, -1), _neighbour(plane, dim, 1)
            mean = (before + 2 * plane + after) / 4 if cosited else (plane + after) / 2
            plane = mean.index_select(dim, torch.arange(0, plane.shape[dim], 2))
    return plane


def _neighbour(plane: Tensor, dim: int, by: int) -> Tensor:
    """Each sample's neighbour before (-1) or after it (1); at the edge, itself."""
    length = plane.shape[dim]
    return plane.index_select(dim, (torch.arange(length) + by).clamp(0, length - 1))
