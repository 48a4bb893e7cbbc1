"""Frames of PyAV to tensors and back, from two fields to one frame, and what describes them.

Layouts of structures: FFmpeg's libavutil/display.h, mastering_display_metadata.h and dovi_meta.h.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import luma_full_range
from srgan_cli.image.raw_video.yuv import BT601_WEIGHTS, HIGH_DEFINITION, Kind, PlaneLayout, from_rgb, to_rgb

BT709, UNSPECIFIED, SMPTE170M, BT2020 = 1, 2, 6, 9  # numbers of matrices in ITU-T H.273
LIMITED_RANGE, FULL_RANGE = 1, 2
_LUMA_WEIGHTS = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),
    **dict.fromkeys((5, SMPTE170M), BT601_WEIGHTS),
    7: (0.212, 0.087),
    **dict.fromkeys((BT2020, 10), (0.2627, 0.0593)),
}
"""The weights of red and blue by the number of a matrix."""
_PLANAR = {(True, True): "yuv420p", (False, True): "yuv422p", (True, False): "yuv440p", (False, False): "yuv444p"}
_PROBE_SIDE = 64
CENTRED_CODECS = ("mjpeg", "mpeg1video")  # codecs whose chroma lies between the samples of luma, as in JPEG
MASTERING, LIGHT_LEVEL = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_RPU_PROFILE = 4
"""Where AVDOVIRpuDataHeader has its profile; 0 is that of the colours that only decoders of Dolby show (profile 5)."""
_OF_ENCODING = {"SEI_UNREGISTERED", "VIDEO_ENC_PARAMS", "MOTION_VECTORS", "SKIP_SAMPLES", "DOVI_RPU_BUFFER"}
"""Side data that does not describe the picture, or only once more."""
_TIME_OF_GOP = 0b0_11111_111111_0_111111_111111  # hours, minutes, seconds and pictures of MPEG-2's 25 bits
_INTEGERS = {MASTERING: 22, LIGHT_LEVEL: 2}
SEI_UNITS = (50000, 10000)
"""Units of the messages of H.264 and H.265: chromaticity in 0.00002, luminance in 0.0001 cd/m²."""


@dataclass(frozen=True)
class FrameLayout(PlaneLayout):
    """The layout of a frame of PyAV."""

    has_alpha: bool = False
    """Whether the file has transparency, which is not read."""

    @property
    def name(self) -> str:
        """FFmpeg's name of the planar pixel format."""
        base = {"rgb": "gbrp", "grey": "gray"}.get(self.kind) or _PLANAR[self.subsampled]
        return base if self.depth == 8 else f"{base}{self.depth}le"


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """What a video and its enlarged copy state alike."""

    height: int
    width: int
    layout: FrameLayout
    """The planes of its frames; for a copy, those that its encoder is given."""
    tags: tuple[int, int, int, int]
    """Primaries, transfer, matrix and range, by their numbers in ITU-T H.273 and FFmpeg."""
    time_base: Fraction
    """Seconds of a unit of time stamps."""
    rate: Fraction
    """Frames a second, on average."""
    aspect: Fraction | None
    """Width of a sample divided by its height."""
    rotation: tuple[int, ...] | None
    """The display matrix, if there is one."""


def layout_of(name: str) -> FrameLayout:
    """The planar layout nearest to a pixel format of FFmpeg; its colours are those of a video without tags."""
    known = av.VideoFormat(name, _PROBE_SIDE, _PROBE_SIDE)
    parts = known.components
    depth = max(8, *(part.bits for part in parts))
    kind: Kind = "rgb" if known.is_rgb or known.has_palette else "grey" if len(parts) < 3 else "yuv"
    chroma = parts[1] if kind == "yuv" else None
    halved = (chroma.height < _PROBE_SIDE, chroma.width < _PROBE_SIDE) if chroma else (False, False)
    return FrameLayout(kind, depth, halved, has_alpha=len(parts) in (2, 4))


def matrix_of(frame: av.VideoFrame, kind: Kind) -> int:
    """The number of a frame's matrix; without one, what players take for its size.  Raises PictureError."""
    metadata = _side_data(frame).get("DOVI_METADATA")
    if metadata and metadata[int.from_bytes(metadata[:8], "little") + _RPU_PROFILE] == 0:
        found = "the video is Dolby Vision without colours for other decoders (profile 5)"
        raise PictureError(found, "convert it to HDR10 first, as with the filter libplacebo of ffmpeg")
    matrix = int(frame.colorspace)
    if kind == "rgb" or matrix in (0, UNSPECIFIED):
        is_large = frame.height >= HIGH_DEFINITION[0] or frame.width >= HIGH_DEFINITION[1]
        return BT709 if is_large else SMPTE170M
    if matrix not in _LUMA_WEIGHTS:
        raise PictureError(f"the video has the unsupported colour matrix {matrix}", "convert it with ffmpeg first")
    return matrix


def frame_layout(frame: av.VideoFrame, codec: str) -> FrameLayout:
    """The layout of a decoded frame's planes.  Raises PictureError for a matrix that is not supported."""
    found = layout_of(frame.format.name)
    matrix = matrix_of(frame, found.kind)
    full_range = found.kind == "rgb" or int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    cosited = matrix == BT2020, codec not in CENTRED_CODECS
    return replace(found, cosited=cosited, full_range=full_range, luma_weights=_LUMA_WEIGHTS[matrix])


def layout_like(usual: FrameLayout, frame: av.VideoFrame) -> FrameLayout:
    """The layout of a frame of a video whose usual one is this; only that of luma and chroma may change."""
    found = frame_layout(frame, "")
    is_own = found.kind == usual.kind == "yuv"
    return replace(found, cosited=usual.cosited, has_alpha=usual.has_alpha) if is_own else usual


def is_transparent(frame: av.VideoFrame) -> bool:
    """Whether a pixel of a frame with alpha is not opaque."""
    return not frame.to_ndarray(format="rgba")[..., 3].all()


def read_planes(frame: av.VideoFrame, layout: FrameLayout) -> list[Tensor]:
    """The planes (1, h, w) of a frame, as integers."""
    plain = frame.format.name.replace("yuvj", "yuv").replace("yuva", "yuv").replace("gbrap", "gbrp")
    planar = frame if plain == layout.name else frame.reformat(format=layout.name)
    return [_read_plane(plane, layout.depth) for plane in planar.planes[: 1 if layout.is_grey else 3]]


def to_pixels(planes: Sequence[Tensor], layout: FrameLayout) -> Tensor:
    """(3, H, W) RGB or (1, H, W) grey, 0…1, of a frame's planes."""
    floats = [plane.float() for plane in planes]
    if layout.kind == "rgb":
        green, blue, red = floats
        return torch.cat([red, green, blue]).div_(2**layout.depth - 1)
    return to_rgb(floats, layout)


def to_frame(pixels: Tensor, layout: FrameLayout) -> av.VideoFrame:
    """A frame of (3, H, W) RGB or (1, H, W) grey."""
    frame = av.VideoFrame(pixels.shape[2], pixels.shape[1], layout.name)
    for plane, values in zip(frame.planes, _to_planes(pixels, layout), strict=True):
        _write_plane(plane, values[0], layout.depth)
    return frame


def _to_planes(pixels: Tensor, layout: FrameLayout) -> list[Tensor]:
    if layout.kind == "rgb":
        levels = (pixels.expand(3, -1, -1) * (2**layout.depth - 1)).round().clamp(0, 2**layout.depth - 1)
        return [levels[channel : channel + 1] for channel in (1, 2, 0)]
    if layout.is_grey and len(pixels) == 3:
        pixels = luma_full_range(pixels)
    return from_rgb(pixels, layout)


def _dtype(depth: int) -> "np.dtype[Any]":
    return np.dtype(np.uint8 if depth == 8 else np.uint16)


def _read_plane(plane: "av.video.plane.VideoPlane", depth: int) -> Tensor:
    dtype = _dtype(depth)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return torch.from_numpy(rows[: plane.height, : plane.width].astype(np.int32))[None]


def _write_plane(plane: "av.video.plane.VideoPlane", values: Tensor, depth: int) -> None:
    dtype = _dtype(depth)
    rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // dtype.itemsize), dtype)
    rows[: plane.height, : plane.width] = values.numpy().astype(dtype)
    plane.update(rows.tobytes())


def deinterlaced(frames: "Iterator[av.VideoFrame]", stream: Any, *, flagged_only: bool) -> "Iterator[av.VideoFrame]":
    """The frames after FFmpeg's bwdif, which looks at the neighbours of each."""
    graph = av.filter.Graph()
    source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
    bwdif = graph.add("bwdif", f"mode=send_frame:deint={'interlaced' if flagged_only else 'all'}")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    for frame in chain(frames, [None]):
        graph.push(frame)
        with suppress(av.BlockingIOError, EOFError):
            while True:
                yield graph.vpull()


def display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The nine numbers of a frame's display matrix, which turns and mirrors it; None without one."""
    data = _side_data(frame).get("DISPLAYMATRIX")
    return struct.unpack("<9i", data[:36]) if data else None


def hdr_data(frame: Any) -> dict[str, tuple[int, ...]]:
    """The integers of a frame's mastering display and content light level, where it has them."""
    found = _side_data(frame)
    return {name: struct.unpack_from(f"<{count}i", found[name]) for name, count in _INTEGERS.items() if name in found}


def side_data_names(frame: Any) -> set[str]:
    """The kinds of side data of a frame that describe it, without those of its encoding, and those that say nothing."""
    return {name for name, data in _side_data(frame).items() if name not in _OF_ENCODING and _says(name, data, frame)}


def side_data_loss(name: str) -> str:
    """A sentence for side data that the output does not hold."""
    shown = name.lower().replace("_", " ").replace("dovi", "Dolby Vision").replace("a53 cc", "closed captions")
    return f"cannot hold the side data {shown} of the frames"


def _says(name: str, data: bytes, frame: Any) -> bool:
    """Whether side data says more than that times begin at 0, or that the whole frame is shown, as MPEG-2 states."""
    if name == "GOP_TIMECODE":
        return bool(int.from_bytes(data, "little") & _TIME_OF_GOP)
    if name == "PANSCAN":
        _, width, height, *moves = struct.unpack_from("<3i6h", data)
        return width > 0 and (any(moves) or (width, height) != (16 * frame.width, 16 * frame.height))
    return True


def format_mastering(values: tuple[int, ...], chromaticity: int, luminance: int) -> str:
    """A mastering display as encoders take it; the numbers are units of a chromaticity of 1 and of 1 cd/m²."""
    scales = [chromaticity] * 8 + [luminance] * 2
    amounts = [scale * values[2 * at] / (values[2 * at + 1] or 1) for at, scale in enumerate(scales)]
    numbers = [f"{value:.6f}" if chromaticity == 1 else f"{round(value)}" for value in amounts]
    red, green, blue, white = (f"({numbers[at]},{numbers[at + 1]})" for at in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({numbers[9]},{numbers[8]})"


def _side_data(frame: Any) -> dict[str, bytes]:
    return {item.type.name: bytes(item) for item in frame.side_data}
