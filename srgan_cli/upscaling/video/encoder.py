"""Encoding: the encoder for a container and a bit depth, its options, and its packets."""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from operator import sub
from pathlib import Path
from typing import Any

import av
import av.logging

from srgan_cli.errors import UsageError, errors_as
from srgan_cli.image.raw_video.yuv import BT601_WEIGHTS
from srgan_cli.upscaling.video import frames
from srgan_cli.upscaling.video.encoder_options import encoder_options, is_hardware
from srgan_cli.upscaling.video.frames import FrameLayout, VideoFormat
from srgan_cli.upscaling.video.options import CONTAINERS, VideoOptions
from srgan_cli.upscaling.video.segments import EncodedPacket
from srgan_cli.upscaling.video.source import VideoSource

_ALIASES = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
_REPACKED = {"yuv420p": "nv12", "yuv420p10le": "p010le", "yuv422p10le": "p210le"}
"""Formats of hardware encoders that hold the same samples as planar ones."""
_OPAQUE = ("cuda", "vaapi", "qsv", "d3d11", "dxva2_vld", "videotoolbox_vld", "vulkan", "drm_prime", "amf")
"""Formats in the memory of a device."""


@dataclass(frozen=True, kw_only=True)
class EncoderSettings(VideoFormat):
    """How a video is encoded."""

    container: str
    """FFmpeg's name of the muxer."""
    codec: str
    """FFmpeg's name of the encoder."""
    pixel_format: str
    """The pixel format that it encodes, with the same samples."""
    options: tuple[tuple[str, str], ...]
    """Names and values of the encoder's options."""

    def add_to(self, container: "av.container.OutputContainer") -> "av.VideoStream":
        """A stream of these settings in a container.  Raises UsageError where the container cannot hold the codec."""
        shape: dict[str, Any] = {"width": self.width, "height": self.height, "time_base": self.time_base}
        message = f"{self.container} cannot hold video of {self.codec}"
        with errors_as(UsageError, message, "choose another --codec", ValueError, option="codec"):
            stream: Any = container.add_stream(self.codec, rate=self.rate, options=dict(self.options), **shape)
        context = stream.codec_context
        context.pix_fmt = self.pixel_format
        context.sample_aspect_ratio = self.aspect or Fraction(0)
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = self.tags
        if self.container in ("mp4", "mov") and context.codec.canonical_name == "hevc":
            context.codec_tag = "hvc1"  # which Apple's players need
        stream.set_display_matrix(self.rotation)
        return stream  # type: ignore[no-any-return]


def choose_encoder(
    source: VideoSource, times: Sequence[Fraction], target: Path, size: tuple[int, int], options: VideoOptions
) -> tuple[EncoderSettings, list[str]]:
    """The settings for a video enlarged to `size`, and a sentence for everything that they lose.

    `times` are those of its frames in the output, in seconds.

    Raises UsageError for an unknown codec, options that it does not take, and a size that it cannot encode.
    """
    container = CONTAINERS[target.suffix.lower()]
    name = options.codec or _default_codec(container, source.layout.depth)
    codec = _find_codec(_ALIASES.get(name.lower(), name.lower()))
    layout, pixel_format = _choose_format(codec, source.layout)
    _check_size(codec, layout, size)
    is_avi, first = container == "avi", times[0] if container == "avi" else 0  # where every stream begins at 0
    is_regular = all(((time - first) * source.rate).denominator == 1 for time in times)
    settings = EncoderSettings(
        container=container,
        codec=codec.name,
        height=size[0],
        width=size[1],
        layout=layout,
        pixel_format=pixel_format,
        options=tuple(encoder_options(codec, options, source, size, is_avi=is_avi).items()),
        tags=_tags(source, layout),
        time_base=1 / source.rate if is_regular else _avi_unit(times, source.rate) if is_avi else source.time_base,
        rate=source.rate,
        aspect=source.aspect,
        rotation=source.rotation and _scaled(source.rotation, size[1] / source.width, size[0] / source.height),
    )
    is_rounded = is_avi and not (is_regular and (first * source.rate).denominator == 1)
    lost = ["AVI has a fixed frame rate: the times of frames are rounded to it"] if is_rounded else []
    return settings, [*lost, *_losses(codec.name, source.layout, layout)]


def _scaled(matrix: tuple[int, ...], across: float, down: float) -> tuple[int, ...]:
    """A display matrix for frames of another size: what it moves them by are pixels, in 32 bits."""
    moves = (min(max(round(move), -(2**31)), 2**31 - 1) for move in (matrix[6] * across, matrix[7] * down))
    return *matrix[:6], *moves, *matrix[8:]


def to_units(time: Fraction, unit: Fraction) -> int:
    """The number of units that is nearest to a time, and the larger of two."""
    return floor(time / unit + Fraction(1, 2))


def _avi_unit(times: Sequence[Fraction], rate: Fraction) -> Fraction:
    """The time between frames of AVI, in which no two frames fall together."""
    numbers = {to_units(time, 1 / rate) for time in times}
    return 1 / rate if len(numbers) == len(times) else min(map(sub, times[1:], times))


def check_encoder(settings: EncoderSettings) -> list[EncodedPacket]:
    """The packets of a black frame.  Raises UsageError where the encoder does not accept its settings."""
    frame = av.VideoFrame(settings.width, settings.height, settings.layout.name)
    logged: list[str] = []
    try:
        with logging_to(logged), closing(SegmentEncoder(settings)) as encoder:
            return [*encoder.encode(frame, 0, 1), *encoder.flush()]
    except (av.FFmpegError, ValueError) as error:
        reason = next(iter(logged), "") or getattr(error, "strerror", None) or str(error)
        if is_hardware(settings.codec):
            hint = "it needs its device and driver; without them leave --codec out"
            message = f"{settings.codec} does not start on this machine: {reason}"
            raise UsageError(message, hint, option="codec") from error
        message = f"{settings.codec} does not encode {settings.width} x {settings.height} with these options: {reason}"
        raise UsageError(message, "choose another --codec, --crf or --preset", option="crf preset codec") from error


@contextmanager
def logging_to(logged: list[str], least: int = av.logging.ERROR) -> Iterator[None]:
    """Append what FFmpeg logs from a level on, which says more about errors than its codes."""
    level = av.logging.get_level()
    av.logging.set_level(least)
    try:
        with av.logging.Capture() as messages:
            yield
    finally:
        av.logging.set_level(level)
        logged += [text.strip(" .\n") for _level, _name, text in messages]


class SegmentEncoder:
    """Encodes the frames of one segment."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.settings = settings
        self.container = av.open(io.BytesIO(), "w", format=settings.container)  # sets what the muxer needs
        self.stream: Any = settings.add_to(self.container)
        self.durations: dict[int, int] = {}

    def encode(self, frame: "av.VideoFrame", time: int, duration: int) -> Iterator[EncodedPacket]:
        """The packets that are ready after another frame; `time` and `duration` are in units of the time base."""
        frame.pts, frame.time_base = time, self.settings.time_base
        frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = self.settings.tags
        self.durations[time] = duration
        return map(self._packet, self.stream.encode(frame))

    def flush(self) -> Iterator[EncodedPacket]:
        """The packets that are left at the end."""
        return map(self._packet, self.stream.encode(None))

    def close(self) -> None:
        """Free the encoder's memory, which waits for the garbage collector otherwise."""
        self.stream = None
        self.container.close()

    def _packet(self, packet: Any) -> EncodedPacket:
        return EncodedPacket(packet.pts, self.durations.pop(packet.pts, 0), bool(packet.is_keyframe), bytes(packet))


def _tags(source: VideoSource, layout: FrameLayout) -> tuple[int, int, int, int]:
    """The tags of the source, with the range and matrix of the layout."""
    had = source.layout
    is_converted = (layout.kind, layout.full_range) != (had.kind, had.full_range)
    luma = source.tags[2] if layout.luma_weights == had.luma_weights else frames.SMPTE170M
    matrix = {"rgb": 0, "grey": frames.UNSPECIFIED, "yuv": luma}[layout.kind]
    return (*source.tags[:2], matrix, frames.LIMITED_RANGE + layout.full_range if is_converted else source.tags[3])


def _default_codec(container: str, depth: int) -> str:
    if container == "webm":
        return "vp9" if depth == 8 else "av1"
    return "h264" if depth == 8 or container == "avi" else "h265"


def _find_codec(name: str) -> Any:
    hint = "use h264, h265, vp9, av1, or an encoder of FFmpeg"
    try:
        codec = av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        kind = f"{name.partition('_')[0]}_"
        known = (found for found in av.codecs_available if found.startswith(kind) and is_hardware(found))
        has = sorted(filter(_is_encoder, known))
        found = f"PyAV's FFmpeg has on this system: {', '.join(has) or 'none of this kind'}"
        raise UsageError(f"no encoder {name!r}", found if is_hardware(name) else hint, option="codec") from error
    if codec.type != "video":
        raise UsageError(f"{name} does not encode video", hint)
    return codec


def _is_encoder(name: str) -> bool:
    with suppress(av.codec.codec.UnknownCodecError):
        return bool(av.Codec(name, "w"))
    return False


def _choose_format(codec: Any, wanted: FrameLayout) -> tuple[FrameLayout, str]:
    """The planar layout that loses the least, and the encoder's pixel format for it."""
    formats = [known.name for known in codec.video_formats or []]
    names = [name for name in formats if name not in _OPAQUE] or [wanted.name]
    if formats and not set(formats) - set(_OPAQUE):
        message = f"{codec.name} takes frames in the memory of its device only"
        raise UsageError(message, "choose another --codec", option="codec")
    kept: dict[str, Any] = {key: getattr(wanted, key) for key in ("cosited", "full_range", "luma_weights")}
    planar = {name: replace(frames.layout_of(name), has_alpha=False, **kept) for name in names}
    name = min(planar, key=lambda name: (*_cost(planar[name], wanted), name != planar[name].name))
    layout = planar[name]
    layout = replace(layout, cosited=(layout.cosited[0], codec.canonical_name not in frames.CENTRED_CODECS))
    if codec.canonical_name == "mjpeg":
        layout = replace(layout, full_range=True, luma_weights=BT601_WEIGHTS)
    elif layout.kind != "rgb" and wanted.kind == "rgb":
        layout = replace(layout, full_range=False)
    exact = name in (layout.name, _REPACKED.get(layout.name), layout.name.replace("yuv", "yuvj"))
    return layout, layout.name if exact and name.startswith("yuvj") else name


def _cost(layout: FrameLayout, wanted: FrameLayout) -> tuple[int, ...]:
    """What a layout loses of another one, and then how much it stores beyond it; less is better."""
    loses_colour = layout.is_grey and not wanted.is_grey
    loses_chroma = sum(has and not had for has, had in zip(layout.subsampled, wanted.subsampled, strict=True))
    lost = int(loses_colour), max(0, wanted.depth - layout.depth), loses_chroma, int(layout.kind != wanted.kind)
    return *lost, layout.depth - wanted.depth, -sum(layout.subsampled)


def _losses(name: str, had: FrameLayout, has: FrameLayout) -> list[str]:
    losses = {
        f"{name} stores {has.depth} of this video's {had.depth} bits a channel": has.depth < had.depth,
        f"{name} stores chroma at a lower resolution": sum(has.subsampled) > sum(had.subsampled),
        "transparency of video is not enlarged: it is dropped": had.has_alpha,
    }
    return [loss for loss, applies in losses.items() if applies]


def _check_size(codec: Any, layout: FrameLayout, size: tuple[int, int]) -> None:
    if codec.name.startswith(("libvpx", "libsvtav1", "libaom", "ffv1")):  # which store odd sizes
        return
    for name, length, halved in zip(("height", "width"), size, layout.subsampled, strict=True):
        if halved and length % 2:
            message = f"{codec.name} with chroma of half the resolution needs an even {name}, found {length}"
            raise UsageError(message, "choose another --scale or --size, or --codec vp9", option="codec")
