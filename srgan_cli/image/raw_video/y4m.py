"""YUV4MPEG2, the raw video that programs exchange through pipes.

The header does not say the matrix, and rarely the range.  As players do, videos below 1280 x 720 are treated as BT.601
and others as BT.709, and all as limited range (16–235) unless the header has XCOLORRANGE=FULL.
Sources: yuv4mpeg(5) of the MJPEG Tools; ITU-R BT.601-7 and BT.709-6.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import IO

import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.raw_video.yuv import BT601_WEIGHTS, HIGH_DEFINITION, PlaneLayout, from_rgb, to_rgb

_MAGIC = b"YUV4MPEG2"
_LARGEST_SIDE = 2**20
_MAX_LINE_BYTES = 4096
_CHROMA = re.compile(r"(420|422|444|mono)(jpeg|mpeg2|paldv)?(?:p?(9|10|12|14|16))?")
_BT709_WEIGHTS = (0.2126, 0.0722)


@dataclass(frozen=True)
class VideoHeader:
    """The header of a stream.  Raises PictureError for a stream that cannot be read."""

    tokens: tuple[str, ...]
    """The parameters; the first letter of each is its name."""

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not all(self._token(side).isdecimal() and 0 < int(self._token(side)) <= _LARGEST_SIDE for side in "WH"):
            message = "the video has no valid width or height"
            raise PictureError(message, f"its header must have W and H, both 1 to {_LARGEST_SIDE}")
        if self._token("I", "p") not in ("p", "?"):
            raise PictureError("the video is interlaced", "deinterlace it first: ffmpeg -vf bwdif")
        if not _CHROMA.fullmatch(self.chroma):
            known = "420jpeg, 420mpeg2, 420paldv, 422, 444 or mono with 8 to 16 bits"
            raise PictureError(f"the video has the unsupported pixel format C{self.chroma}", f"convert it to {known}")

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
        """The pixel format, such as 420jpeg."""
        return self._token("C", "420jpeg")

    @property
    def layout(self) -> PlaneLayout:
        """How the planes of a frame stand for colours."""
        found = _CHROMA.fullmatch(self.chroma)
        sampling, siting, depth = found.groups("") if found else ("", "", "")
        is_large = self.height >= HIGH_DEFINITION[0] or self.width >= HIGH_DEFINITION[1]
        return PlaneLayout(
            "grey" if sampling == "mono" else "yuv",
            int(depth or 8),
            subsampled=(sampling == "420", sampling in ("420", "422")),
            cosited=(siting == "paldv", siting != "jpeg" and self.chroma != "420"),
            full_range="XCOLORRANGE=FULL" in self.tokens,
            luma_weights=_BT709_WEIGHTS if is_large else BT601_WEIGHTS,
        )

    def with_size(self, height: int, width: int) -> "VideoHeader":
        """The header for frames of another size."""
        return replace(self, tokens=tuple({"H": f"H{height}", "W": f"W{width}"}.get(w[0], w) for w in self.tokens))

    def plane_sizes(self) -> list[tuple[int, int]]:
        """Height and width of each plane: luma, and two of chroma."""
        layout = self.layout
        down, across = (1 + half for half in layout.subsampled)
        chroma = (-(-self.height // down), -(-self.width // across))
        return [(self.height, self.width)] + ([] if layout.is_grey else [chroma, chroma])


@dataclass(frozen=True)
class Frame:
    """A frame of a stream."""

    line: bytes
    """The line before its samples, as it was read."""
    pixels: Tensor
    """(3, H, W) RGB or (1, H, W) grey, 0…1."""


def read_header(stream: IO[bytes]) -> VideoHeader:
    """The header of a stream.  Raises PictureError for other streams, interlaced video and other pixel formats."""
    if not (line := stream.readline(_MAX_LINE_BYTES)):
        raise PictureError("the video is empty", "check whether the program before the pipe failed")
    if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
        raise PictureError("not a YUV4MPEG2 stream", "make one with: ffmpeg -i IN -f yuv4mpegpipe -strict -1 -")
    return VideoHeader(tuple(line.decode("latin-1").split()[1:]))


def read_frames(stream: IO[bytes], header: VideoHeader) -> Iterator[Frame]:
    """The frames as they arrive.  Raises PictureError when the stream ends within a frame."""
    layout, sizes, number = header.layout, header.plane_sizes(), 0
    dtype = np.dtype(np.uint8 if layout.depth == 8 else "<u2")
    length = dtype.itemsize * sum(map(prod, sizes))
    while line := stream.readline(_MAX_LINE_BYTES):
        number += 1
        data = stream.read(length)
        if not line.startswith(b"FRAME") or len(data) < length:
            message = f"the video ends within frame {number}"
            raise PictureError(message, "check whether the program before the pipe failed")
        planes = torch.split(torch.from_numpy(np.frombuffer(data, dtype).astype(np.float32)), list(map(prod, sizes)))
        yield Frame(line, to_rgb([plane.view(1, *size) for plane, size in zip(planes, sizes, strict=True)], layout))


def write_header(stream: IO[bytes], header: VideoHeader) -> None:
    """Write the first line of a stream."""
    stream.write(b" ".join([_MAGIC, *(word.encode("latin-1") for word in header.tokens)]) + b"\n")


def write_frame(stream: IO[bytes], frame: Frame, header: VideoHeader) -> None:
    """Write a frame of the size in the header, and flush it."""
    dtype = np.uint8 if header.layout.depth == 8 else np.dtype("<u2")
    stream.write(frame.line)
    for plane in from_rgb(frame.pixels, header.layout):
        stream.write(plane.numpy().astype(dtype).tobytes())
    stream.flush()
